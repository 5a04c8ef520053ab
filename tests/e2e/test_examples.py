"""The chapter's programs, compared with the chapter's transcripts byte for byte.

Each server gets port 0 and says on stderr which port the kernel chose: that line is the sign that
it listens. Everything stays on 127.0.0.1. What cannot be made to happen from outside (a failing
listen(), a short send(), EINTR) is made to happen by a tiny library put before libc.
"""

import errno
import fcntl
import os
import pty
import random
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

PROGRAMS = Path(os.environ.get("MEARI_BUILD", "build")).resolve() / "examples"
SOURCES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE = 20  # seconds until a sign that does not come fails the test; a sign ends the wait

SERVER_TRANSCRIPT_1 = """\
socket()
bind()
listen()
waiting for client
accepted
recv A from client
send B to client
close()
"""
CLIENT_TRANSCRIPT_1 = """\
socket()
connect()
send A to server
recv B from server
close()
"""
# On a terminal each line is there twice: once typed, once as the echo.
CLIENT_TRANSCRIPT_2 = """\
Input a message
hello world!
hello world!
Input a message
안녕!!
안녕!!
Input a message
^C"""
PROMPT = "Input a message\n"

FAULTS_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* FAULT_CALL fails once, with FAULT_ERRNO. */
static int fails(const char *call)
{
	const char *wanted = getenv("FAULT_CALL");
	static int done;

	if (!wanted || strcmp(wanted, call) || done++)
		return 0;
	errno = atoi(getenv("FAULT_ERRNO"));
	return 1;
}

/* FAULT_STREAM: every other call is interrupted, and send() takes at most three bytes. */
static int interrupted(void)
{
	static __thread int turn;

	errno = EINTR;
	return getenv("FAULT_STREAM") && turn++ % 2 == 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int socket(int domain, int type, int protocol)
{
	return fails("socket") ? -1 : REAL(socket)(domain, type, protocol);
}

int listen(int fd, int backlog)
{
	return fails("listen") ? -1 : REAL(listen)(fd, backlog);
}

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return fails("accept") || interrupted() ? -1 : REAL(accept)(fd, address, length);
}

ssize_t recv(int fd, void *bytes, size_t count, int flags)
{
	return fails("recv") || interrupted() ? -1 : REAL(recv)(fd, bytes, count, flags);
}

ssize_t send(int fd, const void *bytes, size_t count, int flags)
{
	if (getenv("FAULT_STREAM") && count > 3)
		count = 3;
	return fails("send") || interrupted() ? -1 : REAL(send)(fd, bytes, count, flags);
}

/* FAULT_HOST: whatever the name, it has the addresses ::1 and 127.0.0.1, in this order. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
	struct addrinfo **ret_list)
{
	return REAL(getaddrinfo)(getenv("FAULT_HOST") ? NULL : host, port, hints, ret_list);
}
"""


@pytest.fixture(scope="session")
def faults(tmp_path_factory):
    """A function that gives the environment in which calls go wrong as told."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler for the library of faults")
    folder = tmp_path_factory.mktemp("faults")
    (folder / "faults.c").write_text(FAULTS_SOURCE)
    library = folder / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-o", library, folder / "faults.c", "-ldl"]
    subprocess.run(command, check=True)

    def environment(**settings):
        asan = os.environ.get("ASAN_OPTIONS", "")
        return {
            "LD_PRELOAD": str(library),
            "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0".lstrip(":"),
            **{name.upper(): str(value) for name, value in settings.items()},
        }

    return environment


class Program:
    """One program that runs: its two outputs, read with patience, and its end."""

    def __init__(self, name, *args, env=None, **popen):
        self.process = subprocess.Popen(
            [PROGRAMS / name, *map(str, args)],
            stdin=popen.pop("stdin", subprocess.DEVNULL),
            stdout=popen.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            bufsize=0,
            **popen,
        )
        self.pending = {"stdout": b"", "stderr": b""}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def _more(self, name):
        """Whether another piece came; False at the end of that output."""
        stream = getattr(self.process, name)
        ready, _, _ = select.select([stream], [], [], PATIENCE)
        assert ready, f"nothing more on {name} after {self.pending[name]!r}"
        piece = os.read(stream.fileno(), 65536)
        self.pending[name] += piece
        return bool(piece)

    def line(self, name="stdout"):
        while b"\n" not in self.pending[name]:
            assert self._more(name), f"{name} ended after {self.pending[name]!r}"
        line, _, self.pending[name] = self.pending[name].partition(b"\n")
        return line.decode()

    def rest(self, name="stdout"):
        while self._more(name):
            pass
        rest, self.pending[name] = self.pending[name], b""
        return rest.decode()

    def type(self, text):
        self.process.stdin.write(text.encode())

    def status(self):
        return self.process.wait(PATIENCE)


class Server(Program):
    """A program that listens: `port` is there once it does."""

    def __init__(self, name, **options):
        super().__init__(name, 0, **options)
        self.port = int(self.line("stderr").removeprefix("listening on 127.0.0.1 port "))

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        client.settimeout(PATIENCE)
        return client


def run(name, *args, env=None, input=""):
    """stdout, stderr and status of a program that ends by itself."""
    done = subprocess.run(
        [PROGRAMS / name, *map(str, args)],
        input=input.encode(),
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=PATIENCE,
    )
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def receive(client, count):
    received = b""
    while len(received) < count:
        piece = client.recv(count - len(received))
        assert piece, f"the end after {len(received)} of {count} bytes"
        received += piece
    return received


def echoes(client, payload=b"hello world!\n"):
    client.sendall(payload)
    assert receive(client, len(payload)) == payload


def reset(client):
    """Die: an RST instead of a FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def stuff(client):
    """Send without ever reading, until the server stops taking. Returns what went."""
    client.setblocking(False)
    sent = 0
    # Loopback hands over within microseconds: a quarter of a second without room means no room.
    while select.select([], [client], [], 0.25)[1]:
        try:
            sent += client.send(bytes(65536))
        except BlockingIOError:
            pass
    client.settimeout(PATIENCE)
    return sent


class open_files_at_most:
    """Lowers the limit of a program that runs already: its next accept() finds no descriptor."""

    def __init__(self, program, count):
        self.pid, self.count = program.process.pid, count

    def __enter__(self):
        soft, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (self.count, hard))
        self.before = (soft, hard)

    def __exit__(self, *_):
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self.before)


COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', re.DOTALL)


def tokens(source):
    """The code without its comments, word by word: a comment may be longer in another language."""
    code = COMMENT_OR_TEXT.sub(lambda m: " " if m[0].startswith("/*") else m[0], source.read_text())
    return code.split()


def comments(source):
    return [m[0] for m in COMMENT_OR_TEXT.finditer(source.read_text()) if m[0].startswith("/*")]


@pytest.mark.parametrize("name", sorted(source.name for source in SOURCES.glob("*.c")))
def test_the_korean_source_has_the_same_code(name):
    english, korean = SOURCES / name, SOURCES / "ko" / name
    assert tokens(korean) == tokens(english)
    assert len(comments(korean)) == len(comments(english))
    assert [one for one in comments(korean) if not re.search("[가-힣]", one)] == []


def test_no_korean_source_is_left_over():
    assert {one.name for one in (SOURCES / "ko").iterdir()} == {one.name for one in SOURCES.glob("*.c")}


@pytest.mark.parametrize("page", ["textbook.md", "textbook.ko.md"])
@pytest.mark.parametrize("name", ["counting", "killed-client", "recv-flags", "send-flags", "dying-client"])
def test_the_textbook_quotes_what_the_program_prints(page, name):
    text = (SOURCES.parent / "docs" / page).read_text()
    assert f"```console\n$ ./{name}\n{TABLES[name]}```" in text


@pytest.mark.parametrize("page", ["textbook.md", "textbook.ko.md"])
def test_the_textbook_quotes_what_goes_to_both_outputs(page):
    """On a terminal both are seen; where a program writes to both, stdout comes first in these."""
    text = (SOURCES.parent / "docs" / page).read_text()
    out, err, _ = run("ex12-02")
    assert f"```console\n$ ./ex12-02\n{out}{err}```" in text or sys.byteorder == "big"
    _, err, _ = run("ex12-05", 0)
    assert f"```console\n$ ./ex12-05\n{err}```" in text
    assert f"$ ./ex12-03\n{run('ex12-03')[0]}" in text
    lines = run("backlog", "0")[0].splitlines()
    assert "\n".join(["$ ./backlog 0", *lines[:2], "...", *lines[-2:]]) in text
    shown = re.search(r"```console\n\$ ./socket-domains\n(.*?)```", text, re.DOTALL)[1].splitlines()
    fixed = [line for line in shown if line != "..." and "SCTP" not in line and "MPTCP" not in line]
    assert set(fixed) <= set(run("socket-domains")[0].splitlines())
    shown = re.search(r"```console\n\$ ./sockaddr\n(.*?)```", text, re.DOTALL)[1].splitlines()
    assert set(shown) - {"..."} <= set(run("sockaddr")[0].splitlines()) or sys.byteorder == "big"


def test_both_textbooks_show_the_same_output():
    def shown(page):
        text = (SOURCES.parent / "docs" / page).read_text()
        return [re.sub(r"#.*", "", one) for one in re.findall(r"```console\n.*?```", text, re.DOTALL)]

    assert shown("textbook.md") == shown("textbook.ko.md")


def test_every_section_says_what_differs_and_has_an_answer():
    for page, differs, attempt in (("textbook.md", "**What differs", "**Try.**"),
                                   ("textbook.ko.md", "**달라진 점", "**해 보기.**")):
        text = (SOURCES.parent / "docs" / page).read_text()
        body, _, answers = text.partition('<a id="answers"></a>')
        sections = re.split(r'<a id="(.*?)"></a>', body[body.index('<a id="ex12-01">'):])[1:]
        names = sections[::2]
        assert len(names) == 19
        assert [one for one, part in zip(names, sections[1::2]) if differs not in part] == []
        assert [one for one, part in zip(names, sections[1::2]) if attempt not in part] == []
        assert re.findall(r"^- \*\*(.*?)\.\*\*", answers, re.MULTILINE) == names


def test_twelve_statements_in_both_languages():
    """Each row names a section that says what differs; both pages name the same ones, in the same order."""
    def rows(page):
        text = (SOURCES.parent / "docs" / page).read_text()
        table = text.partition('<a id="statements"></a>')[2].partition("<a id=")[0]
        return [re.findall(r"\(#([\w-]+)\)", row) for row in re.findall(r"^\| .* \|$", table, re.MULTILINE)[2:]]

    assert len(rows("textbook.md")) == 12
    assert all(rows("textbook.md"))
    assert rows("textbook.ko.md") == rows("textbook.md")


def test_every_source_is_built():
    sources = {source.stem for source in SOURCES.glob("*.c")}
    assert sources
    assert {name for name in sources if not os.access(PROGRAMS / name, os.X_OK)} == set()


# --- ex12-01: the first conversation


@pytest.mark.parametrize("letter, answer", [("A", "B"), ("Z", "A"), ("m", "n")])
def test_01_first_conversation(letter, answer):
    with Server("ex12-01s") as server:
        first = [server.line() for _ in range(4)]  # at once, although it goes into a pipe
        assert first == SERVER_TRANSCRIPT_1.splitlines()[:4]
        out, _, status = run("ex12-01c", "127.0.0.1", server.port, letter)
        said = {"A": letter, "B": answer}
        assert re.sub(r"\b[AB]\b", lambda m: said[m[0]], CLIENT_TRANSCRIPT_1) == out
        assert status == 0
        out = "\n".join(first) + "\n" + server.rest()
        assert re.sub(r"\b[AB]\b", lambda m: said[m[0]], SERVER_TRANSCRIPT_1) == out
        assert server.status() == 0
        assert re.fullmatch(r"the client is 127\.0\.0\.1 port \d+\n", server.rest("stderr"))


def test_01_nobody_listens():
    out, err, status = run("ex12-01c", "127.0.0.1", free_port())
    assert (out, status) == ("socket()\nfail to call connect()\n", 1)
    assert err == "connect: Connection refused\n"


def test_01_client_leaves_without_a_letter():
    with Server("ex12-01s") as server:
        server.connect().close()
        out = server.rest()
        assert out.endswith("waiting for client\naccepted\nfail to call recv()\n")
        assert server.rest("stderr").endswith("recv: No data available\n")
        assert server.status() == 1


def test_01_server_leaves_without_an_answer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Program("ex12-01c", "127.0.0.1", listener.getsockname()[1]) as client:
            accepted, _ = listener.accept()
            assert accepted.recv(1) == b"A"
            accepted.close()
            assert client.rest() == "socket()\nconnect()\nsend A to server\nfail to call recv()\n"
            assert client.rest("stderr") == "recv: No data available\n"
            assert client.status() == 1


def test_01_default_port_is_5000_and_not_34835():
    """Told by a failure: so the test holds the port, and only for a moment."""
    try:
        listener = socket.create_server(("127.0.0.1", 5000))
    except OSError as problem:
        pytest.skip(f"port 5000 is not to be had on this machine: {problem.strerror}")
    with listener:
        out, _, status = run("ex12-01s")
        assert (out, status) == ("socket()\nfail to call bind()\n", 1)


@pytest.mark.parametrize("program", ["ex12-01s", "ex12-06", "ex12-08", "ex12-09s", "ex12-10s"])
def test_a_port_of_ones_own(program):
    port = free_port()
    with Program(program, port) as server:
        assert server.line("stderr") == f"listening on 127.0.0.1 port {port}"
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()


@pytest.mark.parametrize("program", ["ex12-01s", "ex12-04", "ex12-08", "ex12-10s"])
@pytest.mark.parametrize("text", ["http", "70000", "-1", "50x", ""])
def test_a_port_that_is_none(program, text):
    out, err, status = run(program, text)
    assert (out, status) == ("", 2)
    assert err == f"'{text}' is not a port: a number from 0 to 65535 is wanted\n"


# --- ex12-02 to ex12-05: an address, a socket, a name, a queue


def test_02_addresses():
    out, err, status = run("ex12-02")
    assert (out, status) == ("valid: 197.0.0.1\ninvalid: 300.0.0.1\n197.0.0.1\n", 0)
    assert "255.255.255.255 inet_addr(): an error inet_pton(): fine\n" in err


def test_03_socket():
    assert run("ex12-03") == ("socket descriptor is 3\n", "", 0)


def test_03_failure():
    out, err, status = run("ex12-03", int(socket.AF_IPX))
    assert (out, status) == ("fail to call socket()\n", 1)
    assert err == "socket: Address family not supported by protocol\n"


@pytest.mark.parametrize("program", ["ex12-04", "ex12-05"])
def test_04_05_success_prints_nothing(program):
    out, _, status = run(program, free_port())
    assert (out, status) == ("", 0)


@pytest.mark.parametrize("program", ["ex12-04", "ex12-05", "ex12-06", "ex12-08", "ex12-10s"])
def test_04_port_in_use(program):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        out, err, status = run(program, listener.getsockname()[1])
    assert (out, status) == ("fail to call bind()\n", 1)
    assert err == "bind: Address already in use\n"


def test_04_port_of_a_server_that_just_ended():
    """Its last connection is in TIME_WAIT: only SO_REUSEADDR gets past that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()
        assert client.recv(1) == b""
        client.close()
    _, err, status = run("ex12-04", port)
    assert err.startswith(f"bound to 127.0.0.1 port {port}\n") and status == 0


def test_05_listen_changes_the_socket():
    _, err, _ = run("ex12-05", 0)
    assert err == (
        "before listen(): the socket does not accept connections\n"
        "after listen(): the socket accepts connections\n"
        "without bind(): listen() succeeds, and the kernel has chosen a port\n"
    )


@pytest.mark.parametrize(
    "program, call, before",
    [
        ("ex12-03", "socket", ""),
        ("ex12-04", "socket", ""),
        ("ex12-05", "listen", ""),
        ("ex12-01s", "listen", "socket()\nbind()\n"),
        ("ex12-10s", "listen", ""),
    ],
)
def test_05_failure(faults, program, call, before):
    env = faults(fault_call=call, fault_errno=errno.ENOBUFS)
    args = [] if program == "ex12-03" else [0]
    out, err, status = run(program, *args, env=env)
    assert (out, status) == (f"{before}fail to call {call}()\n", 1)
    assert err.endswith(f"{call}: No buffer space available\n")


# --- ex12-06, ex12-07: accept and connect


@pytest.mark.parametrize("program", ["ex12-06", "ex12-08", "ex12-09s", "ex12-10s"])
def test_06_accept_fails_and_the_loop_goes_on(program):
    """0 to 3 are in use. A client waits in the queue and is served once there is room again.

    An accept() that waits already may own its descriptor, so that a first client can slip in.
    """
    with Server(program) as server:
        with open_files_at_most(server, 4):
            first, client = server.connect(), server.connect()
            first.close()
            while server.line() != "fail to call accept()":
                pass
        if program != "ex12-06":
            echoes(client)
            client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        client.close()
        assert server.process.poll() is None


def test_06_one_failure_is_told_once(faults):
    env = faults(fault_call="accept", fault_errno=errno.ECONNABORTED)
    with Server("ex12-06", env=env) as server:
        assert server.line() == "fail to call accept()"
        assert server.line("stderr") == "accept: Software caused connection abort"
        for _ in range(3):
            with server.connect() as client:
                port = client.getsockname()[1]
                assert server.line("stderr") == f"accepted 127.0.0.1 port {port}"
                assert client.recv(1) == b""
        server.process.terminate()
        assert server.rest() == ""


def test_07_connect():
    with Server("ex12-06") as server:
        out, err, status = run("ex12-07", "127.0.0.1", server.port)
    assert (out, err, status) == ("", f"127.0.0.1 port {server.port}: connected\n", 0)


def test_07_tries_every_address(faults):
    """The name has ::1 first, and the server is on 127.0.0.1 only."""
    with Server("ex12-06") as server:
        out, err, status = run("ex12-07", "echo", server.port, env=faults(fault_host=1))
    assert (out, status) == ("", 0)
    assert err.startswith(f"::1 port {server.port}: ")
    assert err.endswith(f"\n127.0.0.1 port {server.port}: connected\n")


@pytest.mark.parametrize("program", ["ex12-09c", "ex12-10c"])
def test_07_so_do_its_successors(faults, program):
    with Server("ex12-10s") as server:
        assert run(program, "echo", server.port, env=faults(fault_host=1))[2] == 0


def test_07_refused():
    port = free_port()
    out, err, status = run("ex12-07", "127.0.0.1", port)
    assert (out, status) == ("fail to call connect()\n", 1)
    assert err == f"127.0.0.1 port {port}: Connection refused\n"


# --- ex12-08, ex12-09: the echo loop, the end, the death


def echo_until_the_end(server, size):
    """All of it comes back, although the client has finished sending long before."""
    payload = random.Random(size).randbytes(size)
    with server.connect() as client:
        client.sendall(payload)
        client.shutdown(socket.SHUT_WR)
        assert receive(client, size) == payload
        assert client.recv(1) == b""


@pytest.mark.parametrize("program", ["ex12-08", "ex12-09s", "ex12-10s"])
@pytest.mark.parametrize("size", [0, 1, 4096, 100001])
def test_08_echo(program, size):
    with Server(program) as server:
        echo_until_the_end(server, size)
        echo_until_the_end(server, size)
        assert server.process.poll() is None


@pytest.mark.parametrize("program", ["ex12-08", "ex12-09s", "ex12-10s"])
def test_08_interrupted_calls_and_short_sends(faults, program):
    with Server(program, env=faults(fault_stream=1)) as server:
        echo_until_the_end(server, 1001)
        server.process.terminate()
        out = server.rest()
        assert "fail to call" not in out


def test_08_one_client_at_a_time():
    with Server("ex12-08") as server, server.connect() as first, server.connect() as second:
        second.sendall(b"me too")
        echoes(first)
        assert not select.select([second], [], [], 0)[0]
        first.close()
        assert receive(second, 6) == b"me too"


MANNERS = {
    "finish": "connect()\nsend hello\nshutdown(SHUT_WR)\nrecv hello\nrecv: the end\nclose()\n",
    "leave": "connect()\nsend hello\nclose()\n",
    "reset": "connect()\nsend hello\nclose()\n",
}


@pytest.mark.parametrize("how", MANNERS)
def test_09_survives_how_a_client_goes(how):
    with Server("ex12-09s") as server:
        assert run("ex12-09c", "127.0.0.1", server.port, how) == (MANNERS[how], "", 0)
        verdict = server.line("stderr").partition(": ")[2]
        if how == "finish":
            assert verdict == "finished"
        if how == "reset":
            assert verdict in ("Connection reset by peer", "Broken pipe")
        with server.connect() as following:
            echoes(following)
        server.process.terminate()
        assert server.rest() == ""
        assert server.status() == -signal.SIGTERM


@pytest.mark.parametrize("how", ["leave", "reset"])
def test_09_what_the_server_finds(how):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert run("ex12-09c", "127.0.0.1", listener.getsockname()[1], how) == (MANNERS[how], "", 0)
        with listener.accept()[0] as accepted:
            assert accepted.recv(6) == b"hello\n"
            if how == "reset":
                with pytest.raises(ConnectionResetError):
                    accepted.recv(1)
            else:
                assert accepted.recv(1) == b""


def test_09_a_manner_that_is_none():
    assert run("ex12-09c", "127.0.0.1", 1, "explode") == (
        "",
        "'explode' is not a manner: finish, leave or reset\n",
        2,
    )


def test_09_refused():
    out, err, status = run("ex12-09c", "127.0.0.1", free_port())
    assert (out, err, status) == ("fail to call connect()\n", "connect: Connection refused\n", 1)


@pytest.mark.parametrize("program", ["ex12-08", "ex12-09s", "ex12-10s"])
def test_09_client_dies_while_the_server_sends(program):
    with Server(program) as server:
        client = server.connect()
        assert stuff(client) > 0
        reset(client)
        with server.connect() as following:
            echoes(following)
        assert server.process.poll() is None


@pytest.mark.parametrize("program", ["ex12-08", "ex12-09s", "ex12-10s"])
def test_09_survives_sigpipe(program):
    """The client left before the server ran. Its first answer draws an RST, the next SIGPIPE."""
    with Server(program) as server:
        server.process.send_signal(signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(server.process.pid, os.WUNTRACED)[1])
        with server.connect() as client:
            client.sendall(bytes(20000))  # several times the server's buffer
        server.process.send_signal(signal.SIGCONT)
        with server.connect() as following:
            echoes(following)
        assert server.process.poll() is None
        while not server.line("stderr").endswith(": Broken pipe"):
            pass


# --- ex12-10: the finished pair


def test_10_transcript_on_a_terminal():
    """Typed, echoed and ended by Ctrl-C as the chapter shows it. The terminal adds the \\r."""
    keyboard, terminal = pty.openpty()
    attributes = termios.tcgetattr(terminal)
    attributes[0] |= 0o40000  # IUTF8: the kernel's line editor knows Korean
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)

    def take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # A shell gives its background jobs an ignored SIGINT, and a test run may be one.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def screen_until(text):
        wanted = text.replace("\n", "\r\n").encode()
        seen = b""
        while not seen.endswith(wanted):
            assert select.select([keyboard], [], [], PATIENCE)[0], f"the screen stays {seen!r}"
            seen += os.read(keyboard, 65536)
        return seen.decode().replace("\r\n", "\n")

    with Server("ex12-10s") as server:
        with Program(
            "ex12-10c",
            "127.0.0.1",
            server.port,
            stdin=terminal,
            stdout=terminal,
            start_new_session=True,
            preexec_fn=take_terminal,
        ) as client:
            os.close(terminal)
            screen = screen_until(PROMPT)
            assert server.line() == "accepted"
            for typed in ("hello world!\n", "안녕!!\n"):
                os.write(keyboard, typed.encode())
                screen += screen_until(PROMPT)
            os.write(keyboard, b"\x03")
            screen += screen_until("^C")
            assert client.status() == -signal.SIGINT
        assert screen == CLIENT_TRANSCRIPT_2
        assert server.line() == "close(sockfd_connect)"
    os.close(keyboard)


def prompted(text):
    """What the client prints for what came back."""
    return PROMPT + text.replace("\n", "\n" + PROMPT)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("hello world!\n안녕!!\n", id="transcript"),
        pytest.param("no newline at the end", id="part"),
        pytest.param("\n\n\n", id="empty lines"),
        pytest.param("메아리\n" * 40000, id="many lines"),
        pytest.param("가" * 400000 + "\n", id="a long line"),
    ],
)
def test_10_end_of_input(text):
    with Server("ex12-10s") as server:
        out, err, status = run("ex12-10c", "127.0.0.1", server.port, input=text)
        assert out == prompted(text)
        assert (err, status) == ("", 0)
        assert [server.line(), server.line()] == ["accepted", "close(sockfd_connect)"]


@pytest.mark.parametrize("side", ["server", "client"])
def test_10_interrupted_calls_and_short_sends(faults, side):
    env = faults(fault_stream=1)
    text = "안녕하세요\n" * 200
    with Server("ex12-10s", env=env if side == "server" else None) as server:
        client_env = env if side == "client" else None
        out, _, status = run("ex12-10c", "127.0.0.1", server.port, input=text, env=client_env)
        assert (out, status) == (prompted(text), 0)


def test_10_answers_line_by_line():
    """The next line is only typed when the prompt is back: nothing may sit in a buffer."""
    with Server("ex12-10s") as server:
        with Program("ex12-10c", "127.0.0.1", server.port, stdin=subprocess.PIPE) as client:
            for typed in ("hello world!", "안녕!!"):
                assert client.line() + "\n" == PROMPT
                client.type(typed + "\n")
                assert client.line() == typed
            client.process.stdin.close()
            client.process.stdin = None
            assert client.rest() == PROMPT
            assert client.status() == 0


def test_10_server_is_gone():
    with Server("ex12-10s") as server:
        with Program("ex12-10c", "127.0.0.1", server.port, stdin=subprocess.PIPE) as client:
            assert client.line() + "\n" == PROMPT
            assert server.line() == "accepted"
            server.process.kill()
            server.process.wait()
            assert client.rest() == "server has no reply\n"
            assert client.status() == 1


@pytest.mark.parametrize("answer", [b"", b"hel"], ids=["nothing", "half"])
@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_10_server_without_a_reply(answer, end):
    """The client has finished and waits for what is still missing: it never comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Program("ex12-10c", "127.0.0.1", port, stdin=subprocess.PIPE) as client:
            client.type("hello\n")
            client.process.stdin.close()
            client.process.stdin = None
            accepted, _ = listener.accept()
            assert receive(accepted, 6) == b"hello\n"
            assert accepted.recv(1) == b""
            accepted.sendall(answer)
            if answer:
                assert client.line() + "\n" == PROMPT
                while client.pending["stdout"] != answer:
                    assert client._more("stdout")
            end(accepted)
            assert client.rest().endswith("server has no reply\n")
            assert client.status() == 1


def test_10_refused():
    out, err, status = run("ex12-10c", "127.0.0.1", free_port())
    assert (out, err, status) == ("fail to call connect()\n", "connect: Connection refused\n", 1)


def test_10_two_clients_at_once():
    with Server("ex12-10s") as server, server.connect() as first, server.connect() as second:
        for _ in range(3):
            echoes(second, b"second\n")
            echoes(first, b"first\n")
        first.close()
        assert [server.line() for _ in range(3)] == ["accepted"] * 2 + ["close(sockfd_connect)"]
        echoes(second)


def test_10_a_client_that_does_not_read_holds_up_nobody():
    with Server("ex12-10s") as server, server.connect() as deaf:
        sent = stuff(deaf)
        with server.connect() as other:
            echoes(other)
        assert receive(deaf, sent) == bytes(sent)


def test_10_survives_clients_that_reset():
    with Server("ex12-10s") as server:
        for _ in range(20):
            client = server.connect()
            client.sendall(b"x" * 10000)
            reset(client)
        with server.connect() as last:
            echoes(last)
        lines = [server.line() for _ in range(41)]
        assert lines.count("accepted") == 21
        assert lines.count("close(sockfd_connect)") == 20


def test_10_survives_the_loss_of_its_own_output():
    with Server("ex12-10s") as server:
        server.process.stdout.close()
        server.process.stdout = None
        for _ in range(3):
            echo_until_the_end(server, 10)
        assert server.process.poll() is None


def test_10_urgent_byte_stays_in_its_place():
    with Server("ex12-10s") as server, server.connect() as client:
        client.sendall(b"ab")
        assert receive(client, 2) == b"ab"
        client.send(b"!", socket.MSG_OOB)
        client.sendall(b"cd")
        assert receive(client, 3) == b"!cd"


# --- the chapter's tables


def test_table_of_domains():
    def row(domain, kind, protocol, label=""):
        number = getattr(socket, domain.replace("LOCAL", "UNIX"))
        try:
            with socket.socket(number, getattr(socket, kind), protocol) as made:
                chosen = made.getsockopt(socket.SOL_SOCKET, 38)  # SO_PROTOCOL
                answer = "yes, it is " + {6: "TCP", 17: "UDP", 132: "SCTP", 262: "MPTCP"}.get(chosen, str(chosen))
        except OSError as problem:
            answer = f"no, {problem.strerror}"
        return f"{domain:8}  {kind:11}  protocol {protocol}{label}: {answer}\n"

    domains = ("AF_UNIX", "AF_LOCAL", "AF_INET", "AF_INET6", "AF_IPX")
    expected = [row(d, k, 0) for d in domains for k in ("SOCK_STREAM", "SOCK_DGRAM")]
    expected.append(row("AF_INET", "SOCK_STREAM", 262, " (MPTCP)"))
    expected.append(row("AF_INET", "SOCK_STREAM", 132, " (SCTP)"))
    expected.append(row("AF_INET", "SOCK_STREAM", 17, " (UDP)"))
    expected.append("AF_LOCAL is another name for AF_UNIX\n")
    assert run("socket-domains") == ("".join(expected), "", 0)


def test_table_of_addresses():
    def turned(number):
        return number.to_bytes(2, sys.byteorder).hex(" ")

    wrong = int.from_bytes((5000).to_bytes(2, sys.byteorder), "big")
    rest = "13 88 c5 00 00 01 00 00 00 00 00 00 00 00"
    assert run("sockaddr") == (
        f"""\
the same bytes, twice:
full       {turned(2)} {rest}
generic    {turned(2)} {rest}
sin_family {turned(2)}
sin_port   13 88
sin_addr   c5 00 00 01
sa_family  {turned(2)}
sa_data    {rest}
one function for all of them, through the cast:
AF_INET: 197.0.0.1 port 5000
AF_INET6: ::1 port 5000
AF_UNIX: /tmp/echo
this machine to itself:
sockaddr_in: connected
sockaddr_un: connected
a pointer says where, only a length says how far:
sockaddr 16, sockaddr_in 16, sockaddr_in6 28, sockaddr_un 110 bytes
sockaddr_storage holds them all: yes
why htons:
5000       {turned(5000)}
htons      13 88
5000 without htons is port {wrong}
""",
        "",
        0,
    )


TABLES = {
    "counting": """\
안녕!! has 4 letters
send() returns 8
recv() of at most 100 bytes: 8 bytes, 4 letters begin there
recv() of at most 4 bytes: 4 bytes, 2 letters begin there
recv() of at most 100 bytes: 4 bytes, 2 letters begin there
send() of 33554432 bytes, somebody reads: it took all
send() of 33554432 bytes, nobody reads, SO_SNDTIMEO: it took a part
send() of 33554432 bytes, nobody reads, MSG_DONTWAIT: it took a part
""",
    "killed-client": """\
killed with nothing left to read:
recv(): 0 bytes
recv(): 0 bytes
recv(MSG_NOSIGNAL): 0 bytes
killed before it read:
recv(): Connection reset by peer
recv(): 0 bytes
recv(MSG_NOSIGNAL): 0 bytes
SIGPIPE came 0 time(s)
""",
    "send-flags": """\
MSG_OOB: sent abc and an urgent !, received ! before abc
MSG_DONTROUTE: to this machine: received near
MSG_DONTROUTE: to 198.51.100.1, behind a router: Network is unreachable
no flag: Broken pipe, and SIGPIPE came 1 time(s)
MSG_NOSIGNAL: Broken pipe, and SIGPIPE came 0 time(s)
""",
    "recv-flags": """\
MSG_PEEK: hello
MSG_PEEK again: hello
no flag: hello
bytes left: 0
SO_OOBINLINE off
MSG_OOB before anything was sent: Invalid argument
MSG_OOB: !
no flag: ab
at the mark: yes
past the mark: cd
SO_OOBINLINE on
MSG_OOB before anything was sent: Invalid argument
MSG_OOB: Invalid argument
no flag: ab
at the mark: yes
past the mark: !cd
""",
    "backlog": "".join(f"client {i}: connected\n" for i in range(1, 7))
    + "".join(f"client {i}: waiting\n" for i in range(7, 11))
    + """\
backlog 5, nobody accepts: 6 are connected, 4 wait
10 times accept(): everyone got in
""",
    "dying-client": """\
recv() of what came before: 13 bytes
recv() after the RST: Connection reset by peer
recv() once more: 0 bytes
send(MSG_NOSIGNAL): Broken pipe
a server that does nothing about it: killed by SIGPIPE
send(), SIGPIPE ignored: Connection reset by peer
send() once more: Broken pipe
the next client: recv(): 5 bytes
the next client: send(): 5 bytes
""",
}


@pytest.mark.parametrize("program", TABLES)
def test_table(program):
    assert run(program) == (TABLES[program], "", 0)


def test_backlog_of_0():
    out, err, status = run("backlog", "0")
    assert "backlog 0, nobody accepts: 1 are connected, 4 wait\n" in out
    assert out.endswith("5 times accept(): everyone got in\n")
    assert (err, status) == ("", 0)


def test_backlog_that_is_none():
    assert run("backlog", "-1") == ("", "a backlog from 0 to 100 is wanted\n", 2)


def test_what_one_byte_a_call_costs():
    """Nagle's algorithm meets the delayed ACK: at least the 40 ms of the latter, and only in the first row."""
    out, err, status = run("one-byte")
    assert (err, status) == ("", 0)
    rows = dict(re.findall(r"^(.*?) +([0-9.]+) ms$", out, re.MULTILINE))
    loop = float(rows.pop("one byte a call"))
    assert 30 < loop < 1000
    assert set(rows) == {"one byte a call, TCP_NODELAY", "one byte a call, TCP_QUICKACK", "one call for the line"}
    assert all(float(time) < loop / 2 for time in rows.values())


def test_04_what_htons_changes():
    wrong = int.from_bytes((1004).to_bytes(2, sys.byteorder), "big")
    assert f"without htons() port 1004 would be port {wrong}\n" in run("ex12-04", 1004)[1]


def test_02_the_chapters_order():
    octets = "197.0.0.1" if sys.byteorder == "little" else "1.0.0.197"
    assert f"without ntohl(), lowest octet first: {octets}\n" in run("ex12-02")[1]
