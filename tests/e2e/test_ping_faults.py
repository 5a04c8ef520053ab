"""meari ping against services that lose, double, mix up, change and go away."""

import os
import re
import signal
import socket
import threading

import pytest

from meari import ANSWER_S, Server
from talk_peers import Datagrams, Peer, echo, reset
from test_ping import events, objects, ping, replies, started

SIZE = 56


def receive_probe(connection, size=SIZE):
    data = b""
    while len(data) < size:
        if not (more := connection.recv(size - len(data))):
            break
        data += more
    return data


def number_of(data):
    return int.from_bytes(data[:4], "little")


def flip(data, *places):
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 0xff
    return bytes(changed)


# ---- datagrams ----

@pytest.mark.parametrize("size", [56, 16, 12, 8, 4, 1])
def test_every_third_is_lost(size):
    with Datagrams(lambda data, number: [data] if number % 3 else []) as peer:
        result = ping("-c", 12, "-i", "5ms", "-W", "300ms", "-s", size, peer.address)
    assert result.returncode == 0
    assert [int(reply["seq"]) for reply in replies(result)] == [1, 2, 4, 5, 7, 8, 10, 11]
    assert "12 sent, 8 received, 33.3% loss" in result.stdout
    assert "gap" not in result.stdout


@pytest.mark.parametrize("size", [56, 16, 12, 8, 4, 1])
def test_duplicates(size):
    with Datagrams(lambda data, number: [data] * (3 if number == 2 else 1)) as peer:
        result = ping("-c", 3, "-i", "5ms", "-s", size, peer.address)
    assert result.returncode == 0
    assert [reply["seq"] for reply in replies(result)] == ["1", "2", "2", "2", "3"]
    assert [reply["more"] for reply in replies(result)] == ["", "", " (duplicate)", " (duplicate)", ""]
    assert "3 sent, 3 received, 0% loss" in result.stdout
    assert "2 duplicated" in result.stdout


@pytest.mark.parametrize("size", [56, 16, 12, 8, 4, 1])
def test_reordered(size):
    held = []

    def answer(data, number):
        held.append(data)
        if number == 2:
            return []
        return [held.pop() for _ in list(held)]

    with Datagrams(answer) as peer:
        result = ping("--json", "-c", 4, "-i", "10ms", "-s", size, peer.address)
    found = events(result, "reply")
    assert [reply["seq"] for reply in found] == [1, 3, 2, 4]
    assert [reply["reordered"] for reply in found] == [False, False, True, False]
    assert objects(result)[1]["reordered"] == 1
    # Times are right although the order is not: number 2 was sent before number 3.
    assert found[2]["rtt_ns"] > found[1]["rtt_ns"]


def test_late():
    held = []

    def answer(data, number):
        if number == 1:
            held.append(data)
            return []
        return [data] + ([held.pop()] if number == 4 else [])

    with Datagrams(answer) as peer:
        result = ping("--json", "-c", 5, "-i", "100ms", "-W", "150ms", peer.address)
    found = events(result, "reply")
    assert [reply["seq"] for reply in found if reply["late"]] == [1]
    assert [line["seq"] for line in events(result, "overdue")] == [1]
    summary = objects(result)[1]
    assert (summary["received"], summary["late"], summary["lost"]) == (5, 1, 0)
    assert next(r["rtt_ns"] for r in found if r["late"]) >= 200_000_000
    assert result.returncode == 0


@pytest.mark.parametrize("place", [0, 3, 4, 7, 8, 15, 16, 40, 55])
def test_a_datagram_is_damaged(place):
    """Wherever: in the number, in the run, in the time or behind."""
    with Datagrams(lambda data, number: [flip(data, place) if number == 2 else data]) as peer:
        result = ping("--json", "-c", 3, "-i", "20ms", peer.address)
        sent = peer.heard[1]
    assert result.returncode == 3
    (damaged,) = events(result, "damaged")
    assert (damaged["seq"], damaged["offset"], damaged["different_bytes"]) == (2, place, 1)
    assert (damaged["expected"], damaged["got"]) == (sent[place], sent[place] ^ 0xff)
    summary = objects(result)[1]
    assert (summary["received"], summary["lost"], summary["damaged"]) == (2, 1, 1)
    assert "not an exact echo" in result.stderr and result.stderr.count("\n") == 1


def test_damage_that_makes_it_look_like_another():
    held = []

    def answer(data, number):
        held.append(data)
        if number < 3:
            return []
        return [bytes([2]) + data[1:], held[0], held[1]]

    with Datagrams(answer) as peer:
        result = ping("--json", "-c", 3, "-i", "5ms", peer.address)
    (damaged,) = events(result, "damaged")
    assert (damaged["seq"], damaged["offset"], damaged["expected"], damaged["got"]) == (3, 0, 3, 2)
    assert sorted(reply["seq"] for reply in events(result, "reply")) == [1, 2]


def test_damage_in_words():
    with Datagrams(lambda data, number: [flip(data, 17, 30)]) as peer:
        result = ping("-c", 1, peer.address)
        sent = peer.heard[0]
    assert (f"56 bytes from {peer.address}: seq=1 damaged at offset 17: expected 0x{sent[17]:02x}, "
            f"got 0x{sent[17] ^ 0xff:02x} (bytes that differ: 2)") in result.stdout
    assert "1 sent, 0 received, 100% loss" in result.stdout
    assert result.returncode == 3


@pytest.mark.parametrize("change, got, offset, count", [
    (lambda data: data[:40], "got", 40, 16),
    (lambda data: data + b"abc", "expected", 56, 3),
])
def test_a_datagram_of_another_length(change, got, offset, count):
    with Datagrams(lambda data, number: [change(data)]) as peer:
        result = ping("--json", "-c", 1, peer.address)
    (damaged,) = events(result, "damaged")
    assert damaged[got] is None
    assert (damaged["offset"], damaged["different_bytes"]) == (offset, count)
    assert result.returncode == 3


def test_a_datagram_that_answers_nothing():
    with Datagrams(lambda data, number: [b"who are you?", data]) as peer:
        result = ping("-c", 1, peer.address)
    assert "12 bytes from" in result.stdout
    assert "no reply to anything that is under way" in result.stdout
    assert "1 sent, 1 received, 0% loss" in result.stdout
    assert result.returncode == 3


def test_reply_to_another_run_is_not_ours():
    before = []

    def answer(data, number):
        before.append(data)
        return [before[0]]

    with Datagrams(answer) as peer:
        assert ping("-c", 1, peer.address).returncode == 0
        result = ping("-c", 1, "-W", "100ms", "--json", peer.address)
    summary = objects(result)[1]
    assert (summary["received"], summary["duplicates"]) == (0, 0)
    assert result.returncode == 3


# ---- streams ----

@pytest.mark.parametrize("place", [0, 17, 55])
def test_a_stream_is_damaged(place):
    def serve(connection):
        while data := receive_probe(connection):
            heard.append(data)
            connection.sendall(flip(data, place) if len(heard) == 2 else data)

    heard = []
    with Peer(serve) as peer:
        result = ping("--json", "-c", 4, "-i", "5ms", peer.address)
        assert len(peer.peers) == 1  # the stream is not out of step
    assert result.returncode == 3
    (damaged,) = events(result, "damaged")
    assert (damaged["seq"], damaged["offset"], damaged["different_bytes"]) == (2, place, 1)
    assert (damaged["expected"], damaged["got"]) == (heard[1][place], heard[1][place] ^ 0xff)
    assert objects(result)[1]["received"] == 3


@pytest.mark.parametrize("piece", [1, 5, 55])
def test_damage_is_found_in_pieces(piece):
    def serve(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := receive_probe(connection):
            data = flip(data, 20, 21, 50) if number_of(data) == 2 else data
            for at in range(0, len(data), piece):
                connection.sendall(data[at:at + piece])

    with Peer(serve) as peer:
        result = ping("--json", "-c", 3, "-i", "20ms", peer.address)
    (damaged,) = events(result, "damaged")
    assert (damaged["seq"], damaged["offset"], damaged["different_bytes"]) == (2, 20, 3)


@pytest.mark.parametrize("change", [
    lambda data: data[:10] + data[11:],  # one byte is gone
    lambda data: data[:10] + b"!" + data[10:],  # one is too many
    lambda data: b"HTTP/1.1 400 Bad Request\r\n\r\n",
], ids=["gone", "more", "other"])
def test_a_stream_out_of_step_is_begun_anew(change):
    def serve(connection):
        while data := receive_probe(connection):
            connection.sendall(change(data) if number_of(data) == 2 else data)

    with Peer(serve) as peer:
        result = ping("--json", "-c", 8, "-i", "20ms", "-W", "1s", peer.address)
        assert len(peer.peers) == 2
    assert len(events(result, "out-of-step")) == 1
    assert result.returncode == 3
    # From the new connection on, all is well again.
    assert [reply["seq"] for reply in events(result, "reply")][-3:] == [6, 7, 8]


def test_a_greeting_is_not_an_echo():
    def serve(connection):
        connection.sendall(b"220 welcome\r\n")
        echo(connection)

    with Peer(serve) as peer:
        result = ping("-c", 2, "-i", "50ms", "-W", "200ms", peer.address)
    assert "out of step: " in result.stdout
    assert result.returncode == 3


def test_several_under_way_in_one_stream():
    """A stall: later probes are sent all the same, and matched in order; each counts its own wait."""
    def serve(connection):
        data = receive_probe(connection, 5 * SIZE)
        assert len(data) == 5 * SIZE
        connection.sendall(data)
        echo(connection)

    with Peer(serve) as peer:
        result = ping("--json", "-c", 8, "-i", "40ms", "-W", "10s", peer.address)
        assert len(peer.peers) == 1
    found = events(result, "reply")
    assert [reply["seq"] for reply in found] == list(range(1, 9))
    waits = [reply["rtt_ns"] for reply in found[:5]]
    assert min(waits[:4]) > waits[4]
    assert waits[0] - waits[4] >= 80_000_000  # 160 ms where nothing else runs
    assert result.returncode == 0


def test_a_stream_that_is_not_read_holds_up_nothing():
    """More than the kernel's buffers take: what waits is sent, in order, when there is room again."""
    def serve(connection):
        peer.go_on.wait()
        echo(connection)

    with Peer(serve) as peer:
        with started("--json", "-s", "1M", "-i", "10ms", "-W", "1m", "-O", "-c", 40,
                     peer.address) as process:
            lines = [process.stdout.readline() for _ in range(30)]
            peer.go_on.set()
            rest, _ = process.communicate(timeout=60)
    assert sum('"waiting"' in line for line in lines) >= 25
    assert '"received":40' in rest and '"damaged":0' in rest
    assert process.returncode == 0


# ---- gaps ----

class Restarted:
    """A TCP service that can be ended in a certain way, stay away, and be there again."""

    def __init__(self):
        self.listener = self._listen(0)
        self.port = self.listener.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.connections = []
        self._start()

    @staticmethod
    def _listen(port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(16)
        return listener

    def _start(self):
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        try:
            echo(connection)
        except OSError:
            pass

    def away(self, how):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      b"\1\0\0\0\0\0\0\0")
            # shutdown wakes the thread that receives; a reset needs close alone.
            if how == "finished":
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.connections.clear()

    def back(self):
        self.listener = self._listen(self.port)
        self._start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.away("finished")


def read_until(process, text):
    seen = []
    while True:
        line = process.stdout.readline()
        assert line, "ended without " + text + ":\n" + "".join(seen)
        seen.append(line)
        if text in line:
            return seen


def test_a_service_that_finishes_and_comes_back():
    with Restarted() as service, started("-i", "20ms", service.address) as process:
        read_until(process, "seq=2 ")
        service.away("finished")
        begin = read_until(process, "gap begins")[-1]
        threading.Event().wait(0.1)  # the length of the gap, of which five probes are a part
        service.back()
        end = read_until(process, "gap ends")[-1]
        read_until(process, " time=")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=ANSWER_S)
    assert re.fullmatch(r"gap begins: seq=\d+: (finished \(FIN\)|reset \(RST\))\n", begin)
    length = re.fullmatch(r"gap ends: seq=\d+ answered after ([\d.]+)ms: "
                          r"finished \(FIN\), (?:reset \(RST\), )?refused\n", end)
    assert length and float(length[1]) >= 100
    assert re.search(r"^gaps: 1, together [\d.]+ms$", rest, re.MULTILINE)
    assert re.search(r"^  \d\d:\d\d:\d\d  [\d.]+ms  finished \(FIN\), ", rest, re.MULTILINE)


def test_a_service_that_resets():
    def serve(connection):
        connection.sendall(receive_probe(connection))
        if len(peer.peers) == 1:
            connection.recv(SIZE)
            reset(connection)
        else:
            echo(connection)

    with Peer(serve) as peer:
        result = ping("--json", "-c", 5, "-i", "30ms", peer.address)
        assert len(peer.peers) == 2
    (begin,), (end,) = events(result, "gap-begin"), events(result, "gap-end")
    assert begin["how"] == ["reset"] and begin["seq"] == 2
    assert end["seq"] == 3 and end["length_ns"] >= 10_000_000
    summary = objects(result)[1]
    assert (summary["sent"], summary["lost"], summary["connections"]) == (5, 1, 2)
    assert summary["gaps"]["count"] == 1
    assert summary["gaps"]["list"][0]["how"] == ["reset"]
    assert result.returncode == 0


def test_nobody_there():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # taken, and nobody listens
        for scheme in ("tcp", "udp"):
            address = f"{scheme}://127.0.0.1:{held.getsockname()[1]}"
            result = ping("-c", 3, "-i", "10ms", address)
            assert result.returncode == 1
            assert result.stderr == ""
            assert "3 sent, 0 received, 100% loss" in result.stdout
            assert result.stdout.count("gap begins: seq=1: refused") == 1
            assert "(is a server running there? 'meari serve' starts one)" in result.stdout
            assert "  refused (not over yet)" in result.stdout


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_unix_service_comes_late(tmp_path, scheme):
    address = f"{scheme}:{tmp_path}/service"
    with started("--json", "-i", "20ms", address) as process:
        read_until(process, '"gap-begin"')
        with Server(address):
            end = read_until(process, '"gap-end"')[-1]
            read_until(process, '"reply"')
        # ... goes, and is refused once more
        again = read_until(process, '"gap-begin"')[-1]
        assert '"refused"' in end
        if scheme == "unix":
            assert re.search('"(finished|reset|refused)"', again)
        with Server(address):
            read_until(process, '"gap-end"')


def test_silent_then_back_on_the_same_stream():
    """A stall is a gap, the connection is kept, and late replies are told as such."""
    def serve(connection):
        connection.sendall(receive_probe(connection))
        held = receive_probe(connection, 3 * SIZE)
        peer.go_on.wait()
        connection.sendall(held)
        echo(connection)

    with Peer(serve) as peer:
        with started("--json", "-i", "50ms", "-W", "300ms", peer.address) as process:
            begin = read_until(process, '"gap-begin"')[-1]
            peer.go_on.set()
            end = read_until(process, '"gap-end"')[-1]
            late = read_until(process, '"reply"')[-1]
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=ANSWER_S)
        assert len(peer.peers) == 1
    assert '"silent"' in begin and '"seq":2' in begin
    assert '"silent"' in end and '"seq":2' in end
    assert '"late":true' in late


def test_a_stream_that_stays_silent_is_given_up():
    """After five timeouts a new connection is made: TCP itself would not notice for minutes."""
    def serve(connection):
        if len(peer.peers) == 1:
            peer.go_on.wait()
        else:
            echo(connection)

    with Peer(serve) as peer, started("--json", "-i", "20ms", "-W", "60ms", peer.address) as process:
        read_until(process, '"gap-begin"')
        end = read_until(process, '"gap-end"')[-1]
        assert len(peer.peers) == 2
    assert '"silent"' in end


def test_silent_datagrams_are_a_gap():
    with Datagrams(lambda data, number: [] if 3 <= number < 20 else [data]) as peer:
        with started("--json", "-i", "20ms", "-W", "60ms", peer.address) as process:
            begin = read_until(process, '"gap-begin"')[-1]
            end = read_until(process, '"gap-end"')[-1]
    assert '"seq":3' in begin and '"silent"' in begin
    assert '"seq":20' in end
    assert int(re.search(r'"length_ns":(\d+)', end)[1]) >= 200_000_000


def test_connections_of_their_own_that_are_not_answered():
    def serve(connection):
        if len(peer.peers) in (2, 3):
            peer.go_on.wait()
        else:
            echo(connection)

    with Peer(serve) as peer:
        result = ping("--json", "--connect", "-c", 6, "-i", "300ms", "-W", "250ms", peer.address)
    assert {line["seq"] for line in events(result, "reply")} == {1, 4, 5, 6}
    assert {line["seq"] for line in events(result, "overdue")} == {2, 3}
    assert [line["how"] for line in events(result, "gap-end")] == [["silent"]]
    assert objects(result)[1]["lost"] == 2


def test_more_gaps_than_are_listed():
    def serve(connection):
        connection.sendall(receive_probe(connection))

    with Peer(serve) as peer:
        result = ping("-c", 40, "-i", "5ms", "-W", "5s", peer.address)
    found = re.search(r"^gaps: (\d+), together ", result.stdout, re.MULTILINE)
    assert found and int(found[1]) > 16
    listed = re.findall(r"^  \d\d:\d\d:\d\d  ", result.stdout, re.MULTILINE)
    assert len(listed) == 16
    assert f"  and {int(found[1]) - 16} more" in result.stdout


def test_more_connections_than_may_be_under_way():
    """The cap: the oldest gives way, and the number of descriptors stays bounded."""
    with Peer(lambda connection: peer.go_on.wait()) as peer:
        peer.listener.listen(1024)  # nobody is to be turned away, however slow we are
        with started("--connect", "-q", "--json", "-i", "1ms", "-W", "1m", "-c", 700,
                     peer.address) as process:
            folder = f"/proc/{process.pid}/fd"
            most = 0
            while len(peer.peers) < 650:
                assert process.poll() is None, f"it ended with {len(peer.peers)} connections"
                most = max(most, len(os.listdir(folder)))
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=ANSWER_S)
    assert most <= 512 + 10
    assert '"received":0' in rest


def test_a_port_keeps_its_number_when_it_connects_anew():
    def serve(connection):
        again = connection.getpeername() in seen
        seen.append(connection.getpeername())
        connection.sendall(receive_probe(connection))
        if not again:
            reset(connection)
        else:
            echo(connection)

    seen = []
    with Peer(serve) as peer:
        result = ping("--ports", 3, "-c", 45, "-i", "20ms", peer.address)
    assert len(seen) == 6 and len(set(seen)) == 3
    assert result.returncode == 0


def test_a_full_backlog_is_waited_for(tmp_path):
    """A unix service that does not accept: connecting takes long, and the echo's time is its own."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(tmp_path / "service"))
        listener.listen(0)
        first.connect(str(tmp_path / "service"))
        with started("--json", "-c", 1, "-W", "10s", "--trace",
                     f"unix:{tmp_path}/service") as process:
            # The attempts are told on standard error, one after the other.
            for _ in range(5):
                while "EAGAIN" not in process.stderr.readline():
                    pass
            listener.accept()[0].close()
            connection, _ = listener.accept()
            connection.sendall(receive_probe(connection))
            out, _ = process.communicate(timeout=ANSWER_S)
            connection.close()
    found = re.search(r'"event":"reply".*"rtt_ns":(\d+)', out)
    connect = re.search(r'"event":"connected","connect_ns":(\d+)', out)
    assert int(connect[1]) >= 40_000_000
    assert int(found[1]) < int(connect[1])


def test_after_a_stop_there_is_no_burst():
    with Datagrams() as peer, started("-i", "10ms", peer.address) as process:
        read_until(process, "seq=5 ")
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        threading.Event().wait(0.5)  # fifty intervals
        heard = len(peer.heard)
        process.send_signal(signal.SIGCONT)
        read_until(process, f"seq={heard + 3} ")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=ANSWER_S)
    assert int(re.search(r"^(\d+) sent", rest, re.MULTILINE)[1]) < heard + 40


def sent_so_far(process):
    process.send_signal(signal.SIGQUIT)
    line = read_until(process, '"interim"')[-1]
    return int(re.search(r'"sent":(\d+)', line)[1]), line


def test_a_stream_has_only_so_many_under_way():
    """The cap: a service that never answers gets no more than can be remembered."""
    def silent(connection):
        while connection.recv(1 << 16):
            pass

    most = 32768
    with Peer(silent) as peer:
        with started("--json", "-s", 1, "-i", "1us", "-W", "1h", peer.address) as process:
            read_until(process, '"connected"')
            while sent_so_far(process)[0] < most:
                pass
            assert sent_so_far(process)[0] == most
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=ANSWER_S)


def test_more_datagrams_than_can_be_remembered():
    with Datagrams(lambda data, number: []) as peer:
        with started("--json", "-s", 16, "-i", "1us", "-W", "1h", peer.address) as process:
            read_until(process, '"begin"')
            while (sent := sent_so_far(process))[0] < 70_000:
                pass
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=ANSWER_S)
    assert '"under_way":65536' in sent[1]
    assert f'"lost":{sent[0] - 65536}' in sent[1]
