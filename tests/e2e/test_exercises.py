"""The exercises: skeletons that compile as they are, and pass every rule of their grade once filled.

The answers are here and nowhere in exercises/. What is left empty must be found: hole 6, 7 and 8 hold code that
compiles and is wrong, and a rule fails for each.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from meari import MEARI, environment
from test_examples import comments, tokens

EXERCISES = Path(__file__).resolve().parents[2] / "exercises"
PATIENCE = 20

ANSWERS = {
    "server": {
        1: 'sockfd = socket(AF_INET, SOCK_STREAM, 0); if (sockfd == -1) fail("socket");',
        2: """struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
              int on = 1;
              address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
              setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
              if (bind(sockfd, (struct sockaddr *)&address, sizeof(address)) == -1) fail("bind");""",
        3: 'if (listen(sockfd, SOMAXCONN) == -1) fail("listen");',
        4: "sockfd_connect = accept(sockfd, NULL, NULL); if (sockfd_connect == -1) continue;",
        5: "got = recv(sockfd, buffer, sizeof(buffer), 0);",
        6: "if (got <= 0) return;",
        7: "bytes += sent; count -= (size_t)sent;",
        8: "signal(SIGPIPE, SIG_IGN);",
    },
    "client": {
        1: """server.sin_port = htons((in_port_t)port);
              if (inet_pton(AF_INET, host, &server.sin_addr) != 1) {
                  fprintf(stderr, "'%s' is not an address\\n", host);
                  return 2;
              }""",
        2: """sockfd = socket(AF_INET, SOCK_STREAM, 0);
              if (sockfd == -1) fail("socket");
              if (connect(sockfd, (struct sockaddr *)&server, sizeof(server)) == -1) fail("connect");""",
        3: "if (got <= 0) server_is_gone();",
        4: "count -= (size_t)got;",
        5: """char rest;
              shutdown(sockfd, SHUT_WR);
              while (recv(sockfd, &rest, 1, 0) > 0) continue;
              close(sockfd);
              return EXIT_SUCCESS;""",
    },
}


def compiler():
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not found:
        pytest.skip("no C compiler for the exercises")
    return found


def fill(name, holes):
    """The skeleton's text with these holes filled, each from the end of its comment to its end mark."""
    text = (EXERCISES / f"{name}.c").read_text()
    for hole in holes:
        pattern = rf"(Hole {hole}:(?:(?!\*/).)*\*/).*?(/\* End of hole {hole}\. \*/)"
        text, count = re.subn(pattern, lambda m: f"{m[1]}\n{ANSWERS[name][hole]}\n{m[2]}", text, flags=re.DOTALL)
        assert count == 1, f"{name}.c has no hole {hole}"
    return text


def build(folder, name, holes=()):
    source, program = folder / f"{name}.c", folder / name
    source.write_text(fill(name, holes))
    subprocess.run([compiler(), "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", program, source], check=True)
    return program


class Running:
    """A server of the exercises on a free port."""

    def __init__(self, program):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([program, str(self.port)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        assert self.process.stderr.readline().startswith(f"listening on 127.0.0.1 port {self.port},")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def check(server, *rules):
    """The exit status of meari check, and its verdicts by rule."""
    options = [option for rule in rules for option in ("--rule", rule)]
    done = subprocess.run([MEARI, "check", "--json", "--timeout", "1s", "--size", "4M", *options,
                           f"127.0.0.1:{server.port}"], capture_output=True, text=True, env=environment(), timeout=120)
    return done.returncode, {rule["name"]: rule["verdict"] for rule in json.loads(done.stdout)["rules"]}


def grade_lines(name="chapter.grade"):
    text = (EXERCISES / name).read_text()
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("language", ["", "ko"])
@pytest.mark.parametrize("tool", ["gcc", "clang"])
def test_skeletons_compile_without_warnings(tmp_path, name, language, tool):
    if not shutil.which(tool):
        pytest.skip(f"no {tool}")
    subprocess.run([tool, "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-o", tmp_path / name,
                    EXERCISES / language / f"{name}.c"], check=True)


@pytest.mark.parametrize("name", ANSWERS)
def test_both_languages_have_the_same_code_and_holes(name):
    english, korean = EXERCISES / f"{name}.c", EXERCISES / "ko" / f"{name}.c"
    assert tokens(korean) == tokens(english)
    assert len(comments(korean)) == len(comments(english))
    assert re.findall(r"Hole (\d+):", english.read_text()) == re.findall(r"빈칸 (\d+):", korean.read_text())
    assert sorted(map(int, re.findall(r"End of hole (\d+)", english.read_text()))) == list(ANSWERS[name])


@pytest.mark.parametrize("hole", range(1, 5))
def test_an_empty_hole_of_the_server_is_named(tmp_path, hole):
    """One after the other; each state compiles without a warning."""
    done = subprocess.run([build(tmp_path, "server", range(1, hole)), "0"], capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.endswith(f"hole {hole} is empty\n")


def test_hole_5_is_named_once_a_client_comes(tmp_path):
    with Running(build(tmp_path, "server", range(1, 5))) as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE):
            assert server.process.stderr.readline() == "hole 5 is empty\n"
        assert server.process.wait(PATIENCE) == 1


def test_five_holes_make_a_first_echo(tmp_path):
    with Running(build(tmp_path, "server", range(1, 6))) as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
            client.sendall("안녕\n".encode())
            assert client.recv(7, socket.MSG_WAITALL) == "안녕\n".encode()


@pytest.mark.parametrize("hole", [1, 2])
def test_an_empty_hole_of_the_client_is_named(tmp_path, hole):
    done = subprocess.run([build(tmp_path, "client", range(1, hole))], capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.endswith(f"hole {hole} is empty\n")


def passed(rule):
    """With so few bytes these two rules say that kernel buffers could have held everything."""
    return "skip" if rule in ("slow-reader", "stuck") else "pass"


def test_the_filled_server_passes_every_rule_of_its_grade(tmp_path):
    with Running(build(tmp_path, "server", ANSWERS["server"])) as server:
        status, verdicts = check(server, *(rule for rule, _ in grade_lines()))
    assert verdicts == {rule: passed(rule) for rule, _ in grade_lines()}
    assert status == 0


def test_a_server_for_several_clients_passes_the_grade_of_the_class(tmp_path, monkeypatch):
    """Part 9 by fork(): the first two lines of hole 4 are as before."""
    monkeypatch.setitem(ANSWERS["server"], 4, ANSWERS["server"][4] + """
        pid_t child = fork();
        if (child == 0) { echo(sockfd_connect); _exit(0); }
        close(sockfd_connect);
        signal(SIGCHLD, SIG_IGN);
        continue;""")
    rules = [rule for rule, _ in grade_lines("class.grade")]
    with Running(build(tmp_path, "server", ANSWERS["server"])) as server:
        assert check(server, *rules) == (0, {rule: passed(rule) for rule in rules})


@pytest.mark.parametrize("hole, rule", [(6, "half-close"), (7, "exact")])
def test_what_a_hole_costs(tmp_path, hole, rule):
    filled = set(ANSWERS["server"]) - {hole}
    with Running(build(tmp_path, "server", filled)) as server:
        assert check(server, rule) == (3, {rule: "fail"})


@pytest.mark.parametrize("filled", [True, False])
def test_what_hole_8_costs(tmp_path, filled):
    """A client that sent much and left before the server ran. The first piece draws an RST, the next SIGPIPE."""
    holes = set(ANSWERS["server"]) - (set() if filled else {8})
    with Running(build(tmp_path, "server", holes)) as server:
        process = server.process
        process.send_signal(signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
            client.sendall(bytes(20000))
        process.send_signal(signal.SIGCONT)
        if filled:
            assert check(server, "one-byte") == (0, {"one-byte": "pass"})
        else:
            assert process.wait(PATIENCE) == -signal.SIGPIPE


@pytest.mark.parametrize("name", ["chapter.grade", "class.grade"])
def test_a_grade_is_100_points_of_known_rules(name):
    listed = subprocess.run([MEARI, "check", "--list"], capture_output=True, text=True, env=environment()).stdout
    known = {line.split()[0] for line in listed.splitlines()}
    assert {rule for rule, _ in grade_lines(name)} <= known
    assert sum(int(points) for _, points in grade_lines(name)) == 100


def talk(program, port, text):
    done = subprocess.run([program, "127.0.0.1", str(port)], input=text, capture_output=True, timeout=PATIENCE)
    return done.stdout, done.returncode


def test_the_filled_client(tmp_path):
    text = "hello world!\n안녕!!\n" + "가" * 20000 + "\nno newline"
    client = build(tmp_path, "client", ANSWERS["client"])
    with Running(build(tmp_path, "server", ANSWERS["server"])) as server:
        out, status = talk(client, server.port, text.encode())
        prompt = "Input a message\n"
        assert out.decode() == prompt + text.replace("\n", "\n" + prompt) + prompt
        assert status == 0


def test_the_client_notices_that_the_server_is_gone(tmp_path):
    client = build(tmp_path, "client", ANSWERS["client"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen([client, "127.0.0.1", str(listener.getsockname()[1])],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        listener.accept()[0].close()
        out, _ = process.communicate(b"hello\n", PATIENCE)
    assert out.endswith(b"server has no reply\n") and process.returncode == 1


def test_the_client_needs_holes_3_and_4(tmp_path):
    """Without 4 a long line comes back in part only; then the next line gets what is left of it."""
    text = "가" * 20000 + "\n"
    with Running(build(tmp_path, "server", ANSWERS["server"])) as server:
        out, _ = talk(build(tmp_path, "client", {1, 2, 3, 5}), server.port, text.encode())
    assert text.encode() not in out


def check_knows(option):
    return option in subprocess.run([MEARI, "check", "--help"], capture_output=True, text=True,
                                    env=environment()).stdout


@pytest.mark.parametrize("name", ["chapter", "class"])
def test_the_grade_fits_the_profile(tmp_path, name):
    """Each rule of the file is in the profile: else nobody could reach the full score."""
    if not check_knows("--grade"):
        pytest.skip("this meari check does not grade")
    program = build(tmp_path, "server", ANSWERS["server"])
    done = subprocess.run([MEARI, "check", "--run", f"{program} {{port}}", "--grade", EXERCISES / f"{name}.grade",
                           "--profile", name, "--json"], capture_output=True, text=True, env=environment(), timeout=120)
    if name == "chapter":
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert done.returncode == 3, done.stdout + done.stderr  # part 9 is not there: one client at a time


ROOT = EXERCISES.parent
PAGES = ["README.md", "README.ko.md", "docs/textbook.md", "docs/textbook.ko.md", "docs/teaching.md", "docs/teaching.ko.md",
         "examples/README.md", "examples/README.ko.md", "exercises/README.md", "exercises/README.ko.md",
         "exercises/sheet.md", "exercises/sheet.ko.md"]


def anchors(page):
    return set(re.findall(r'<a id="([^"]+)">', page.read_text()))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Files and anchors; a Korean page leads to Korean pages where there are any."""
    text = (ROOT / page).read_text()
    for label, link in re.findall(r"\[([^\]]+)\]\((?!https?:)([^)]+)\)", text):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link
        if page.endswith(".ko.md") and target.suffix == ".md" and label != "English":
            assert target.name.endswith(".ko.md") or not target.with_suffix(".ko.md").exists(), link


COMMAND = "meari check --run './server {port}' --grade chapter.grade --profile chapter"


def test_everything_grades_with_the_same_command():
    for name in ("exercises/autograding.yml", "exercises/README.md", "exercises/README.ko.md", "exercises/Makefile",
                 "docs/teaching.md", "docs/teaching.ko.md"):
        text = re.sub(r"\s+", " ", (ROOT / name).read_text()).replace("$(MEARI)", "meari")
        assert COMMAND in text, name
