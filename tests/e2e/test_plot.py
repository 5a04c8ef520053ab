"""`--plot` of `meari bench` and `meari ping`: pictures in the terminal."""

import re

import pytest

import meari
from meari import Server, run


def rows(text, mark):
    """The lines of a picture, whose axis is the mark."""
    return [line for line in text.splitlines() if re.match(rf"^ *([\d.]+ [num]?s)? ?[{mark}]", line)]


@pytest.mark.parametrize("how, mark, ink", [("ascii", "|", "#"), ("braille", "┤│", "⣿█▏")])
def test_bench(how, mark, ink):
    with Server("tcp://127.0.0.1:0") as server:
        done = run("bench", server.addresses[0], "-d", "1s", "-w", "0s", "--interval", "100ms", f"--plot={how}")
        plain = run("bench", server.addresses[0], "-d", "1s", "-w", "0s", "--interval", "100ms")
    assert done.returncode == 0, done.stderr
    drawn = rows(done.stdout, mark)
    assert len(drawn) == 12 + 9
    counted = sum(int(found[1]) for line in drawn if (found := re.search(r" (\d+) \([\d.]+%\)$", line)))
    assert counted == int(re.search(r"messages +(\d+) sent", done.stdout)[1])
    assert any(char in done.stdout for char in ink)
    assert max(map(len, drawn)) <= 80
    assert not rows(plain.stdout, mark)


def test_ping():
    with Server("tcp://127.0.0.1:0?fault=delay=20ms,p=10%,seed=3") as server:
        done = run("ping", server.addresses[0], "-c", "40", "-i", "5ms", "-q", "--plot=ascii")
    assert done.returncode == 0, done.stderr
    drawn = rows(done.stdout, "|")
    assert len(drawn) == 12 + 9
    assert sum(int(found[1]) for line in drawn if (found := re.search(r" (\d+) \(", line))) == 40
    assert "lost  " not in done.stdout


def test_what_was_lost_is_marked():
    with Server("udp://127.0.0.1:0?fault=drop,p=50%,seed=3") as server:
        done = run("ping", server.addresses[0], "-c", "30", "-i", "10ms", "-W", "50ms", "-q", "--plot=ascii")
    assert re.search(r"^ +lost  [ x]*x", done.stdout, re.MULTILINE), done.stdout


def test_nothing_measured_is_nothing_drawn():
    with Server("udp://127.0.0.1:0?fault=drop") as server:
        done = run("ping", server.addresses[0], "-c", "2", "-i", "10ms", "-W", "50ms", "-q", "--plot=ascii")
    assert done.returncode == 1 and not rows(done.stdout, "|")


def test_by_the_environment():
    with Server("tcp://127.0.0.1:0") as server:
        def asked(**env):
            done = run("ping", server.addresses[0], "-c", "3", "-i", "5ms", "-q", "--plot",
                       env=meari.environment(**env))
            return "#" in done.stdout
        assert asked(LANG="C", TERM="xterm")
        assert asked(LANG="C.UTF-8", TERM="linux")
        assert not asked(LANG="C.UTF-8", TERM="xterm")


@pytest.mark.parametrize("arguments, text", [
    (["ping", "localhost:1", "--plot", "--json"], "--plot is for people: it does not go with --json"),
    (["ping", "localhost:1", "--plot=colour"], "--plot"),
    (["bench", "localhost:1", "--plot=colour"], "--plot"),
    (["ping", "localhost:1", "--wait", "1s", "--plot"], "--wait does not go with --plot"),
])
def test_mistakes(arguments, text):
    done = run(*arguments)
    assert done.returncode == 2 and text in done.stderr and len(done.stderr.splitlines()) == 1
