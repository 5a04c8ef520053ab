"""TLS for tests that know only sockets.

connect(address) of meari.py gives, for tls://, one end of a pair of sockets; behind the other one a thread of this file
speaks TLS with the server. So half-close is close_notify, and what a test does to a stream it can do to this one.
Nothing is verified here: that is for tests of clients.
"""

import contextlib
import selectors
import socket
import ssl
import threading

PIECE = 64 << 10
MOST = 4 * PIECE  # waiting in one direction


def client_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Near(socket.socket):
    """The test's end; `link` tells how the other one has ended."""

    link = None


class Link:
    """One connection: `near` is the test's pair, `wire` the server's socket."""

    def __init__(self, near, wire, context):
        self.near, self.wire = near, wire
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.open = False
        self.to_near, self.to_wire = b"", b""
        self.near_ended = self.said_end = self.wire_ended = self.told_end = False
        near.setblocking(False)
        wire.setblocking(False)

    def events(self):
        near = wire = 0
        if self.to_near:
            near |= selectors.EVENT_WRITE
        if self.open and not self.near_ended and len(self.to_wire) < MOST:
            near |= selectors.EVENT_READ
        if self.to_wire:
            wire |= selectors.EVENT_WRITE
        if not self.wire_ended and len(self.to_near) < MOST:
            wire |= selectors.EVENT_READ
        return near, wire

    def is_over(self):
        return self.told_end and not self.to_near and (self.said_end or self.wire_ended) and not self.to_wire

    def turn(self):
        self._fill_from_wire()
        self._work()
        self._flush()

    def _fill_from_wire(self):
        if self.wire_ended or len(self.to_near) >= MOST:
            return
        try:
            piece = self.wire.recv(PIECE)
        except BlockingIOError:
            return
        if piece:
            self.incoming.write(piece)
        else:
            self.wire_ended = True
            self.incoming.write_eof()

    def _work(self):
        try:
            if not self.open:
                self.tls.do_handshake()
                self.open = True
            self._from_near()
            self._from_tls()
        except ssl.SSLWantReadError:
            pass
        if self.open and self.near_ended and not self.said_end and not self.incoming.pending:
            self._say_end()
        self.to_wire += self.outgoing.read()

    def _from_near(self):
        if self.near_ended or len(self.to_wire) >= MOST:
            return
        try:
            piece = self.near.recv(PIECE)
        except BlockingIOError:
            return
        if piece:
            self.tls.write(piece)
            return
        self.near_ended = True

    def _say_end(self):
        """Python's unwrap() also reads, and drops what it reads: so nothing may be there."""
        self.said_end = True
        try:
            self.tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLSyscallError):
            pass

    def _from_tls(self):
        while not self.told_end:
            try:
                piece = self.tls.read(PIECE)
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                self.told_end = True
                return
            self.to_near += piece

    def _flush(self):
        self.to_near = self._send(self.near, self.to_near)
        self.to_wire = self._send(self.wire, self.to_wire)
        if self.told_end and not self.to_near:
            try:
                self.near.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    @staticmethod
    def _send(to, waiting):
        while waiting:
            try:
                waiting = waiting[to.send(waiting):]
            except BlockingIOError:
                break
        return waiting

    def close(self):
        self.near.close()
        self.wire.close()


class Pump:
    """The thread that moves all links."""

    def __init__(self):
        self.context = client_context()
        self.selector = selectors.DefaultSelector()
        self.wake, self.woken = socket.socketpair()
        self.new = []
        self.lock = threading.Lock()
        self.woken.setblocking(False)
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, wire):
        one, far = socket.socketpair()
        near = Near(fileno=one.detach())
        near.link = Link(far, wire, self.context)
        with self.lock:
            self.new.append(near.link)
        self.wake.send(b"!")
        return near

    def _watch(self, link):
        for sock, events in zip((link.near, link.wire), link.events()):
            known = sock in self.selector.get_map()
            if known and events:
                self.selector.modify(sock, events, link)
            elif known:
                self.selector.unregister(sock)
            elif events:
                self.selector.register(sock, events, link)

    def _drop(self, link):
        for sock in (link.near, link.wire):
            if sock in self.selector.get_map():
                self.selector.unregister(sock)
        link.close()

    def _turn(self, link):
        try:
            link.turn()
            if link.is_over():
                self._drop(link)
            else:
                self._watch(link)
        except OSError:  # ssl.SSLError is one, too
            self._drop(link)

    def _run(self):
        while True:
            links = {key.data for key, _ in self.selector.select() if key.data is not None}
            # First the signs, then what they stand for: a link whose sign comes later has one left.
            with contextlib.suppress(BlockingIOError):
                self.woken.recv(65536)
            with self.lock:
                fresh, self.new = self.new, []
            for link in [*links, *fresh]:
                self._turn(link)


_pump = None


def wrap(wire):
    """The test's end of a connection that speaks TLS over `wire`, which is this file's from now on."""
    global _pump
    if _pump is None:
        _pump = Pump()
    return _pump.add(wire)
