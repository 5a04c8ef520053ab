"""meari talk in a pipe: everything comes back, or one line tells what did not; and its options."""

import os
import pty
import re
import resource
import signal
import socket
import subprocess
import threading

import pytest

from meari import ANSWER_S, MEARI, SANITIZER, Server, environment, random_bytes, run
from talk_peers import Datagrams, Peer, echo, reset


def talk(*arguments, data=b"", **options):
    return run("talk", *arguments, input=data, text=False, **options)


def complaint(result):
    """The one line on standard error."""
    text = result.stderr.decode()
    assert text.startswith("meari: ") and text.count("\n") == 1 and text.endswith("\n"), text
    return text[len("meari: "):-1]


@pytest.mark.parametrize("verify", [(), ("--verify",)])
@pytest.mark.parametrize("length", [0, 1, 65535, 65536, (4 << 20) - 1, (4 << 20) + 1, 20_000_003])
def test_everything_comes_back(length, verify):
    data = random_bytes(length)
    with Peer(echo) as peer:
        result = talk(*verify, peer.address, data=data)
    assert result.stderr == b""
    assert result.returncode == 0
    assert result.stdout == data


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_echo_in_pieces(piece):
    def pieces(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(5000):
            for i in range(0, len(data), piece):
                connection.sendall(data[i:i + piece])

    data = random_bytes(20_000)
    with Peer(pieces) as peer:
        result = talk("--verify", peer.address, data=data)
    assert (result.returncode, result.stdout) == (0, data)


def test_the_end_of_input_is_told_only_after_all_of_it():
    """The service answers nothing before the half-close."""
    def store(connection):
        data = b""
        while more := connection.recv(1 << 16):
            data += more
        connection.sendall(data)

    data = random_bytes(1_000_000)
    with Peer(store) as peer:
        result = talk(peer.address, data=data)
    assert (result.returncode, result.stdout) == (0, data)


def test_a_line_comes_back_while_the_input_stays_open():
    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", "--verify", peer.address], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=environment(), bufsize=0) as process:
        for line in (b"one\n", "안녕!!\n".encode(), b"three\n"):
            process.stdin.write(line)
            assert process.stdout.read(len(line)) == line
        process.stdin.close()
        assert process.wait(ANSWER_S) == 0


def test_a_reader_who_waits_for_us_to_read_is_no_deadlock():
    """Nobody reads the copy until all of the input has been taken."""
    data = random_bytes(3_000_000)

    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment(), bufsize=0) as process:
        written = threading.Event()

        def write():
            process.stdin.write(data)
            written.set()
            process.stdin.close()

        threading.Thread(target=write, daemon=True).start()
        # The pipe, our buffers and the sockets' hold this much and more on every Linux.
        copy = process.stdout.read(100)
        while more := process.stdout.read(1 << 16):
            copy += more
        assert process.wait(ANSWER_S) == 0
        assert copy == data and written.is_set()


# What goes wrong


@pytest.mark.parametrize("offset", [0, 1, 65536, 1_234_567, 4 << 20, 5_000_000])
def test_first_difference_is_named(offset):
    def corrupt(connection):
        at = 0
        while data := bytearray(connection.recv(1 << 16)):
            if at <= offset < at + len(data):
                data[offset - at] ^= 1
            at += len(data)
            connection.sendall(data)

    data = random_bytes(6_000_000)
    with Peer(corrupt) as peer:
        result = talk("--verify", peer.address, data=data)
    assert result.returncode == 1
    assert complaint(result) == f"what came back differs from what was sent at offset {offset}"
    assert result.stdout == data[:offset]


def test_without_verify_only_the_count_matters():
    def flip(connection):
        while data := connection.recv(1 << 16):
            connection.sendall(bytes(byte ^ 1 for byte in data))

    with Peer(flip) as peer:
        assert talk(peer.address, data=b"abcdef").returncode == 0


@pytest.mark.parametrize("verify", [(), ("--verify",)])
def test_less_is_told(verify):
    def short(connection):
        data = b""
        while more := connection.recv(1 << 16):
            data += more
        connection.sendall(data[:-1])

    with Peer(short) as peer:
        result = talk(*verify, peer.address, data=b"x" * 1000)
    assert result.returncode == 1
    assert complaint(result) == "the server finished, but only 999 of 1000 bytes came back"
    assert result.stdout == b"x" * 999


@pytest.mark.parametrize("verify", [(), ("--verify",)])
def test_more_is_told(verify):
    def more(connection):
        echo(connection)
        connection.sendall(b"and more")

    with Peer(more) as peer:
        result = talk(*verify, peer.address, data=b"x" * 1000)
    assert result.returncode == 1
    assert complaint(result) == "this is no echo: 1008 bytes came back, but only 1000 were sent"


def test_servers_early_end_is_told_with_the_offset():
    def leave(connection):
        data = b""
        while len(data) < 5000:
            data += connection.recv(5000 - len(data))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass

    with Peer(leave) as peer:
        result = talk(peer.address, data=b"x" * 50_000_000)
    assert result.returncode == 1
    assert re.fullmatch(r"the server closed the connection \(FIN\): \d+ bytes sent, "
                        r"5000 came back", complaint(result))
    assert result.stdout == b"x" * 5000


def test_reset_is_told():
    def leave(connection):
        connection.recv(5000)
        reset(connection)

    with Peer(leave) as peer:
        result = talk(peer.address, data=b"x" * 50_000_000)
    assert result.returncode == 1
    assert complaint(result).startswith("the server reset the connection (RST): ")


def closes(connection):
    pass


def echoes_and_resets(connection):
    echo(connection)
    reset(connection)


def echoes_half(connection):
    data = connection.recv(1 << 16)
    connection.sendall(data[:len(data) // 2])


def echoes_half_and_resets(connection):
    echoes_half(connection)
    reset(connection)


def echoes_half_and_hangs(connection):
    echoes_half(connection)
    while connection.recv(1 << 16):
        pass
    threading.Event().wait(5)


def greets(connection):
    connection.sendall(b"220 welcome\r\n")


@pytest.mark.parametrize("length", [10, 300_000])
@pytest.mark.parametrize("verify", [(), ("--verify",)])
@pytest.mark.parametrize("serve", [closes, reset, echoes_and_resets, echoes_half, echoes_half_and_resets,
                                   echoes_half_and_hangs, greets], ids=lambda serve: serve.__name__)
def test_a_service_that_dies_is_never_a_success(serve, verify, length):
    with Peer(serve) as peer:
        result = talk("--timeout", "300ms", *verify, peer.address, data=random_bytes(length))
    assert complaint(result)
    assert result.returncode == 1


def test_silence_is_told():
    with Peer(lambda connection: peer.go_on.wait()) as peer:
        result = talk("--timeout", "100ms", peer.address, data=b"hello")
    assert result.returncode == 1
    assert complaint(result) == (
        "no answer for 100ms: 5 bytes sent, 0 came back (--timeout waits longer)")


def test_server_that_never_finishes_is_told():
    def stay(connection):
        echo(connection)
        peer.go_on.wait()

    with Peer(stay) as peer:
        result = talk("--timeout", "100ms", peer.address, data=b"hello")
    assert result.returncode == 1
    assert "5 bytes sent, 5 came back" in complaint(result)


def test_never_accepting_is_told():
    """The kernel takes the connection, nobody ever takes it from the kernel."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = talk("--timeout", "100ms", f"127.0.0.1:{listener.getsockname()[1]}", data=b"hi")
    assert result.returncode == 1
    assert "2 bytes sent, 0 came back" in complaint(result)


def test_a_slow_reader_is_not_the_servers_silence():
    """The copy is read only after more than --timeout: that must not end the conversation."""
    data = random_bytes(30_000_000)
    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", "--timeout", "300ms", peer.address], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=environment()) as process:
        threading.Thread(target=lambda: (process.stdin.write(data), process.stdin.close()),
                         daemon=True).start()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.6)
        assert process.stdout.read() == data
        assert process.wait(ANSWER_S) == 0


def test_full_disk_is_told():
    with Peer(echo) as peer, open("/dev/full", "wb") as full:
        result = run("talk", peer.address, input="hello", stdout=full)
    assert result.returncode == 1
    assert result.stderr == ("meari: cannot write the copy: No space left on device "
                             "(5 bytes sent, 5 came back)\n")


def test_closed_reader_ends_it_in_silence():
    """As `talk | head` does: status 141, as shells count SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    with Peer(echo) as peer:
        result = run("talk", peer.address, input="hello", stdout=writer)
    os.close(writer)
    assert result.returncode == 141
    assert result.stderr == ""


def test_reader_that_leaves_in_the_middle_ends_it_in_silence():
    with Peer(echo) as peer, open("/dev/zero", "rb") as zero, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=zero, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment()) as process:
        process.stdout.read(100_000)
        process.stdout.close()
        assert process.wait(ANSWER_S) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize("closed, words", [(0, "cannot read the input"), (1, "cannot write the copy")])
def test_closed_standard_streams_are_told(closed, words):
    with Peer(echo) as peer:
        # The socket must not take the freed number and be talked to.
        result = run("talk", peer.address, input="hello", preexec_fn=lambda: os.close(closed))
    assert result.returncode == 1
    assert words in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_at_once_and_tells_how_far(number):
    with Peer(echo) as peer, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(), bufsize=0) as process:
        process.stdin.write(b"hello")
        assert process.stdout.read(5) == b"hello"
        process.send_signal(number)
        assert process.wait(ANSWER_S) == 128 + number
        assert process.stderr.read() == b"meari: interrupted: 5 bytes sent, 5 came back\n"


def test_a_signal_ends_it_also_when_nobody_reads_the_copy():
    with Peer(echo) as peer, open("/dev/zero", "rb") as zero, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=zero, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(), bufsize=0) as process:
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(ANSWER_S) == 130


def test_memory_is_constant():
    """Half a gigabyte through --verify in far less address space than that."""
    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))

    if SANITIZER:
        pytest.skip("sanitizers need more memory than the limit")
    with Peer(echo) as peer, open("/dev/null", "wb") as null, subprocess.Popen(
            ["head", "-c", "500000000", "/dev/zero"], stdout=subprocess.PIPE) as source:
        result = subprocess.run([MEARI, "talk", "--verify", peer.address], stdin=source.stdout,
                                stdout=null, stderr=subprocess.PIPE, env=environment(),
                                preexec_fn=limit, timeout=120)
    assert (result.returncode, result.stderr) == (0, b"")


# Addresses and options


def free_port():
    """Bound and not listening, as long as it is held: connecting is refused."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]


def test_refused():
    holder, port = free_port()
    with holder:
        result = talk(f"tcp://127.0.0.1:{port}")
    assert result.returncode == 1
    assert complaint(result) == (
        f"cannot connect to 'tcp://127.0.0.1:{port}': Connection refused "
        "(is a server running there? 'meari serve' starts one)")


def test_nobody_at_a_unix_path(tmp_path):
    result = talk(f"unix:{tmp_path}/none")
    assert result.returncode == 1
    assert "No such file or directory (is a server running there?" in complaint(result)


def test_unix_stream(tmp_path):
    path = str(tmp_path / "echo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            with listener.accept()[0] as connection:
                echo(connection)

        threading.Thread(target=serve, daemon=True).start()
        result = talk("--verify", f"unix:{path}", data=b"hello" * 100_000)
    assert (result.returncode, result.stdout) == (0, b"hello" * 100_000)


def test_ipv6():
    with Peer(echo, socket.AF_INET6, "::1") as peer:
        assert talk("-6", peer.address, data=b"hello").stdout == b"hello"
        result = talk("-4", peer.address)
    assert result.returncode in (1, 2) and complaint(result)


def test_source_address_is_used():
    with Peer(echo) as peer:
        result = talk("--source", "127.0.0.77", "-v", peer.address, data=b"hello")
        assert result.returncode == 0
        assert peer.peers[0][0] == "127.0.0.77"
        assert f"connected to {peer.address} from tcp://127.0.0.77:" in result.stderr.decode()
        assert "5 bytes (5 B) came back in" in result.stderr.decode()


def test_source_of_another_family_is_told():
    with Peer(echo) as peer:
        result = talk("--source", "[::1]", peer.address)
    assert result.returncode == 1
    assert "--source must be an address of this machine, of the server's family" in complaint(result)


def test_trace_shows_the_calls():
    with Peer(echo) as peer:
        result = talk("--trace", peer.address, data=b"hello")
    calls = [line.split("(")[0] for line in result.stderr.decode().splitlines()]
    assert calls.index("socket") < calls.index("connect") < calls.index("send")
    assert calls.index("send") < calls.index("shutdown") < calls.index("close")
    assert 'send(3, "hello", 5, MSG_NOSIGNAL) = 5' in result.stderr.decode()


@pytest.mark.parametrize("arguments, words", [
    ((), "there is no address to talk to"),
    (("127.0.0.1:1", "127.0.0.1:2"), "'127.0.0.1:2' is one too many"),
    (("tcp://127.0.0.1:x",), "is not an address"),
    (("-4", "-6", "localhost"), "-4 and -6 exclude each other"),
    (("-4", "tcp6://localhost"), "-4 does not fit"),
    (("--timeout", "soon", "localhost"), "'soon' is not a length of time"),
    (("--timeout", "0", "localhost"), "'0' is not a length of time"),
    (("--size", "0", "udp://localhost"), "'0' is not a size"),
    (("--size", "65508", "udp://localhost"), "'65508' is not a size"),
    (("--size", "100", "tcp://localhost"), "--size is for datagrams"),
    (("--source", "::::", "localhost"), "is not an address"),
    (("--source", "unix:/tmp/x", "localhost"), "--source and the address must both be"),
])
def test_usage_errors(arguments, words):
    result = talk(*arguments)
    assert result.returncode == 2
    assert result.stdout == b""
    assert words in complaint(result)
    assert "(see 'meari talk --help')" in complaint(result)


# Datagrams


@pytest.mark.parametrize("length, size, count", [
    (10_000, 1400, 8), (10_000, 10_000, 1), (10_000, 3, 3334), (65_507, 65_507, 1)])
def test_datagrams_come_back(tmp_path, length, size, count):
    """From a file; a pipe gives pieces of its own, and each of them is a datagram too."""
    data = random_bytes(length)
    (tmp_path / "file").write_bytes(data)
    with Datagrams() as peer, open(tmp_path / "file", "rb") as file:
        result = run("talk", "--size", size, "--timeout", "10s", peer.address, text=False,
                     preexec_fn=lambda: os.dup2(file.fileno(), 0))
        assert (result.returncode, result.stderr, result.stdout) == (0, b"", data)
        assert len(peer.heard) == count and b"".join(peer.heard) == data


def test_unixgram(tmp_path):
    data = random_bytes(100_000)
    with Datagrams(path=tmp_path / "echo") as peer:
        result = talk(peer.address, data=data)
    assert (result.returncode, result.stdout) == (0, data)


def test_lost_datagrams_are_counted():
    with Datagrams(lambda data, number: [] if number in (2, 4) else [data]) as peer:
        result = talk("--size", 10, "--timeout", "500ms", peer.address, data=b"0123456789" * 5)
    assert result.returncode == 1
    assert complaint(result) == (
        "2 of 5 datagrams did not come back within 500ms, the first from offset 10")
    assert result.stdout == b"0123456789" * 3


def test_changed_datagram_is_named():
    def change(data, number):
        return [data if number != 3 else data[:4] + b"!" + data[5:]]

    with Datagrams(change) as peer:
        result = talk("--size", 10, "--timeout", "500ms", peer.address, data=b"0123456789" * 5)
    assert result.returncode == 1
    assert complaint(result).endswith(
        "the first from offset 20; one came in its place that differs first at offset 24")


@pytest.mark.parametrize("change", [lambda data: data + b"x", lambda data: data[:-1]])
def test_longer_and_shorter_replies_are_not_equal(change):
    with Datagrams(lambda data, number: [change(data)]) as peer:
        result = talk("--timeout", "50ms", peer.address, data=b"hello")
    assert result.returncode == 1
    assert result.stdout == b""


def test_late_and_doubled_datagrams_do_no_harm():
    """Number 1 is given up and comes with number 2; number 3 comes twice."""
    held = []

    def late(data, number):
        if number == 1:
            held.append(data)
            return []
        return [*held, data] if number == 2 else [data, data]

    with Datagrams(late) as peer:
        result = talk("--size", 2, "--timeout", "500ms", peer.address, data=b"aabbccdd")
    assert result.returncode == 1
    assert complaint(result) == (
        "1 of 4 datagrams did not come back within 500ms, the first from offset 0")
    assert result.stdout == b"bbccdd"


def test_refused_datagram_is_told():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    result = talk(f"udp://127.0.0.1:{port}", data=b"hello")
    assert result.returncode == 1
    assert complaint(result).startswith("no service receives there: Connection refused")


def test_output_that_is_no_terminal_makes_a_pipe(tmp_path):
    """Typed at a terminal, copied to a file: no prompt, and nothing but the echo in the file."""
    master, slave = pty.openpty()
    with Peer(echo) as peer, open(tmp_path / "copy", "wb") as copy, subprocess.Popen(
            [MEARI, "talk", peer.address], stdin=slave, stdout=copy, env=environment()) as process:
        os.write(master, "안녕!!\n\x04".encode())
        assert process.wait(ANSWER_S) == 0
    os.close(master)
    os.close(slave)
    assert (tmp_path / "copy").read_text() == "안녕!!\n"


# Against our own server


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_with_meari_serve(engine, scheme):
    data = random_bytes(3_000_000 if scheme == "tcp" else 200_000)
    options = [] if scheme == "tcp" else ["--timeout", "10s"]
    with Server(f"{scheme}://127.0.0.1:0", engine=engine) as server:
        result = talk("--verify", *options, server.addresses[0], data=data)
    assert (result.returncode, result.stderr, result.stdout) == (0, b"", data)


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_with_meari_serve_on_unix(engine, scheme, tmp_path):
    data = random_bytes(1_000_000)
    with Server(f"{scheme}:{tmp_path}/echo", engine=engine) as server:
        result = talk("--verify", "--timeout", "10s", server.addresses[0], data=data)
    assert (result.returncode, result.stderr, result.stdout) == (0, b"", data)


def test_a_closed_standard_error_is_no_socket():
    # The lowest free number would be the socket's, and -v and --trace would speak to the server.
    with Peer(echo) as peer:
        result = subprocess.run([MEARI, "talk", "-v", "--trace", peer.address], input=b"hi\n",
                                stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2),
                                env=environment(), timeout=ANSWER_S)
        assert (result.returncode, result.stdout) == (0, b"hi\n")


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_source_file_does_not_outlive_the_conversation(scheme, tmp_path):
    source = tmp_path / "source"
    with Server(f"{scheme}:{tmp_path}/server") as server:
        for _ in range(2):
            result = run("talk", "--source", f"{scheme}:{source}", server.addresses[0], input="q")
            assert (result.returncode, result.stdout) == (0, "q"), result.stderr
            assert not source.exists()


def test_a_source_that_cannot_be_had_is_named(tmp_path):
    with Server(f"unix:{tmp_path}/server") as server:
        result = run("talk", "--source", f"unix:{tmp_path}/none/source", server.addresses[0],
                     input="q")
        assert result.returncode == 1
        assert "the address of --source is not available" in result.stderr
