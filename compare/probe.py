"""Is it an echo at all? A server that fails one of these is marked INEXACT and not ranked.

Streams: everything comes back to a slow reader that finishes its own side; a side finished at once; one
byte, answered before anything else is sent; a client that never reads does not stop one that does; a client
that dies costs only itself. Datagrams: each comes back whole, from where it was sent to.

Each case is bounded in time and bytes. Whether a server holds everything that a stuck client sends is
reported in a note: that is no loss of bytes, but no limit of memory either.
"""

import contextlib
import random
import select
import socket
import struct
import threading
import time

import servers

BULK_BYTES = 8 << 20
STUCK_BYTES = 64 << 20
CASE_S = 8
DATAGRAM_BYTES = (1, 64, 1400, 9000, 65507)


class Wrong(Exception):
    """What was seen instead of an echo."""


def receive(peer, length):
    got = bytearray()
    while len(got) < length:
        chunk = peer.recv(min(length - len(got), 1 << 16))
        if not chunk:
            raise Wrong(f"the stream ended after {len(got)} of {length} bytes")
        got += chunk
    return bytes(got)


def receive_some(peer, already):
    try:
        return peer.recv(1 << 15)
    except TimeoutError:
        raise Wrong(f"nothing more came after {already} of {BULK_BYTES} bytes, nor the end"
                    ) from None


def expect_end(peer):
    more = peer.recv(1 << 16)
    if more:
        raise Wrong(f"{len(more)} bytes more than were sent")


def exchange(peer, payload):
    peer.sendall(payload)
    if receive(peer, len(payload)) != payload:
        raise Wrong("other bytes came back")


def first_difference(left, right):
    return next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))


def bulk_to_a_slow_reader(address, _):
    payload = random.Random(1).randbytes(BULK_BYTES)

    def send():
        with contextlib.suppress(OSError):
            peer.sendall(payload)
            peer.shutdown(socket.SHUT_WR)

    with servers.connect(address, receive_buffer=16384) as peer:
        peer.settimeout(CASE_S)
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        got, until = bytearray(), time.monotonic() + 2 * CASE_S
        time.sleep(0.3)  # everybody's buffers fill
        while chunk := receive_some(peer, len(got)):
            got += chunk
            if len(got) < 2 << 20:
                time.sleep(0.001)
            if time.monotonic() > until:
                raise Wrong(f"{len(got)} of {BULK_BYTES} bytes after {2 * CASE_S} s")
        sender.join(CASE_S)
    if got != payload:
        at = first_difference(got, payload)
        if at == len(got):
            raise Wrong(f"the stream ended after {len(got)} of {BULK_BYTES} bytes")
        raise Wrong(f"{len(got)} of {BULK_BYTES} bytes came back, wrong from byte {at}")


def finished_at_once(address, _):
    with servers.connect(address) as peer:
        peer.settimeout(CASE_S)
        peer.shutdown(socket.SHUT_WR)
        expect_end(peer)


def one_byte(address, _):
    with servers.connect(address) as peer:
        peer.settimeout(CASE_S / 2)
        exchange(peer, b"m")
        peer.shutdown(socket.SHUT_WR)
        expect_end(peer)


def beside_one_that_never_reads(address, notes):
    with servers.connect(address, receive_buffer=16384) as stuck:
        stuck.setblocking(False)
        sent, block = 0, bytes(1 << 16)
        while sent < STUCK_BYTES and select.select([], [stuck], [], 0.3)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += stuck.send(block)
        if sent >= STUCK_BYTES:
            notes.append(f"holds all of {STUCK_BYTES >> 20} MiB for a client that does not read")
        with servers.connect(address) as peer:
            peer.settimeout(CASE_S / 2)
            for _ in range(50):
                exchange(peer, bytes(range(64)))


def after_one_that_dies(address, _):
    for _ in range(20):
        with servers.connect(address) as dying:
            dying.sendall(bytes(1 << 16))
            dying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with servers.connect(address) as peer:
        peer.settimeout(CASE_S / 2)
        exchange(peer, bytes(range(64)))


def datagrams(address, notes):
    with servers.connect(address) as peer:
        peer.settimeout(1)
        for length in DATAGRAM_BYTES:
            payload = random.Random(length).randbytes(length)
            for attempt in range(3):
                peer.send(payload)
                try:
                    got = peer.recv(65536)
                    break
                except TimeoutError:
                    got = None
            if got != payload:
                raise Wrong(f"a datagram of {length} bytes "
                            + ("is not answered" if got is None else f"comes back as {len(got)}"))
        peer.send(b"")
        try:
            peer.recv(65536)
        except TimeoutError:
            notes.append("does not answer an empty datagram")


STREAM_CASES = [bulk_to_a_slow_reader, finished_at_once, one_byte, beside_one_that_never_reads,
                after_one_that_dies]
CASES = {"tcp": STREAM_CASES, "unix": STREAM_CASES, "udp": [datagrams]}


def probe(server, family, cpu, build_folder):
    """{"exact": bool, "failures": [text], "notes": [text]}; each case on a server started anew."""
    failures, notes = [], []
    for case in CASES[family]:
        title = case.__name__.replace("_", " ")
        try:
            with servers.start(server, family, cpu, build_folder) as running:
                try:
                    case(running.address, notes)
                except TimeoutError:
                    failures.append(f"{title}: no answer in time")
                except Wrong as wrong:
                    failures.append(f"{title}: {wrong}")
                except OSError as error:
                    failures.append(f"{title}: {error.strerror or error}"
                                    + ("" if running.alive else " (the server died)"))
        except servers.NotStarted as why:
            failures.append(f"does not start: {why}")
            break
    return {"exact": not failures, "failures": failures, "notes": notes}
