"""What meari says of itself: help, version, and what is wrong with what was typed."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import termios
import unicodedata

import pytest

from meari import MEARI, ROOT, environment, run, verbs

VERBS = verbs()


def test_help_lists_every_verb_of_the_table():
    source = (ROOT / "src/cli/main.c").read_text()
    table = re.findall(r'\{ "(\w+)", N_\(', source)
    assert table and VERBS == table


@pytest.mark.parametrize("option", ["--help", "-h", "-?", "help"])
def test_help_goes_to_standard_output(option):
    result = run(option)
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: meari VERB")
    assert result.stderr == ""


def test_nothing_at_all_is_a_usage_error():
    result = run()
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Usage: meari VERB")


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option):
    result = run(option)
    assert result.returncode == 0
    assert re.fullmatch(r"meari \d+\.\d+\.\d+\n", result.stdout)


@pytest.mark.parametrize("arguments, what", [
    (("shout",), "unknown verb 'shout'"),
    (("help", "shout"), "unknown verb 'shout'"),
    (("sh\x1b[31mout",), r"unknown verb 'sh\x1b[31mout'"),
    (("--shout",), "unknown option '--shout' before the verb"),
    (("-v", "serve"), "unknown option '-v' before the verb"),
    (("help", "serve", "talk"), "help is about one verb at a time, 'talk' is one too many"),
])
def test_what_is_no_verb_is_named(arguments, what):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == f"meari: {what} (see 'meari --help')\n"


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--usage",), ("help",),
                                       ("help", "help"), ("help", "--help")])
def test_the_ways_to_ask_for_help(arguments):
    result = run(*arguments)
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: meari VERB")


@pytest.mark.parametrize("verb", VERBS)
def test_verb_help(verb):
    result = run(verb, "--help")
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith(f"Usage: meari {verb}")
    for standard in ("--help", "--usage", "--version"):
        assert standard in result.stdout
    assert run("help", verb).stdout == result.stdout


def columns(text):
    """How wide a terminal shows it."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("language", ["C.UTF-8", "ko_KR.UTF-8"])
@pytest.mark.parametrize("arguments", [("--help",), *((verb, option) for verb in VERBS
                                                      for option in ("--help", "--usage"))])
def test_help_fits_a_terminal(arguments, language, width):
    lines = run(*arguments, env=environment(LANG=language, COLUMNS=width)).stdout.splitlines()
    assert lines
    for line in lines:
        assert columns(line) <= width and line == line.rstrip(), line
    # ... and makes use of it: words wrap where the line is full, not before.
    assert max(map(columns, lines)) > width * 0.75 or arguments[0] not in ("serve", "bench")


def test_korean_help_is_wrapped_by_columns():
    """By bytes, a Korean line would be full after half of its columns."""
    shown = run("bench", "--help", env=environment(LANG="ko_KR.UTF-8")).stdout
    korean = [columns(line) for line in shown.splitlines() if re.search("[가-힣]", line)]
    assert max(korean) > 72


def test_help_is_as_wide_as_the_terminal():
    """Without COLUMNS the terminal is asked; where there is none it is 80."""
    control, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    shown = b""
    with os.fdopen(control, "rb", buffering=0) as reader:
        with subprocess.Popen([MEARI, "bench", "--help"], stdout=terminal,
                              env=environment(COLUMNS=None)) as process:
            os.close(terminal)
            try:
                while chunk := reader.read(4096):
                    shown += chunk
            except OSError:
                pass  # the end of what a terminal gives
        assert process.returncode == 0
    widths = [columns(line) for line in shown.decode().splitlines()]
    assert 90 < max(widths) <= 100
    piped = run("bench", "--help", env=environment(COLUMNS=None)).stdout.splitlines()
    assert 72 < max(map(columns, piped)) <= 80


@pytest.mark.parametrize("width", ["", "0", "x", "-5", "99999999999999999999", "7"])
def test_a_width_that_is_none(width):
    shown = run("serve", "--help", env=environment(COLUMNS=width))
    assert shown.returncode == 0 and "--threads=N" in shown.stdout


def option_lines(verb, **changes):
    """How many lines of the help each option has: {"-v, --verbose": 1}."""
    found, option = {}, None
    for line in run(verb, "--help", env=environment(**changes)).stdout.splitlines():
        if re.match(r" {2}-| {6}--", line):
            option = re.split(r" {2,}", line.strip())[0]
            found[option] = 1
        elif option and line.startswith("          "):
            found[option] += 1
        else:
            option = None
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_an_option_has_two_lines_at_most(verb):
    found = option_lines(verb, COLUMNS=80)
    assert found and {option: lines for option, lines in found.items() if lines > 2} == {}


def table():
    """The tables of options: [(verb, --name, -letter, value, kind, choices)]."""
    shown = run("--completions", "plain")
    assert shown.returncode == 0
    rows = [line.split("\t") for line in shown.stdout.splitlines()]
    assert len(rows) > 80 and all(len(row) == 6 for row in rows)
    return rows


def test_help_has_every_option_of_the_table():
    for verb in VERBS:
        shown = option_lines(verb).keys()
        named = {name for head in shown for name in re.findall(r"(?:^|, )(--[\w-]+|-\S)", head)}
        assert named == {name for row in table() if row[0] == verb for name in row[1:3] if name}


def test_a_value_has_a_kind():
    kinds = {"text", "number", "size", "time", "address", "file", "user", "choice", "name"}
    for verb, name, _, value, kind, choices in table():
        assert (kind in kinds) == bool(value), (verb, name)
        assert bool(choices) == (kind in ("choice", "name")), (verb, name)


# ---- what was meant ----

@pytest.mark.parametrize("arguments, message, meant", [
    (["bnech"], "unknown verb 'bnech'", "bench"),
    (["help", "srve"], "unknown verb 'srve'", "serve"),
    (["serve", "--threds", 4], "unknown option '--threds' of 'serve'", "--threads"),
    (["serve", "--threds=4"], "unknown option '--threds' of 'serve'", "--threads"),
    (["bench", "--vresion"], "unknown option '--vresion' of 'bench'", "--version"),
    (["serve", "-threads", 4], "unknown option '-t' of 'serve'", "--threads"),
    (["ping", "-C", 4], "unknown option '-C' of 'ping'", "-c"),
    (["serve", "--engine", "eplol"], "--engine 'eplol' is not one of: ", "epoll"),
    (["bench", "x", "--arrivals=posson"], "--arrivals 'posson' is not one of: constant, poisson", "poisson"),
    (["check", "x", "--rule", "exatc"], "--rule 'exatc' is no rule; --list shows them", "exact"),
    (["check", "x", "--skip", "half-clos"], "--skip 'half-clos' is no rule", "half-close"),
    # an address in the manner of other programs
    (["talk", "localhost", 5000], "one address is enough, '5000' is one too many", "localhost:5000"),
    (["ping", "::1", 7], "one address is enough, '7' is one too many", "[::1]:7"),
    (["bench", "udp://a.test", "echo"], "one address is enough, 'echo' is one too many", "udp://a.test:echo"),
    (["serve", "-p", 5000], "unknown option '-p' of 'serve'", "meari serve tcp://*:5000"),
    (["serve", "-p5000"], "unknown option '-p' of 'serve'", "meari serve tcp://*:5000"),
    (["serve", "--port=5000"], "unknown option '--port' of 'serve'", "meari serve tcp://*:5000"),
    (["serve", "--port", 5000, "::1"], "unknown option '--port' of 'serve'", "meari serve tcp://[::1]:5000"),
    (["talk", "a.test", "-p", 7], "unknown option '-p' of 'talk'", "meari talk tcp://a.test:7"),
    (["talk", "-u", "a.test", 7], "unknown option '-u' of 'talk'", "meari talk udp://a.test:7"),
    (["talk", "--host", "a.test", "--port", 7], "unknown option '--host' of 'talk'", "meari talk tcp://a.test:7"),
    (["serve", "--bind=127.0.0.1", "-p7"], "unknown option '--bind' of 'serve'", "meari serve tcp://127.0.0.1:7"),
    (["serve", "-p", 7, "--engine", "epoll", "-u"], "unknown option '-p' of 'serve'", "meari serve udp://*:7"),
    (["ping", "-p", 7, "-c", 3, "a.test"], "unknown option '-p' of 'ping'", "meari ping tcp://a.test:7"),
    (["serve", "-l", 7], "unknown option '-l' of 'serve'", "meari serve tcp://*:7"),
    (["serve", "--udp"], "unknown option '--udp' of 'serve'", "meari serve udp://*:5000"),
    (["serve", 5000], "'5000' is a port without a host", "*:5000"),
    (["serve", "127.0.0.1", 7], "'7' is a port without a host", "127.0.0.1:7"),
    (["check", 5000], "'5000' is a port without a host", "localhost:5000"),
])
def test_what_was_meant_is_offered(arguments, message, meant):
    result = run(*arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith(f"meari: {message}")
    assert result.stderr.endswith(f" (did you mean '{meant}'?)\n") and result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [
    ["serve", "-p", "five"], ["serve", "-p"], ["serve", "-p", 0], ["report", "-p", 5000], ["addr", "-u", "x"],
    ["talk", "localhost:1", 5000], ["talk", "unix:a", 5000], ["talk", "localhost", "hello"], ["check", "x", "--rule", ""],
])
def test_nothing_is_offered_where_nothing_is_near(arguments):
    result = run(*arguments)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert result.stderr.endswith(f"(see 'meari {arguments[0]} --help')\n")


def test_an_option_that_is_not_clear():
    result = run("bench", "--ver", "localhost")
    assert result.stderr == ("meari: option '--ver' is not clear: it could be --verify or --version "
                             "(see 'meari bench --help')\n")


@pytest.mark.parametrize("arguments", [["talk", "a\x1b[2Jb:x"], ["serve", "--engine", "\x1b[2J"],
                                       ["check", "--rule", "\u009b2J", "x"], ["serve", "\x1b[2J\x07:x"]])
def test_what_was_typed_does_nothing_to_a_terminal(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr), result.stderr


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("option", ["--no-such-option", "-~"])
def test_unknown_option_is_one_line_with_a_way_on(verb, option):
    result = run(verb, option)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"'{option}'" in result.stderr
    assert f"meari {verb} --help" in result.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("help",)])
def test_output_that_cannot_be_written_is_no_success(arguments):
    with open("/dev/full", "w") as full:
        result = run(*arguments, stdout=full)
    assert result.returncode == 1
    assert result.stderr == "meari: cannot write the output: No space left on device\n"


def test_help_needs_no_environment():
    result = subprocess.run([MEARI, "--help"], env={}, capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stdout == run("--help", env=environment(LANG="C")).stdout


# ---- completions ----

def completions(shell):
    result = run("--completions", shell)
    assert result.returncode == 0 and result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_name_every_option(shell):
    script = completions(shell)
    for verb, name, letter, *_ in table():
        own = [line for line in script.splitlines() if verb in line] if shell == "fish" else \
            re.findall(rf"^\t\t{verb}:\*\)\n.*?;;$|^\t{verb}\)\n.*?;;$", script, re.MULTILINE | re.DOTALL)
        form = name or letter
        if shell == "fish":
            form = f"-l {name[2:]} " if name else f"-s '{letter[1:]}'"
        assert any(form in text for text in own), (verb, name or letter)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_sound(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    script = tmp_path / "meari"
    script.write_text(completions(shell))
    checked = subprocess.run([shell, "-n", script], capture_output=True, text=True)
    assert checked.returncode == 0 and checked.stderr == ""


@pytest.mark.parametrize("words, offered", [
    (["meari", "b"], ["bench"]),
    (["meari", "help", "se"], ["serve"]),
    (["meari", "serve", "--max-m"], ["--max-memory="]),
    (["meari", "serve", "--engine", ""], ["auto", "epoll", "uring"]),
    (["meari", "serve", "--engine", "=", "ep"], ["epoll"]),
    (["meari", "serve", "--engine", "="], ["auto", "epoll", "uring"]),
    (["meari", "check", "--rule", "exa"], ["exact"]),
    (["meari", "bench", "--threads", ""], []),
    (["meari", "talk", "ud"], ["udp://"]),
    (["meari", "talk", "udp", ":"], ["//"]),
    (["meari", "serve", "--fault", "=", "del"], ["delay="]),
    (["meari", "nothing", "x"], []),
])
def test_completion_in_bash(words, offered, tmp_path):
    (tmp_path / "meari").write_text(completions("bash"))
    script = ('source ./meari; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _meari; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    shown = subprocess.run(["bash", "-c", script, "bash", *words], cwd=tmp_path, capture_output=True, text=True)
    assert shown.stderr == ""
    found = shown.stdout.split("\n")[:-1] if shown.stdout.strip() else []
    assert found == [word for word in offered if word != "uring" or "uring" in found]


def test_completions_of_no_shell():
    for arguments in (["tcsh"], []):
        result = run("--completions", *arguments)
        assert result.returncode == 2 and result.stdout == ""
        assert result.stderr == "meari: --completions needs a shell: bash, zsh or fish\n"
