"""What meari says of itself: help, version, and what is wrong with what was typed."""

import re
import subprocess

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


@pytest.mark.parametrize("verb", VERBS)
def test_verb_help_fits_a_terminal(verb):
    for line in run(verb, "--help").stdout.splitlines():
        assert len(line) <= 80, line


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
