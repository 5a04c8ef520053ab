"""The user's language: Korean for people, and nothing that a program reads is ever translated."""

import json
import re
import socket

import pytest

from meari import Server, environment, run, verbs

VERBS = verbs()
HANGUL = re.compile("[가-힣]")
KOREAN = environment(LANG="ko_KR.UTF-8")


def options_of(help_text):
    # Not an option that a description goes on with in its next line.
    return re.findall(r"^ {2,6}(-\S, --[\w-]+|--[\w-]+|-\S)", help_text, re.MULTILINE)


@pytest.mark.parametrize("env", [
    {"LANG": "ko_KR.UTF-8"},
    {"LANG": "ko_KR"},
    {"LANG": None, "LC_ALL": "ko_KR.UTF-8"},
    {"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"},
    {"LANG": "C.UTF-8", "LANGUAGE": "ko"},
    {"LANG": "ko_KR.UTF-8", "LANGUAGE": "ko:en"},
], ids=str)
def test_korean_however_it_is_asked_for(env):
    """Also where the system has not generated the locale, as on minimal systems."""
    assert run("--help", env=environment(**env)).stdout.startswith("사용법: meari")


@pytest.mark.parametrize("env", [
    {"LANG": None},
    {"LANG": ""},
    {"LANG": "C"},
    {"LANG": "C", "LANGUAGE": "ko"},
    {"LANG": "ko_KR.UTF-8", "LC_ALL": "C"},
    {"LANG": "ko_KR.UTF-8", "LANGUAGE": "en"},
    {"LANG": "xx_XX.UTF-8"},
    {"LANG": "no/such\nthing" + "x" * 5000},
], ids=lambda env: str(env)[:60])
def test_english_otherwise(env):
    assert run("--help", env=environment(**env)).stdout.startswith("Usage: meari")


def test_main_help():
    shown = run("--help", env=KOREAN).stdout
    for line in filter(None, shown.splitlines()):
        assert HANGUL.search(line), line
    assert re.findall(r"^  (\w+) ", shown, re.MULTILINE) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_verb_help(verb):
    english = run(verb, "--help")
    korean = run(verb, "--help", env=KOREAN)
    assert korean.returncode == 0 and korean.stderr == ""
    assert korean.stdout.startswith(f"사용법: meari {verb}")
    assert options_of(korean.stdout) == options_of(english.stdout)
    # Each option with what is said of it, which may begin on the line below.
    for entry in re.split(r"\n(?= {2,6}-)|\n\n", korean.stdout):
        assert HANGUL.search(entry), entry


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_option(verb):
    shown = run(verb, "--no-such-option", env=KOREAN)
    assert shown.returncode == 2
    assert shown.stderr.startswith("meari: ") and HANGUL.search(shown.stderr)
    assert "'--no-such-option'" in shown.stderr and "--help" in shown.stderr


def test_unknown_verb():
    shown = run("shout", env=KOREAN)
    assert shown.returncode == 2
    assert HANGUL.search(shown.stderr) and "'shout'" in shown.stderr


def test_version_is_for_programs():
    assert run("--version", env=KOREAN).stdout == run("--version").stdout


def keys_of(value):
    """All keys of a JSON value, at every depth."""
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_of(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in keys_of(inner)}
    return set()


def test_addr_json_has_the_same_keys():
    arguments = ("addr", "--json", "127.0.0.1:7")
    english, korean = run(*arguments), run(*arguments, env=KOREAN)
    assert english.returncode == 0, english.stderr
    assert keys_of(json.loads(korean.stdout)) == keys_of(json.loads(english.stdout))
    assert all(key.isascii() for key in keys_of(json.loads(korean.stdout)))


def test_talk_passes_bytes_in_any_language():
    with Server("tcp://127.0.0.1:0") as server:
        for env in (environment(), KOREAN, environment(LANG="C")):
            assert run("talk", server.addresses[0], input="안녕!!\n", env=env).stdout == "안녕!!\n"


def test_serve_speaks_korean():
    with Server("tcp://127.0.0.1:0", env=KOREAN) as server:
        assert server.stop() == 0
        assert HANGUL.search(server.stderr)
        assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", server.addresses[0])


def test_serve_log_keys_are_the_same():
    def events(env):
        with Server("tcp://127.0.0.1:0", "--log-format", "json", env=env) as server:
            with server.connect() as peer:
                peer.sendall(b"x")
                assert peer.recv(1) == b"x"
                # Its end comes back only when the server has closed it: nothing is left to drain.
                peer.shutdown(socket.SHUT_WR)
                assert peer.recv(1) == b""
            assert server.stop() == 0
            return [json.loads(line) for line in server.stderr.splitlines()]

    english, korean = events(environment()), events(KOREAN)
    assert english and [e["event"] for e in korean] == [e["event"] for e in english]
    assert [set(e) for e in korean] == [set(e) for e in english]
    assert [e["level"] for e in korean] == [e["level"] for e in english]
    assert all(event["event"].isascii() for event in korean)


# --lang, beside what the environment says

LANGUAGES = {"ko": "사용법: meari", "en": "Usage: meari"}


@pytest.mark.parametrize("env", [{"LANG": "C"}, {"LANG": "C.UTF-8"}, {"LANG": "ko_KR.UTF-8"}, {"LC_ALL": "POSIX"},
                                 {"LANG": "xx_XX.UTF-8", "LANGUAGE": "en:ko"}], ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_lang_wins_over_the_environment(language, env):
    for arguments in (("--lang", language, "--help"), (f"--lang={language}", "help"), ("help", "--lang", language),
                      ("--help", "--lang", language), ("addr", "--lang", language, "--help"),
                      ("addr", "--help", "--lang", language), ("--lang", language, "addr", "--help"),
                      ("help", "addr", f"--lang={language}"), ("--lang", language, "help", "addr")):
        shown = run(*arguments, env=environment(**env))
        assert shown.returncode == 0 and shown.stdout.startswith(LANGUAGES[language]), arguments


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_lang(verb):
    assert run(verb, "--help", "--lang=ko").stdout == run(verb, "--help", env=KOREAN).stdout
    assert run("--lang", "en", verb, "--help", env=KOREAN).stdout == run(verb, "--help").stdout
    assert re.search(r"^ +--lang=LANGUAGE", run(verb, "--help").stdout, re.MULTILINE)


def test_the_last_lang_holds():
    assert run("--lang", "en", "addr", "--lang=en", "--help", "--lang", "ko").stdout.startswith("사용법")


def test_lang_holds_for_what_stands_before_it():
    """A wrong option is told in the language that is asked for behind it."""
    for wrong in (("--no-such-option",), ("-Z",), ("-ZY", "x")):
        shown = run("serve", *wrong, "--lang", "ko")
        assert shown.returncode == 2 and HANGUL.search(shown.stderr), shown.stderr
    assert not HANGUL.search(run("serve", "-Z", "--lang", "en", env=KOREAN).stderr)


def test_lang_is_not_what_belongs_to_another_option():
    shown = run("report", "--label", "--lang", "fr", "/nonexistent/file")
    assert "not one of" not in shown.stderr and shown.returncode == 1
    assert run("addr", "--", "--lang", "ko").returncode == 1


@pytest.mark.parametrize("arguments", [("--lang", "fr"), ("--lang=fr", "--help"), ("--lang", "fr", "addr", "127.1"),
                                       ("help", "--lang", "fr"), ("addr", "--lang", "fr", "127.1"),
                                       ("addr", "127.1", "--lang=fr"), ("addr", "--help", "--lang", "fr")])
def test_wrong_lang(arguments):
    shown = run(*arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert re.fullmatch(r"meari: --lang 'fr' is not one of: ko, en \(see 'meari( addr)? --help'\)\n", shown.stderr)
    assert HANGUL.search(run(*arguments, env=KOREAN).stderr)


@pytest.mark.parametrize("arguments", [("--lang",), ("addr", "--lang"), ("help", "--lang")])
def test_lang_without_a_value(arguments):
    shown = run(*arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert re.fullmatch(r"meari: option '--lang' needs a value, LANGUAGE \(see '.*'\)\n", shown.stderr)


def test_lang_of_a_server_that_reads_its_options_again(tmp_path):
    options = tmp_path / "options"
    options.write_text("idle-timeout 5m\n")
    with Server("tcp://127.0.0.1:0", "--lang", "ko", "--config", options, "--verbose") as server:
        assert server.stop() == 0
        assert len(HANGUL.findall(server.stderr)) > 20


@pytest.mark.parametrize(("env", "korean"), [
    ({"LC_ALL": "C"}, False), ({"LANG": "ko_KR.UTF-8"}, True), ({"LANG": "C", "LANGUAGE": "ko"}, False),
    ({"LANG": "C.UTF-8", "LANGUAGE": "xx:ko"}, True), ({"LANG": "ko_KR.UTF-8", "LANGUAGE": "en"}, False),
], ids=str)
def test_lang_of_texts_in_tables(env, korean):
    """Those of the tour are not in the catalogue; they are in the language of the messages all the same."""
    env = environment(**env)
    assert bool(HANGUL.search(run("tour", "--list", env=env).stdout)) == korean
    assert bool(HANGUL.search(run("--help", env=env).stdout)) == korean
    assert HANGUL.search(run("tour", "--list", "--lang", "ko", env=env).stdout)
    assert not HANGUL.search(run("--lang", "en", "tour", "--list", env=env).stdout)


def test_lang_in_completions():
    rows = [line.split("\t") for line in run("--completions", "plain").stdout.splitlines()]
    assert {row[0] for row in rows if row[1] == "--lang" and row[-1] == "ko en"} == set(VERBS)
