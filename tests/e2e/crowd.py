"""Many clients at once in one thread, each of which knows exactly what must come back.

    crowd = Crowd((connect(address) for _ in range(200)), payloads)
    crowd.run()        every peer sends its payload and its end, reads all, and compares

A Peer can be told to read slowly (`pause`: stop after some bytes, for some seconds), in small
pieces (`read_size`), or not at all (`deaf`). What differs raises an AssertionError that
tells the place.
"""

import heapq
import itertools
import selectors
import socket
import time

SEND_SIZE = 256 << 10
DEADLINE_S = 150


class Peer:
    """One connection. `sent` and `received` count bytes; `done` when the end of stream has come."""

    def __init__(self, sock, payload, *, pause=None, read_size=256 << 10, send_size=SEND_SIZE,
                 deaf=False, half_close=True):
        self.sock = sock
        self.payload = memoryview(payload)
        self.pause_at, self.pause_s = pause or (None, 0)
        self.read_size, self.send_size = read_size, send_size
        self.deaf, self.half_close = deaf, half_close
        self.sent = self.received = 0
        self.finished = self.done = False
        sock.setblocking(False)

    @property
    def wants_to_send(self):
        return not self.finished

    def send_some(self):
        """Sends what the kernel takes in one call; the end when all is sent. Gives the count."""
        if self.sent < len(self.payload):
            try:
                count = self.sock.send(self.payload[self.sent:self.sent + self.send_size])
            except BlockingIOError:
                return 0
            self.sent += count
            return count
        if not self.finished and self.half_close:
            self.sock.shutdown(socket.SHUT_WR)
        self.finished = True
        return 0

    def receive_some(self, scratch):
        """Reads once and compares. Gives the count; 0 at the end of the stream or when empty."""
        view = scratch[:self.read_size]
        try:
            count = self.sock.recv_into(view)
        except BlockingIOError:
            return 0
        if count == 0:
            assert self.received == self.sent == len(self.payload), \
                f"end of stream after {self.received} of {self.sent} bytes sent"
            self.done = True
            return 0
        expected = self.payload[self.received:self.received + count]
        assert view[:count] == expected, self._difference(view[:count], expected)
        self.received += count
        if not self.half_close and self.received == len(self.payload):
            self.done = True
        return count

    def _difference(self, got, expected):
        for index, (one, other) in enumerate(itertools.zip_longest(got, expected)):
            if one != other:
                return f"byte {self.received + index} is {one}, not {other}"
        return "no difference"


class Crowd:
    def __init__(self, socks, payloads, **options):
        self.peers = [Peer(sock, payload, **options) for sock, payload in zip(socks, payloads)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for peer in self.peers:
            peer.sock.close()

    def run(self, deadline_s=DEADLINE_S):
        """Until every peer that is not deaf has got all back. Deaf ones just send what they can."""
        scratch = memoryview(bytearray(1 << 20))
        waiting = {peer for peer in self.peers if not peer.deaf}
        sleeping = []  # (when, number, peer): peers that stop reading for a while
        until = time.monotonic() + deadline_s
        with selectors.DefaultSelector() as selector:
            for peer in self.peers:
                selector.register(peer.sock, _events_of(peer, asleep=False), peer)
            while waiting:
                now = time.monotonic()
                assert now < until, \
                    f"{len(waiting)} peers still wait: " + \
                    ", ".join(f"{p.sent}/{len(p.payload)} sent, {p.received} back"
                              for p in list(waiting)[:5])
                while sleeping and sleeping[0][0] <= now:
                    peer = heapq.heappop(sleeping)[2]
                    _watch(selector, peer, asleep=False)
                timeout = min([until] + [entry[0] for entry in sleeping[:1]]) - now
                for key, events in selector.select(timeout):
                    peer = key.data
                    if events & selectors.EVENT_WRITE:
                        peer.send_some()
                    if events & selectors.EVENT_READ:
                        peer.receive_some(scratch)
                    if peer.done:
                        selector.unregister(peer.sock)
                        waiting.discard(peer)
                        continue
                    asleep = peer.pause_at is not None and peer.received >= peer.pause_at
                    if asleep:
                        peer.pause_at = None
                        heapq.heappush(sleeping, (time.monotonic() + peer.pause_s, id(peer), peer))
                    if asleep or (peer.finished and events & selectors.EVENT_WRITE):
                        _watch(selector, peer, asleep or any(e[2] is peer for e in sleeping))


def _events_of(peer, asleep):
    events = selectors.EVENT_WRITE if peer.wants_to_send else 0
    if not asleep and not peer.deaf:
        events |= selectors.EVENT_READ
    return events


def _watch(selector, peer, asleep):
    """Brings what is waited for up to date; a socket that waits for nothing is not registered."""
    events = _events_of(peer, asleep)
    known = peer.sock in selector.get_map()
    if known and events:
        selector.modify(peer.sock, events, peer)
    elif known:
        selector.unregister(peer.sock)
    elif events:
        selector.register(peer.sock, events, peer)


def stuff(peers, between=lambda: None):
    """Lets peers that never read send until nothing goes any more; gives how much that was.

    The sign for "nothing goes any more": three rounds in a row without a byte, with `between` (an
    echo of somebody else, say) in between, so that the server has had its turn.
    """
    total = idle = 0
    while idle < 3:
        progress = 0
        for peer in peers:
            while peer.sent < len(peer.payload) and (count := peer.send_some()):
                progress += count
        total += progress
        idle = 0 if progress else idle + 1
        between()
    return total
