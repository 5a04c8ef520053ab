"""A crowd of clients of every kind, each of which knows every byte that must come back.

    clients.py SETTING    a JSON object, see soak.py's setting(); runs until a line comes on standard input,
                          lets every conversation end, and prints one JSON object

One thread, one coroutine a conversation, one function a kind: `KINDS` is the list. The bytes are a
window of one table of random bytes that each conversation begins elsewhere, so a byte that is lost,
changed, moved, or somebody else's is seen where it happens. A byte is lost if it was sent on a
connection that nobody reset, and had not come back when that ended.
"""

import asyncio
import contextlib
import dataclasses
import errno
import json
import random
import socket
import struct
import sys

PERIOD = 1_048_573  # a prime, so that no power of two fits into it
MOST_AT_ONCE = 64 << 10
TABLE = random.Random(862).randbytes(PERIOD)
TABLE += TABLE[:MOST_AT_ONCE]
MOST_NOTES = 20
KNOCK_S = 0.5
ANSWER_S = 5  # of datagrams over loopback
# What a connection ends with when the way to the peer is gone for too long: the link's doing.
BY_THE_LINK = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
DATAGRAM = struct.Struct("!QII")  # conversation, number in it, length


@dataclasses.dataclass
class Tally:
    """Of one kind of client."""
    conversations: int = 0
    sent: int = 0
    back: int = 0
    lost: int = 0
    wrong: int = 0
    reset: int = 0  # by us
    broken: int = 0  # by the link
    refused: int = 0  # by the server, as it should
    blocked: int = 0  # stalled so long that the server took no more
    datagrams: int = 0
    datagrams_lost: int = 0
    datagrams_twice: int = 0


class Conversation:
    """One connection: what it sends goes on where it stopped, and what comes is compared."""

    def __init__(self, crowd, tally, target, *, buffers=None, source=None):
        self.crowd, self.tally = crowd, tally
        self.target = target[1]
        self.start = crowd.dice.randrange(PERIOD)
        self.sent = self.back = 0
        family = {"tcp4": socket.AF_INET, "tcp6": socket.AF_INET6, "unix": socket.AF_UNIX}[target[0]]
        self.is_tcp = family != socket.AF_UNIX
        self.name = tuple(target[1]) if self.is_tcp else "\0" + target[1]
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        if self.is_tcp:  # with --urgent urgent they come back as such, and keep their place all the same
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        if buffers is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        if source is not None:
            self.sock.bind((source, 0))

    async def open(self):
        try:
            await self.crowd.loop.sock_connect(self.sock, self.name)
        except ConnectionResetError:  # it was there, and is so no more
            self.crowd.connected += 1
            raise
        self.crowd.connected += 1

    def bytes_at(self, offset, length):
        at = (self.start + offset) % PERIOD
        return TABLE[at:at + length]

    async def writable(self):
        future = self.crowd.loop.create_future()
        self.crowd.loop.add_writer(self.sock, lambda: future.done() or future.set_result(None))
        try:
            await future
        finally:
            self.crowd.loop.remove_writer(self.sock)

    async def send(self, length, flags=0):
        """The next bytes, all of them."""
        end = self.sent + length
        while self.sent < end:
            chunk = self.bytes_at(self.sent, min(MOST_AT_ONCE, end - self.sent))
            try:
                count = self.sock.send(chunk, flags)
            except BlockingIOError:
                await self.writable()
                continue
            self.sent += count
            self.tally.sent += count

    async def receive(self, most=MOST_AT_ONCE):
        """Once; gives the count, 0 at the end of the stream."""
        chunk = await self.crowd.loop.sock_recv(self.sock, most)
        expected = self.bytes_at(self.back, len(chunk))
        if self.back + len(chunk) > self.sent:
            self.tally.wrong += self.back + len(chunk) - self.sent
            self.crowd.note(self.tally, f"{self.back + len(chunk)} bytes came back of {self.sent}")
        elif chunk != expected:
            wrong = [at for at, (one, other) in enumerate(zip(chunk, expected)) if one != other]
            self.tally.wrong += len(wrong)
            self.crowd.note(self.tally, f"byte {self.back + wrong[0]} is not what was sent"
                                        f" ({len(wrong)} of {len(chunk)} are not)")
        self.back += len(chunk)
        self.tally.back += len(chunk)
        return len(chunk)

    async def receive_until(self, total):
        while self.back < total:
            if await self.receive(min(MOST_AT_ONCE, total - self.back)) == 0:
                raise EOFError

    async def receive_to_end(self):
        """After finish(): all there is, and then the end of the stream."""
        while await self.receive() > 0:
            pass
        if self.back < self.sent:
            raise EOFError

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.tally.reset += 1
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


async def both(*coroutines):
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)


# The kinds of streams. Each takes a conversation that is open; what it returns with is closed.

async def exact(crowd, peer):
    """Messages of any size in any pieces, each answered before the next one."""
    for _ in range(crowd.dice.randint(1, 20)):
        left = crowd.dice.choice((1, 100, 5000, 20000)) + crowd.dice.randrange(200)
        while left > 0:
            piece = crowd.dice.randint(1, left)
            await peer.send(piece)
            left -= piece
        await peer.receive_until(peer.sent)


async def pipelined(crowd, peer):
    """Bulk, read while it is sent, and closed when all is back."""
    total = crowd.bulk()
    await both(peer.send(total), peer.receive_until(total))


async def half_close(crowd, peer):
    """Says all, ends its stream, and only then reads: a little at once, or bulk meanwhile."""
    if crowd.dice.random() < 0.5:
        await peer.send(crowd.dice.randint(1, 32 << 10))
        peer.finish()
        await peer.receive_to_end()
        return
    total = crowd.bulk()

    async def say():
        await peer.send(total)
        peer.finish()

    await both(say(), peer.receive_until(total))
    await peer.receive_to_end()


async def slow(crowd, peer):
    """Reads little, and seldom."""
    total = crowd.dice.randint(32 << 10, 256 << 10)

    async def hear():
        while peer.back < total:
            if await peer.receive(crowd.dice.randint(1, 8 << 10)) == 0:
                raise EOFError
            await crowd.pause(crowd.dice.uniform(0, 0.03))

    await both(peer.send(total), hear())
    peer.finish()
    await peer.receive_to_end()


async def stalled(crowd, peer):
    """Reads nothing for a while, for longer than any buffer on the way can bridge; then all."""
    total = crowd.setting["stall_bytes"]

    async def hear():
        await crowd.pause(crowd.dice.uniform(*crowd.setting["stall_s"]))
        peer.tally.blocked += peer.sent < total
        await peer.receive_to_end()

    async def say():
        await peer.send(total)
        peer.finish()

    await both(say(), hear())


async def resetting(crowd, peer):
    """Dies in the middle: at once, between two echoes, or with much under way in both directions."""
    how = crowd.dice.randrange(3)
    if how == 1:
        await exact(crowd, peer)
    elif how == 2:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(crowd.dice.uniform(0, 0.3)):
                await both(peer.send(1 << 30), peer.receive_until(1 << 30))
    peer.reset()


async def touching(crowd, peer):
    """Connects and closes, now and then with half of the closing only."""
    if crowd.dice.random() < 0.5:
        peer.finish()
        await peer.receive_to_end()


async def urgent(crowd, peer):
    """Urgent bytes in the stream; the server is told to keep them in their place."""
    total = crowd.dice.randint(20 << 10, 200 << 10)

    async def say():
        while peer.sent < total:
            await peer.send(crowd.dice.randint(1, 10 << 10))
            await peer.send(1, socket.MSG_OOB if peer.is_tcp else 0)
            if crowd.dice.random() < 0.3:
                await crowd.pause(0.001)
        peer.finish()

    await both(say(), peer.receive_to_end())


async def short(crowd, peer):
    """What most clients are: one question, one answer."""
    await peer.send(crowd.dice.randint(1, 2000))
    await peer.receive_until(peer.sent)
    await crowd.pause(crowd.dice.uniform(0, 0.02))


# Name: function, how many at a time, options of the conversation.
KINDS = {
    "exact": (exact, 6, {}),
    "bulk": (pipelined, 2, {}),
    "half-close": (half_close, 3, {}),
    "slow reader": (slow, 4, {"buffers": 8 << 10}),
    "stalled reader": (stalled, 3, {"buffers": 64 << 10}),
    "reset": (resetting, 3, {}),
    "connect, close": (touching, 2, {}),
    "urgent": (urgent, 3, {}),
    "short": (short, 6, {}),
}


class Crowd:
    def __init__(self, setting):
        self.setting = setting
        self.dice = random.Random(setting["seed"])
        self.ending = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.connected = 0
        self.notes, self.untold = [], 0
        names = ("idle", *KINDS, "not allowed", "datagrams")
        self.tallies = {name: Tally() for name in names}

    def note(self, tally, what):
        name = next(name for name, one in self.tallies.items() if one is tally)
        if len(self.notes) < MOST_NOTES:
            self.notes.append(f"{self.setting['name']}, {name}: {what}")
        else:
            self.untold += 1

    def bulk(self):
        least, most = self.setting["bulk_bytes"]
        return self.dice.randint(least, most)

    async def pause(self, seconds):
        """At most so long; nobody dawdles any more when the end has come."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ending.wait(), seconds)

    async def converse(self, name, target, talk, **options):
        """One conversation from connecting to closing; whatever happens to it is told in the tally."""
        tally = self.tallies[name]
        try:
            peer = Conversation(self, tally, target, **options)
        except OSError as error:
            self.note(tally, f"no socket: {error}")
            return await self.pause(0.1)
        try:
            async with asyncio.timeout(self.setting["patience_s"]):
                await peer.open()
                await talk(self, peer)
            tally.conversations += 1
        except* (OSError, EOFError) as errors:
            self.judge(peer, errors.exceptions)
        finally:
            peer.sock.close()

    def judge(self, peer, errors):
        while isinstance(errors[0], BaseExceptionGroup):
            errors = errors[0].exceptions
        error, tally, missing = errors[0], peer.tally, peer.sent - peer.back
        tally.conversations += 1
        if getattr(error, "errno", None) in BY_THE_LINK and self.setting["link"]:
            tally.broken += 1
            return
        tally.lost += max(missing, 1)  # a connection that ends too early is a loss, too
        what = {EOFError: "ended too early", TimeoutError: "stuck"}.get(type(error), str(error))
        self.note(tally, f"{what} after {peer.back} bytes of {peer.sent} to {peer.target}")

    async def keep_talking(self, name):
        talk, _, options = KINDS[name]
        while not self.ending.is_set():
            await self.converse(name, self.dice.choice(self.setting["streams"]), talk, **options)
            await asyncio.sleep(0)

    async def stay(self, number):
        """Connected all the time, and silent between the first byte and the last ones."""
        streams = self.setting["streams"]
        tally = self.tallies["idle"]
        peer = Conversation(self, tally, streams[number % len(streams)])
        try:
            await peer.open()
            await peer.send(1)
            await peer.receive_until(1)
            await self.ending.wait()
            await peer.send(1000)
            async with asyncio.timeout(self.setting["patience_s"]):
                await peer.receive_until(1001)
            tally.conversations += 1
        except (OSError, EOFError) as error:
            self.judge(peer, [error])
        finally:
            peer.sock.close()

    async def be_refused(self):
        """Comes from an address that the server does not let in."""
        tally = self.tallies["not allowed"]
        target = next(one for one in self.setting["streams"] if one[0] == "tcp4")

        async def knock(peer):
            await peer.open()
            while True:
                await peer.send(1)
                try:
                    async with asyncio.timeout(KNOCK_S):
                        if await peer.receive() == 0:
                            raise EOFError
                except TimeoutError as error:
                    if error.errno is not None:
                        raise
                    continue  # a reset that got lost is repeated only to who goes on
                self.note(tally, "was answered")
                tally.wrong += 1

        while not self.ending.is_set():
            peer = Conversation(self, tally, target, source=self.setting["refused_source"])
            try:
                async with asyncio.timeout(self.setting["patience_s"]):
                    await knock(peer)
            except (ConnectionResetError, BrokenPipeError, EOFError):
                tally.conversations += 1
                tally.refused += 1
            except OSError as error:
                self.judge(peer, [error])
            finally:
                peer.sock.close()
            await self.pause(self.dice.uniform(0.05, 0.2))

    async def send_datagrams(self, number):
        while not self.ending.is_set():
            target = self.dice.choice(self.setting["datagrams"])
            family = socket.AF_INET if target[0] == "udp4" else socket.AF_INET6
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.connect(tuple(target[1]))
                await self.exchange_datagrams(sock, self.dice.getrandbits(64))

    async def exchange_datagrams(self, sock, conversation):
        """Some at a time; each is answered with itself, or not at all."""
        tally = self.tallies["datagrams"]
        tally.conversations += 1
        waiting, answered = set(), set()

        def content(of, number, length):
            at = (of + number * 104_729) % PERIOD
            return DATAGRAM.pack(of, number, length) + TABLE[at:at + length]

        async def hear():
            while True:
                answer = await self.loop.sock_recv(sock, MOST_AT_ONCE)
                tally.back += len(answer)
                head = DATAGRAM.unpack_from(answer) if len(answer) >= DATAGRAM.size else None
                if head is None or answer != content(*head):
                    tally.wrong += len(answer)
                    self.note(tally, f"an answer of {len(answer)} bytes is not what was sent")
                elif head[0] == conversation:  # not a straggler of an earlier one on this port
                    tally.datagrams_twice += head[1] in answered
                    answered.add(head[1])
                    waiting.discard(head[1])

        hearing = asyncio.ensure_future(hear())
        try:
            for number in range(self.dice.randint(1, 50)):
                question = content(conversation, number, self.dice.randint(0, 1380))
                sock.send(question)
                tally.sent += len(question)
                tally.datagrams += 1
                waiting.add(number)
                if len(waiting) >= 4 or self.dice.random() < 0.5:
                    there = await self.wait_for_answers(waiting, hearing, 0.05)
                    if not there and not self.setting["link"]:
                        break
            else:
                await self.wait_for_answers(waiting, hearing, 0.5)
        except OSError as error:
            self.note(tally, f"datagrams: {error}")
            tally.wrong += 1
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await hearing
        tally.datagrams_lost += len(waiting)
        if waiting and not self.setting["link"]:
            self.note(tally, f"{len(waiting)} were not answered")

    async def wait_for_answers(self, waiting, hearing, seconds):
        """Whether all came; over loopback, which loses none, there is time enough for a busy machine."""
        until = self.loop.time() + (seconds if self.setting["link"] else ANSWER_S)
        while waiting and self.loop.time() < until and not hearing.done():
            await asyncio.sleep(0.001)
        if hearing.done():
            hearing.result()
        return not waiting

    async def run(self):
        self.loop.add_reader(sys.stdin, self.ending.set)
        async with asyncio.TaskGroup() as group:
            for number in range(self.setting["idle"]):
                group.create_task(self.stay(number))
            for name, (_, count, _) in KINDS.items():
                for _ in range(count):
                    group.create_task(self.keep_talking(name))
            if self.setting["refused_source"]:
                group.create_task(self.be_refused())
            for number in range(3 if self.setting["datagrams"] else 0):
                group.create_task(self.send_datagrams(number))
            await self.ending.wait()
            self.loop.remove_reader(sys.stdin)
            if not sys.stdin.readline():
                raise SystemExit(1)  # whoever started this is gone
        return {"connected": self.connected, "notes": self.notes, "untold": self.untold,
                "kinds": {name: dataclasses.asdict(one) for name, one in self.tallies.items()}}


async def main():
    crowd = Crowd(json.loads(sys.argv[1]))
    result = await crowd.run()
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
