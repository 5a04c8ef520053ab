"""meari tour: as lines, where every claim is held to this kernel, and as a screen at a terminal."""

import errno
import re
import time
import unicodedata

import pytest

import meari
import seccomp
from meari import ANSWER_S
from talk_peers import Terminal

ENTER = "\r"
# What must be seen at a stop, breaks included: the errno, signal or state that the break promises.
SEEN = {
    1: ["htons(5000) = 34835", "-1 ECONNREFUSED", "60419", "-1 EACCES",
        "-1 EADDRINUSE", "TIME_WAIT"],
    2: ["SYN ACK", "queue 6/5", "SYN_SENT", "queue 1/0", "-1 ECONNREFUSED", "(waits)"],
    3: ['"안녕", 6, 0) = 6', r'"\xec", 1, 0) = 1', '= 9'],
    4: ["FIN_WAIT2", "CLOSE_WAIT", "TIME_WAIT", "-1 ECONNRESET", "result 1000", "RST"],
    5: ["-1 EAGAIN", "window 0", "returns 4096", "(waits)"],
    6: ["at least 30 ms", "below 25 ms", "TCP_NODELAY"],
    7: ["-1 ECONNRESET", "-1 EPIPE", "SIGPIPE 1 times", "-> SIGPIPE", "-> exit(1)", "SIGKILL"],
    8: ["POLLIN", "-1 EMFILE", "fork()", "no packet"],
    9: ["server.c = 0", "cc server.c ="],
}


def plain(*arguments, **options):
    return meari.run("tour", "--plain", *arguments, **options)


@pytest.mark.parametrize("stop", SEEN)
def test_every_claim_of_a_stop(stop):
    shown = plain("--lang", "en", stop)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stderr == ""
    assert "  ! " not in shown.stdout
    for text in SEEN[stop]:
        assert text in shown.stdout, text
    assert re.search(rf"^{stop}/9  ", shown.stdout)


def test_without_namespaces_and_in_korean():
    """The whole tour: the packets are inferred, all else is the same."""
    shown = plain("--lang", "ko", preexec_fn=seccomp.refuse("unshare", errno.EPERM))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "  ! " not in shown.stdout
    assert "(추정)" in shown.stdout and "(여기서는 볼 수 없음)" in shown.stdout
    assert [line[0] for line in shown.stdout.splitlines() if re.match(r"\d/9  ", line)] == list("123456789")
    assert re.search(r"클라이언트 -> 서버: SYN +\(추정\)", shown.stdout)
    assert re.search(r"서버 -> 클라이언트: ACK, 9바이트 \(추정\)", shown.stdout)
    assert re.search(r"클라이언트 -> 서버: FIN ACK \(추정\)", shown.stdout)


def test_the_lines_of_both_languages_have_the_same_steps():
    steps = [[re.sub(r":.*", "", line) for line in plain("--lang", lang, 3).stdout.splitlines()
              if re.match(r"\d+\.$", line)] for lang in ("ko", "en")]
    assert steps[0] == steps[1] and len(steps[0]) > 8


def test_the_loop_of_one_byte_is_slow_and_a_buffer_is_not():
    shown = plain("--lang", "en", "bytewise").stdout
    slow = re.findall(r"client: recv.* = 13  \(([\d.]+) ms\)", shown)
    assert [float(ms) >= 30 for ms in slow].count(True) == 1


def test_a_kernel_that_disagrees_is_named():
    shown = plain("--lang", "en", "ending", preexec_fn=seccomp.refuse("shutdown", errno.EPERM))
    assert shown.returncode == 1
    assert re.search(r"^  ! result 0: the kernel says result -1 EPERM$", shown.stdout, re.MULTILINE)
    assert re.fullmatch(r"meari: this kernel disagrees with the tour in \d+ places \(.*\)\n", shown.stderr)


def test_a_pipe_gets_lines():
    shown = meari.run("tour", "--lang", "en", "address")
    assert shown.returncode == 0
    assert "\033" not in shown.stdout and shown.stdout.startswith("1/9  Addresses and byte order")


def test_language_of_the_environment():
    shown = meari.run("tour", "--list", env=meari.environment(LANG="ko_KR.UTF-8"))
    assert shown.stdout.splitlines()[1] == "2  connect    연결을 맺는 것은 누구인가"
    assert meari.run("tour", "--list").stdout.splitlines()[1] == "2  connect    Who makes the connection"
    assert len(shown.stdout.splitlines()) == 9


@pytest.mark.parametrize("arguments, message", [
    (["10"], "there is no stop '10'"),
    (["adress"], "there is no stop 'adress'"),
    (["1", "2"], "one stop is enough, '2' is one too many"),
    (["--lang", "fr"], "--lang 'fr' is not one of: ko, en"),
])
def test_wrong_options(arguments, message):
    shown = meari.run("tour", *arguments)
    assert shown.returncode == 2 and message in shown.stderr


# ---- at a terminal ----


class Tour(Terminal):
    """The tour on a pseudo terminal; lines() is the last screen that it has drawn."""

    def __init__(self, *arguments, answer="\033[1;2R", **options):
        super().__init__(*arguments, verb="tour", **options)
        self.frames(0)
        self.type(answer)  # where the cursor is behind one line of ambiguous width

    def frames(self, count):
        while self.raw.count(b"\033[J") < count or b"\033[6n" not in self.raw:
            self._read(time.monotonic() + ANSWER_S, f"{count} screens")
        return self.raw.count(b"\033[J")

    def lines(self):
        text = self.raw.decode(errors="replace")
        whole = text[:text.rindex("\033[J")] if "\033[J" in text else ""
        return [re.sub("\033\\[K\r*$", "", line) for line in whole.split("\033[H")[-1].split("\n")]

    def press(self, keys):
        """Each key, once what the key before has drawn is there."""
        for key in keys:
            count = self.frames(1)
            self.type(key)
            self.frames(count + 1)
        return self.lines()

    def wait_lines(self, text):
        deadline = time.monotonic() + ANSWER_S
        while not any(text in line for line in self.lines()):
            self._read(deadline, text)
        return self.lines()


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def check(lines):
    assert len(lines) == 24
    assert max(map(width, lines)) <= 80
    return lines


@pytest.mark.parametrize("lang, waiting", [("ko", "기다리는 중"), ("en", "waits")])
def test_a_stop_at_a_terminal(lang, waiting):
    with Tour("--lang", lang, "connect") as tour:
        check(tour.wait_lines("2/9"))
        check(tour.press(ENTER * 2))
        assert any("connect(4, 127.0.0.1:" in line for line in check(tour.press("1"))[3:12])
        lines = check(tour.press(ENTER))
        assert any(("아닙니다. 답은 3번입니다" if lang == "ko" else "no. The answer is 3.") in line for line in lines)
        assert "ESTABLISHED" in lines[13] and "LISTEN" in lines[13] and "ESTABLISHED" in lines[14]
        # broken on purpose, the second way: nobody accepts
        lines = check(tour.press("x"))
        assert re.match(r" +2\) ", lines[4])
        check(tour.press("2"))
        lines = check(tour.press(ENTER * 3))
        assert any(waiting in line for line in lines[3:12])
        assert "SYN_SENT" in lines[14]
        # back, words, source
        assert not any(waiting in line for line in check(tour.press("b"))[3:12])
        assert any("backlog" in line for line in check(tour.press("?"))[3:12])
        tour.press(ENTER + "x0" + ENTER)
        lines = check(tour.press("s"))
        assert re.match(r" examples/ex12-05\.c, ", lines[2])
        assert [line for line in lines[3:12] if line.startswith("> ")] == [
            "> " + line for line in [lines[7][2:]]] and "listen(sockfd, 5)" in lines[7]
        tour.type("q")
        assert tour.end() == 0
        assert tour.restored()


def test_the_language_changes_at_once():
    with Tour("--lang", "en", "stream") as tour:
        tour.wait_lines("3/9")
        assert "First, " not in tour.press(ENTER)[16]
        english = tour.lines()
        korean = tour.press("L")
        assert "server" in english[2] and "서버" in korean[2]
        assert korean[3][:30] == english[3][:30]  # the call
        assert "기다리는 중" in korean[4] and "waits" in english[4]
        assert tour.press("L") == english
        tour.type("q")
        assert tour.end() == 0


def test_breaks_of_a_dead_peer():
    with Tour("--lang", "en", "dead") as tour:
        tour.wait_lines("7/9")
        tour.press("x1")
        lines = tour.press("2" + ENTER)
        assert any("-> SIGPIPE" in line for line in lines[3:12])
        assert any("guess, 2: right" in line for line in lines)
        assert "[broken: SIGPIPE by default]" in lines[0]
        # Enter behind the last call: the stop goes on where it was broken
        lines = tour.press(ENTER)
        assert "broken" not in lines[0] and any("ECONNRESET" in line for line in lines[3:12])
        tour.type("q")
        assert tour.end() == 0


def test_a_window_that_is_too_small():
    with Tour("--lang", "en", "stream") as tour:
        tour.wait_lines("3/9")
        tour.resize(60)
        tour.process.send_signal(28)  # SIGWINCH: the master's ioctl reaches the child's group only
        assert tour.wait_lines("80x24 needed, now 60x24")[0] == "The window is too small."
        tour.press(ENTER)  # makes no call that nobody can see
        tour.resize(100, 40)
        tour.process.send_signal(28)
        lines = check(tour.wait_lines("3/9"))
        assert "> recv" not in lines[3] and "recv(5, buf, 100" in lines[3]
        tour.type("q")
        assert tour.end() == 0


def test_the_end_of_the_input_ends_the_tour():
    """Ctrl-D, which a terminal with keys one at a time passes on as a byte."""
    with Tour("--lang", "en", "stream") as tour:
        tour.wait_lines("3/9")
        tour.press(ENTER)  # a call waits
        tour.type("\x04")
        assert tour.end() == 0
        assert tour.restored()


def test_ctrl_c_gives_the_terminal_back():
    with Tour("--lang", "en", "stream") as tour:
        tour.wait_lines("3/9")
        tour.press(ENTER)  # a call waits
        tour.type("\x03")
        assert tour.end() == 130
        assert tour.restored()
        assert tour.raw.endswith(b"\033[?25h\033[?1049l")


def test_ascii_where_lines_are_two_columns_wide():
    with Tour("--lang", "ko", "connect", answer="\033[1;3R") as tour:
        tour.wait_lines("2/9")
        lines = check(tour.press(ENTER * 3))
        assert lines[1] == "-" * 80
        assert not re.search("[─│◀▶]", "".join(lines))
        tour.type("q")
        assert tour.end() == 0


def test_ascii_in_a_locale_without_utf_8():
    with Tour("--lang", "en", "connect", LANG="C") as tour:
        assert tour.wait_lines("2/9")[1] == "-" * 80
        tour.type("q")
        assert tour.end() == 0


def test_inferred_is_said_on_the_screen(monkeypatch):
    monkeypatch.setattr("subprocess.Popen", refusing(errno.EPERM))
    with Tour("--lang", "ko", "connect") as tour:
        tour.wait_lines("회선 (추정)")
        tour.type("q")
        assert tour.end() == 0


def refusing(error):
    """subprocess.Popen, where unshare() fails."""
    import subprocess
    popen = subprocess.Popen
    refuse = seccomp.refuse("unshare", error)

    def start(*arguments, preexec_fn=None, **options):
        def both():
            if preexec_fn is not None:
                preexec_fn()
            refuse()
        return popen(*arguments, preexec_fn=both, **options)
    return start


# ---- your turn ----

MENDED = {
    "address.sin_port = port;": "address.sin_port = htons(port);",
    "for (int clients = 0; clients < 1; clients++)": "for (;;)",
    "if (got < 0)": "if (got <= 0)",
    "send(conn, buffer, sizeof(buffer), 0)": "send(conn, buffer, got, MSG_NOSIGNAL)",
}


def graded(tour):
    tour.wait_lines("9/9")
    lines = tour.press(ENTER * 3)
    return re.findall(r"\[(.)\] \((\d)\)", "\n".join(lines[3:12]))


def test_your_turn(tmp_path, monkeypatch):
    here, aside = tmp_path / "here", tmp_path / "aside"
    here.mkdir()
    aside.mkdir()
    monkeypatch.chdir(here)
    with Tour("yours", TMPDIR=aside) as tour:
        assert graded(tour) == [(" ", str(i)) for i in range(1, 6)]
        # mended, and looked at again from the same place
        source = (here / "server.c").read_text()
        for old, new in MENDED.items():
            assert source.count(old) == 1
            source = source.replace(old, new)
        (here / "server.c").write_text(source)
        tour.press("bb")
        lines = tour.press(ENTER * 2)
        assert re.findall(r"\[(.)\]", "\n".join(lines[3:12])) == ["x"] * 5
        tour.type("q")
        assert tour.end() == 0
    assert (here / "server.c").read_text() == source
    assert [path.name for path in here.iterdir()] == ["server.c"]
    assert list(aside.iterdir()) == []
