"""meari talk at a terminal: the prompt, the commands, and the server's end."""

import re
import select
import signal
import socket
import threading

import pytest

from talk_peers import Datagrams, Peer, Terminal, echo, reset

PROMPT = "Input a message"


def test_the_chapters_transcript():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello world!")
        terminal.wait(PROMPT, 2)
        terminal.say("안녕!!")
        terminal.wait(PROMPT, 3)
        terminal.type("\x03")
        assert terminal.end() == 0
        assert terminal.screen() == [
            PROMPT, "hello world!", "hello world!", PROMPT, "안녕!!", "안녕!!", PROMPT, "^C", ""]
        assert terminal.restored()


def test_with_meari_serve(server):
    """All of it against our own server, on every engine; the urgent byte comes back in its place."""
    with Terminal("-v", server.addresses[0]) as terminal:
        terminal.wait(PROMPT)
        terminal.say("안녕!!")
        terminal.wait(PROMPT, 2)
        terminal.say("/urgent X")
        terminal.wait(PROMPT, 3)
        assert any(re.fullmatch(r"X +[\d.]+[mu]?s", line) for line in terminal.screen())
        terminal.say("/half-close")
        terminal.wait("the server finished too; everything came back")
        assert terminal.end() == 0


def test_with_meari_serve_that_is_stopped(server):
    with Terminal(server.addresses[0]) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.wait(PROMPT, 2)
        terminal.type("half a line")
        terminal.wait("half a line")
        server.stop(signal.SIGKILL)
        assert terminal.end() == 1
        assert terminal.screen()[-2].startswith("meari: the server ")
        assert terminal.restored()


def test_prompt_is_translated():
    with Peer(echo) as peer, Terminal(peer.address, LANGUAGE="ko", LANG="ko_KR.UTF-8") as terminal:
        terminal.wait("\n")
        terminal.say("안녕!!")
        terminal.wait("안녕!!", 2)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_ctrl_d_finishes_and_receives_the_rest():
    rest = threading.Event()

    def late(connection):
        data = connection.recv(100)
        while more := connection.recv(100):
            data += more
        rest.set()
        connection.sendall(data)

    with Peer(late) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("later")
        terminal.type("\x04")
        assert terminal.end() == 0
        assert rest.is_set()
        assert terminal.screen().count("later") == 2
        assert terminal.restored()


@pytest.mark.parametrize("leave", ["/quit\r", "\x04"])
def test_leaving_at_once_is_fine(leave):
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.type(leave)
        assert terminal.end() == 0
        assert "meari:" not in "\n".join(terminal.screen())


def test_editing_and_history():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("안녕히\x7f하세요")  # a whole syllable is erased
        terminal.wait(PROMPT, 2)
        assert terminal.screen()[2] == "안녕하세요"
        terminal.type("\033[A")  # the line before
        terminal.wait("안녕하세요", 3)
        terminal.say("\x01>")  # at its beginning
        terminal.wait(">안녕하세요", 2)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_echo_in_pieces_and_the_prompt_only_after_the_newline():
    def pieces(connection):
        data = connection.recv(100)
        for byte in data[:-1]:
            connection.sendall(bytes([byte]))
        peer.go_on.wait()
        connection.sendall(data[-1:])
        connection.recv(1)

    with Peer(pieces) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("안녕!!")
        terminal.wait("안녕!!", 2)
        assert "\n".join(terminal.screen()).count(PROMPT) == 1
        peer.go_on.set()
        terminal.wait(PROMPT, 2)


def test_typing_brings_the_prompt_when_no_echo_comes():
    def silent(connection):
        connection.recv(100)
        peer.go_on.wait()

    with Peer(silent) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.type("again")
        terminal.wait(PROMPT, 2)
        terminal.wait("again")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_what_comes_while_typing_goes_above():
    """Also with a typed line that takes several rows of a narrow window, wide characters at the edge."""
    def speak(connection):
        peer.go_on.wait()
        connection.sendall(b"news from the server\n")
        echo(connection)

    typed = "가나다라마바사아자차카타파하" * 2
    with Peer(speak) as peer, Terminal(peer.address, columns=25) as terminal:
        terminal.wait(PROMPT)
        terminal.type(typed)
        terminal.wait("파하", 2)
        peer.go_on.set()
        rows = [typed[0:12], typed[12:24], typed[24:28]]
        terminal.wait_for(lambda screen: screen[-5:] == ["news from the server", PROMPT, *rows])
        assert sum(PROMPT in line for line in terminal.screen()) == 1
        terminal.say("")  # and it is still the whole line
        terminal.wait(PROMPT, 2)
        assert "".join(terminal.screen()[-5:]).startswith(typed[:12])
        terminal.type("\x04")
        assert terminal.end() == 0


@pytest.mark.parametrize("how, words", [
    (lambda connection: connection.close(), "the server closed the connection (FIN)"),
    (reset, "the server reset the connection (RST)"),
])
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_servers_end_is_told_while_typing(how, words, term):
    def leave(connection):
        connection.recv(100)
        peer.go_on.wait()
        how(connection)

    with Peer(leave) as peer, Terminal(peer.address, TERM=term) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.type("half a li")
        terminal.wait("half a li")
        peer.go_on.set()
        assert terminal.end() == 1
        screen = terminal.screen()
        assert screen[-2] == f"meari: {words}: 6 bytes sent, 0 came back"
        assert "half a li" in screen[-3]
        assert terminal.restored()


def test_server_that_never_finishes_is_given_up():
    def hold(connection):
        peer.go_on.wait()

    with Peer(hold) as peer, Terminal("--timeout", "100ms", peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.type("\x04")
        assert terminal.end() == 1
        assert "no answer for 100ms" in terminal.screen()[-2]
        assert terminal.restored()


def test_less_than_all_coming_back_is_told():
    def short(connection):
        connection.sendall(connection.recv(100)[:3])
        connection.recv(1)

    with Peer(short) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.wait("hel", 2)
        terminal.type("\x04")
        assert terminal.end() == 1
        assert "only 3 of 6 bytes came back" in terminal.screen()[-2]


# Commands


def test_help_and_unknown_commands():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/help")
        terminal.wait(PROMPT, 2)
        for name in ("/help", "/urgent X", "/half-close", "/reset", "/state", "/pause", "/read N",
                     "/pieces N", "/rcvbuf N", "/sndbuf N", "/linger [S]", "/quit", "//TEXT"):
            assert any(line.startswith(name) for line in terminal.screen())
        terminal.say("/nonsense")
        terminal.wait("unknown command '/nonsense'")
        terminal.say("/quit now")
        terminal.wait("/quit takes no argument")
        terminal.say("/qiut")
        terminal.wait("did you mean '/quit'?")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_two_slashes_send_one():
    heard = []

    def listen(connection):
        heard.append(connection.recv(100))
        connection.sendall(heard[0])
        echo(connection)

    with Peer(listen) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("//quit")
        terminal.wait(PROMPT, 2)
        assert heard == [b"/quit\n"]
        assert terminal.screen()[2] == "/quit"


def test_urgent_byte_goes_out_as_urgent_and_comes_back_as_such():
    def urgent(connection):
        assert connection.recv(10) == b"ab\n"
        connection.sendall(b"ab\n")
        # The byte is not in the stream: it comes, and has to be fetched, beside it.
        select.select([], [], [connection])
        assert connection.recv(1, socket.MSG_OOB) == b"X"
        connection.send(b"X", socket.MSG_OOB)
        echo(connection)

    with Peer(urgent) as peer, Terminal("-v", peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("ab")
        terminal.wait(PROMPT, 2)
        terminal.say("/urgent X")
        terminal.wait(PROMPT, 3)
        assert any(re.fullmatch(r"X +urgent, [\d.]+[mu]?s", line) for line in terminal.screen())
        terminal.say("cd")
        terminal.wait("cd", 2)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_urgent_byte_that_is_lost_is_told():
    """A server without OOBINLINE never sees it, and everything after comes back one byte early."""
    with Peer(echo) as peer, Terminal("-v", peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/urgent X")
        terminal.say("hello")
        terminal.wait("the urgent byte did not come back in its place")
        assert any(re.fullmatch(r"hello +[\d.]+[mu]?s", line) for line in terminal.screen())
        terminal.type("\x04")
        assert terminal.end() == 1
        assert "only 6 of 7 bytes came back" in terminal.screen()[-2]


def test_half_close_goes_on_receiving():
    def half(connection):
        while connection.recv(100):
            pass
        connection.sendall(b"still here\n")
        peer.go_on.wait()

    with Peer(half) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/half-close")
        terminal.wait("still here")
        terminal.say("hello")
        terminal.wait("not sent: you have finished sending")
        peer.go_on.set()
        assert terminal.end() == 0
        assert "the server finished too" in "\n".join(terminal.screen())


def test_reset_is_a_reset():
    ends = []

    def watch(connection):
        try:
            ends.append(connection.recv(100))
        except ConnectionResetError as error:
            ends.append(error)
        peer.go_on.set()

    with Peer(watch) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/reset")
        assert terminal.end() == 0
        assert peer.go_on.wait(10)
        assert isinstance(ends[0], ConnectionResetError)


def test_state_is_in_words():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.wait(PROMPT, 2)
        terminal.say("/state")
        terminal.wait(PROMPT, 3)
        text = "\n".join(terminal.screen())
        assert f"and {peer.address}" in text
        assert "established: both ends may send" in text
        assert "6 bytes there, 6 bytes back" in text
        terminal.say("/half-close")
        terminal.wait("everything came back")
        assert terminal.end() == 0


def test_pause_leaves_it_in_the_kernel():
    """Nothing is received, and the server's window closes; the second /pause shows what came."""
    def push(connection):
        sent = 0
        connection.setblocking(False)
        peer.go_on.wait()
        try:
            while True:
                sent += connection.send(b"news\n" * 1000)
        except BlockingIOError:
            sizes.append(sent)
        connection.setblocking(True)
        closed.set()
        connection.recv(1)

    sizes, closed = [], threading.Event()
    with Peer(push) as peer, Terminal("--trace", peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/rcvbuf 4K")
        terminal.wait("the receive buffer has 8192 bytes")
        terminal.say("/pause")
        terminal.wait("receiving is paused")
        before = terminal.raw.count(b"recv(")
        peer.go_on.set()
        assert closed.wait(20)
        terminal.say("/state")
        terminal.wait("received but not read")
        assert not re.search(r" 0 received but not read", "\n".join(terminal.screen()))
        assert terminal.raw.count(b"recv(") == before
        assert b"news" not in terminal.raw
        terminal.say("/pause")
        terminal.wait("receiving goes on")
        terminal.wait("news")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_while_paused_lines_are_sent_and_the_prompt_comes_at_once():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/pause")
        terminal.wait(PROMPT, 2)
        terminal.say("hello")
        terminal.wait(PROMPT, 3)
        assert terminal.screen().count("hello") == 1
        terminal.type("\x04")  # receives the rest, paused or not
        assert terminal.end() == 0
        assert terminal.screen().count("hello") == 2


def test_a_reset_ends_a_pause():
    def later(connection):
        connection.recv(100)
        peer.go_on.wait()
        reset(connection)

    with Peer(later) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/pause")
        terminal.say("x")
        terminal.wait(PROMPT, 3)
        peer.go_on.set()
        assert terminal.end() == 1
        assert "the server reset the connection (RST)" in terminal.screen()[-2]


def test_read_and_pieces_bound_each_call():
    heard = []

    def listen(connection):
        for _ in range(3):
            heard.append(connection.recv(100))
            connection.sendall(heard[-1])
        echo(connection)

    with Peer(listen) as peer, Terminal("--trace", peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/read 2")
        terminal.wait("receives at most 2 bytes in one call")
        terminal.say("/pieces 3")
        terminal.wait("sends at most 3 bytes in one call")
        start = len(terminal.raw)
        terminal.say("abcdefg")
        terminal.wait_for(lambda screen: screen.count(PROMPT) >= 4)
        trace = terminal.raw[start:].decode()
        assert re.findall(r"send\(.*\) = (\d+)", trace) == ["3", "3", "2"]
        assert set(re.findall(r"recv\(.*\) = (\d+)", trace)) <= {"1", "2"}
        assert b"".join(heard) == b"abcdefg\n"
        terminal.say("/read 0")
        terminal.wait("receives as many bytes in one call as there are")
        terminal.say("/pieces 0")
        terminal.wait("sends a whole line in one call")
        start = len(terminal.raw)
        terminal.say("abcdefg")
        terminal.wait_for(lambda screen: screen.count(PROMPT) >= 7)
        assert re.findall(r"send\(.*\) = (\d+)", terminal.raw[start:].decode()) == ["8"]


def test_buffers_are_shown_as_the_kernel_has_them():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/sndbuf 10000")
        terminal.wait("the send buffer has 20000 bytes")
        terminal.say("/rcvbuf 0")
        terminal.wait("/rcvbuf takes a number of bytes from 1 to 2147483647")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_linger_waits_for_the_last_ack():
    """The server's buffer is full, so the last bytes stay unconfirmed until the time is over."""
    with Peer(lambda connection: peer.go_on.wait()) as peer:
        peer.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        with Terminal(peer.address, columns=4000) as terminal:
            terminal.wait(PROMPT)
            terminal.say("/linger 1")
            terminal.wait("closing waits up to 1 s for the last ACK")
            for count in range(1, 4):
                terminal.say("x" * 1500)
                terminal.wait("x" * 1500, count)
            terminal.type("\x03")
            assert terminal.end() == 0
            assert re.search(r"closing took 1\.\d+s", "\n".join(terminal.screen()))


def test_linger_of_zero_resets():
    ends = []

    def watch(connection):
        try:
            ends.append(connection.recv(100))
        except ConnectionResetError as error:
            ends.append(error)
        peer.go_on.set()

    with Peer(watch) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/linger 0")
        terminal.wait("closing resets the connection (RST)")
        terminal.type("\x03")
        assert terminal.end() == 0
        assert peer.go_on.wait(10)
        assert isinstance(ends[0], ConnectionResetError)


def test_what_is_for_streams_only_says_so(tmp_path):
    with Datagrams() as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("/read 3")
        terminal.wait("this is for streams")
        terminal.say("/linger")
        terminal.wait("only with tcp")
        terminal.say("/pause")
        terminal.wait("receiving is paused")
        terminal.say("hello")
        terminal.say("/pause")
        terminal.wait("hello", 2)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_tab_completes_commands():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.type("/st\t")
        terminal.wait("/state")
        terminal.say("")
        terminal.wait("established")
        terminal.wait(PROMPT, 2)
        terminal.type("/re\t")  # two begin with it: they are listed, and the line stays
        terminal.wait("/reset  /read")
        terminal.wait_for(lambda screen: screen[-1] == "/re")
        terminal.type("a\t")
        terminal.wait_for(lambda screen: screen[-1].startswith("/read"))
        terminal.say("7")
        terminal.wait("receives at most 7 bytes")
        terminal.wait(PROMPT, 3)
        terminal.say("a\tb")  # elsewhere it is a part of the line
        terminal.wait_for(lambda screen: sum("a^Ib" in line or re.fullmatch("a +b", line) is not None
                                             for line in screen) == 2)
        terminal.type("/xyz\t")
        terminal.wait("/xyz")
        terminal.type("\x03")
        assert terminal.end() == 0
        assert terminal.restored()


def test_a_dumb_terminal_has_no_completion_but_all_commands():
    with Peer(echo) as peer, Terminal(peer.address, TERM="dumb") as terminal:
        terminal.wait(PROMPT)
        terminal.say("/pieces 1")
        terminal.wait("sends at most 1 bytes in one call")
        terminal.type("\x04")
        assert terminal.end() == 0


# What the server sends cannot hurt


def test_escape_sequences_are_shown_not_obeyed():
    def nasty(connection):
        connection.recv(100)
        connection.sendall(b"\033[2J\033]0;title\007\xc2\x9b2J\xff\r\0\n")
        connection.recv(100)

    with Peer(nasty) as peer, Terminal(peer.address, TERM="dumb") as terminal:
        terminal.wait(PROMPT)
        terminal.say("x")
        terminal.wait(PROMPT, 2)
        assert r"^[[2J^[]0;title^G\xC2\x9B2J\xFF^M^@" in terminal.screen()
        assert b"\033" not in terminal.raw


def test_typed_controls_come_back_visible():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("a\x16\033[Jb")  # ^V quotes the next key
        terminal.wait("a^[[Jb", 2)


# Kinds of terminals


@pytest.mark.parametrize("term", ["dumb", "", None, "no-such-terminal"])
def test_dumb_terminals_get_no_escapes(term):
    with Peer(echo) as peer, Terminal("-v", peer.address, TERM=term) as terminal:
        terminal.wait(PROMPT)
        terminal.say("안녕!!")
        terminal.wait(PROMPT, 2)
        terminal.type("\x04")
        assert terminal.end() == 0
        assert b"\033" not in terminal.raw
        assert any(re.fullmatch(r"안녕!! +[\d.]+[mu]?s", line) for line in terminal.screen())
        assert terminal.restored()


@pytest.mark.parametrize("no_color, dim", [(None, True), ("", True), ("1", False)])
def test_no_color(no_color, dim):
    with Peer(echo) as peer, Terminal("-v", peer.address, NO_COLOR=no_color) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.wait(PROMPT, 2)
        assert (b"\033[2m" in terminal.raw) == dim


def test_no_locale_still_takes_korean():
    with Peer(echo) as peer, Terminal(peer.address, LANG="C") as terminal:
        terminal.wait(PROMPT)
        terminal.say("안녕!!")
        terminal.wait("안녕!!", 2)


@pytest.mark.parametrize("columns", [80, 40, 21, 20, 19, 18, 17, 16, 12, 5])
def test_round_trip_at_the_right_never_wraps(columns):
    with Peer(echo) as peer, Terminal("-v", peer.address, columns=columns) as terminal:
        glued = PROMPT.replace(" ", "")  # wherever the narrow window breaks it
        prompts = lambda screen: "".join(screen).replace(" ", "").count(glued)
        terminal.wait_for(lambda screen: prompts(screen) == 1)
        start = len(terminal.raw)
        terminal.say("안녕하세요")
        terminal.wait_for(lambda screen: prompts(screen) == 2)
        times = re.findall(r"[\d.]+[mu]s", terminal.raw[start:].decode())
        if not times:  # there is no room for it at all
            assert columns < 9
            return
        assert len(times) == 1
        row = next(line for line in reversed(terminal.screen()) if line.endswith(times[0]))
        width = len(row) + sum("가" <= c <= "힣" for c in row)
        assert width == columns - 1
        if columns >= 21:
            assert row.startswith("안녕하세요")
        assert terminal.screen()[terminal.screen().index(row) + 1].startswith(PROMPT[:columns])


def test_window_can_change_while_typing():
    with Peer(echo) as peer, Terminal(peer.address, columns=80) as terminal:
        terminal.wait(PROMPT)
        terminal.type("0123456789" * 3)
        terminal.wait("0123456789" * 3)
        start = len(terminal.raw)
        terminal.resize(20)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.wait_for(lambda _: b"6789" in terminal.raw[start:])
        terminal.say("")
        terminal.wait_for(lambda _: terminal.raw[start:].count(PROMPT.encode()) >= 2)
        terminal.type("\x04")
        assert terminal.end() == 0


@pytest.mark.parametrize("number, status", [
    (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP),
    (signal.SIGINT, 0)])
def test_signals_leave_the_terminal_as_it_was(number, status):
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.type("half")
        terminal.wait("half")
        assert not terminal.restored()
        terminal.process.send_signal(number)
        assert terminal.end() == status
        assert terminal.restored()


def test_stopping_and_going_on():
    with Peer(echo) as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.type("hel")
        terminal.wait("hel")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.stopped()
        assert terminal.restored()
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait(PROMPT, 2)
        terminal.say("lo")
        terminal.wait("hello", 2)
        terminal.type("\x04")
        assert terminal.end() == 0


# Datagrams


def test_a_line_is_a_datagram():
    with Datagrams() as peer, Terminal("-v", peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.wait(PROMPT, 2)
        terminal.say("안녕!!")
        terminal.wait(PROMPT, 3)
        terminal.say("/half-close")
        terminal.wait("datagrams have no end")
        terminal.type("\x04")
        assert terminal.end() == 0
        assert peer.heard == [b"hello\n", "안녕!!\n".encode()]
        assert any(re.fullmatch(r"안녕!! +[\d.]+[mu]?s", line) for line in terminal.screen())


def test_a_lost_datagram_is_told():
    with Datagrams(lambda data, number: []) as peer, \
            Terminal("--timeout", "50ms", peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.wait("no echo within 50.0ms")
        terminal.wait(PROMPT, 2)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_unixgram_by_hand(tmp_path):
    with Datagrams(path=tmp_path / "echo") as peer, Terminal(peer.address) as terminal:
        terminal.wait(PROMPT)
        terminal.say("hello")
        terminal.wait("hello", 2)
        terminal.type("\x04")
        assert terminal.end() == 0


def test_a_pipe_has_no_verify_by_hand():
    with Peer(echo) as peer, Terminal("--verify", peer.address) as terminal:
        assert terminal.end() == 2
        assert "--verify" in terminal.screen()[0]
