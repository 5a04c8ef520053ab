"""Tab in real shells, at a terminal: what they would call after it."""

import pytest

from meari import ENGINES, run
from shells import Shell

SHELLS = ["bash", "zsh", "fish"]
FILES = {"bash": "meari.bash", "zsh": "functions/_meari", "fish": "completions/meari.fish"}


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, tmp_path_factory):
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    script = folder / FILES[name]
    script.parent.mkdir(exist_ok=True)
    script.write_text(run("--completions", name).stdout)
    (folder / "result-one.json").write_text("")
    (folder / "two words").write_text("")
    (folder / "runs").mkdir()
    (folder / "runs/last.json").write_text("")
    setup = {
        "bash": [f"source {script}"],
        "zsh": [f"fpath=({folder}/functions $fpath)", "autoload -U compinit", f"compinit -u -d {folder}/dump"],
        "fish": [f"set -p fish_complete_path {folder}/completions"],
    }[name]
    with Shell(name, folder, setup) as opened:
        yield opened


CASES = [
    # verbs
    ("meari ser\t", ["serve"]),
    ("meari help ben\t", ["help", "bench"]),
    # options, with and without a value, and the standard ones
    ("meari serve --max-mem\t1M", ["serve", "--max-memory=1M"]),
    ("meari check --lis\t", ["check", "--list"]),
    ("meari addr --vers\t", ["addr", "--version"]),
    # values: of a kind that is a choice; rules; faults
    ("meari serve --engine=ep\t", ["serve", "--engine=epoll"]),
    ("meari serve --engine ep\t", ["serve", "--engine", "epoll"]),
    ("meari bench --arrivals=po\tlocalhost", ["bench", "--arrivals=poisson", "localhost"]),
    ("meari check --rule half-close-s\t", ["check", "--rule", "half-close-slow-reader"]),
    ("meari check --skip=datagram-lo\t", ["check", "--skip=datagram-loop"]),
    ("meari serve --fault del\t20ms", ["serve", "--fault", "delay=20ms"]),
    ("meari serve --fault=del\t20ms", ["serve", "--fault=delay=20ms"]),
    ("meari serve --fault res\t", ["serve", "--fault", "reset"]),
    # addresses: schemes, and files behind unix:
    ("meari talk ud\tlocalhost:7", ["talk", "udp://localhost:7"]),
    ("meari talk loc\t", ["talk", "localhost:5000"]),
    ("meari talk localhost:50\t", ["talk", "localhost:5000"]),
    ("meari ping unixg\t@x", ["ping", "unixgram:@x"]),
    ("meari ping tcp:\thost", ["ping", "tcp://host"]),
    ("meari serve unix:result\t", ["serve", "unix:result-one.json"]),
    ("meari serve unix:runs/l\t", ["serve", "unix:runs/last.json"]),
    ("meari serve unix:@a udp\tlocalhost:7", ["serve", "unix:@a", "udp://localhost:7"]),
    # files
    ("meari report res\t", ["report", "result-one.json"]),
    ("meari report two\t", ["report", "two words"]),
    ("meari report runs/l\t", ["report", "runs/last.json"]),
    ("meari report --html=runs/l\t", ["report", "--html=runs/last.json"]),
    ("meari report -b res\t", ["report", "-b", "result-one.json"]),
    # a verb's name as something else does not change the verb
    ("meari report bench --baseli\tx", ["report", "bench", "--baseline=x"]),
]


def apart(words):
    """fish puts a space between an option and its value where others put "="."""
    return [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]


@pytest.mark.parametrize("keys, called", CASES, ids=[case[0].strip() for case in CASES])
def test_tab(shell, keys, called):
    assert apart(shell.enter(keys)) == apart(called)


def test_lists(shell):
    shell.offers("meari \t\t", "serve", "talk", "ping", "bench", "check", "report", "addr")
    shell.offers("meari serve --engine=\t\t", "auto", *ENGINES)
    shell.offers("meari serve --fault \t\t", "accept-delay=", "half-close", "reorder=")
    shell.offers("meari ping --time\t\t", "--timeout", "--timestamps")
