"""A network of one's own: a namespace with one interface, whose other end is the test.

    with Wire() as wire:
        with Server("udp4://*:0", prefix=wire.prefix) as server:
            wire.send(udp_packet(("192.0.2.9", 4000), ("192.0.2.1", server.port()), b"hello"))
            assert payload_of(wire.receive()) == b"hello"

The interface is a tun device with 192.0.2.1/24 and 2001:db8::1/64 (addresses for documentation): what
the test sends is a packet that comes in, with any sender, target and marks; what it receives has been
sent out. Nothing leaves the machine. Where that is not allowed, entering skips the test and says why.
"""

import array
import os
import select
import shutil
import socket
import struct
import subprocess
import sys

import pytest

from meari import ANSWER_S

OWN, OWN6 = "192.0.2.1", "2001:db8::1"

# Makes the interface, passes it on, and then runs what it is told, a line each, until it is told no more.
INSIDE = """
import array, fcntl, socket, struct, subprocess, sys
tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"wire", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
def do(line):
    subprocess.run(line, shell=True, check=True, stdout=subprocess.DEVNULL)
for setting in ("accept_dad=0", "disable_ipv6=0", "router_solicitations=0"):
    name, value = setting.split("=")
    with open("/proc/sys/net/ipv6/conf/wire/" + name, "w") as file:
        file.write(value)
for place in ("all", "wire"):
    with open("/proc/sys/net/ipv4/conf/%s/rp_filter" % place, "w") as file:
        file.write("0")
do("ip link set lo up")
do("ip address add 192.0.2.1/24 brd + dev wire")
do("ip address add 2001:db8::1/64 dev wire nodad")
do("ip link set wire up")
with socket.socket(fileno=int(sys.argv[1])) as passing:
    passing.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                              array.array("i", [tun.fileno()]))])
for line in sys.stdin:
    do(line)
    print("done", flush=True)
"""


class Wire:
    """See the head of this file."""

    def __enter__(self):
        for tool in ("unshare", "nsenter", "ip"):
            if shutil.which(tool) is None:
                pytest.skip(f"no {tool} here (packages util-linux, iproute2)")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._inside = subprocess.Popen(
                ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", INSIDE,
                 str(theirs.fileno())], pass_fds=(theirs.fileno(),), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            theirs.close()
            size = array.array("i").itemsize
            _, controls, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(size))
        if not controls:
            _, why = self._inside.communicate()
            pytest.skip(f"no network of one's own here: {why.strip().splitlines()[-1]}")
        self._fd = struct.unpack("i", controls[0][2][:size])[0]
        self.prefix = ("nsenter", "--target", self._inside.pid, "--user", "--net",
                       "--preserve-credentials")
        return self

    def __exit__(self, kind, value, trace):
        os.close(self._fd)
        self._inside.communicate()

    def do(self, line):
        """Runs a command there."""
        self._inside.stdin.write(line + "\n")
        self._inside.stdin.flush()
        assert self._inside.stdout.readline() == "done\n", self._inside.stderr.read()

    def send(self, packet):
        os.write(self._fd, packet)

    def receive(self, timeout_s=ANSWER_S):
        """The next packet with UDP in it (others, such as router solicitations, are passed over)."""
        while True:
            if not select.select([self._fd], [], [], timeout_s)[0]:
                raise AssertionError(f"no packet came within {timeout_s} s")
            packet = os.read(self._fd, 65536)
            if protocol_of(packet) == socket.IPPROTO_UDP:
                return packet

    def expect_nothing(self):
        while select.select([self._fd], [], [], 0)[0]:
            packet = os.read(self._fd, 65536)
            assert protocol_of(packet) != socket.IPPROTO_UDP, packet


def checksum(data):
    """RFC 1071."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp_packet(source, target, payload, tos=0):
    """An IPv4 or IPv6 packet with one datagram; source and target are (address, port)."""
    length = 8 + len(payload)
    header = struct.pack("!HHHH", source[1], target[1], length, 0)
    if ":" not in target[0]:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + length, 1, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(source[0]), socket.inet_aton(target[0]))
        return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + header + payload
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, one[0]) for one in (source, target))
    pseudo = addresses + struct.pack("!II", length, socket.IPPROTO_UDP)
    mark = checksum(pseudo + header + payload) or 0xffff  # in IPv6 there must be one
    return (struct.pack("!IHBB", 6 << 28 | tos << 20, length, socket.IPPROTO_UDP, 64) + addresses
            + header[:6] + struct.pack("!H", mark) + payload)


def is_ipv6(packet):
    return packet[0] >> 4 == 6


def protocol_of(packet):
    return packet[6] if is_ipv6(packet) else packet[9]


def tos_of(packet):
    """Service class and ECN mark."""
    return struct.unpack("!H", packet[:2])[0] >> 4 & 0xff if is_ipv6(packet) else packet[1]


def ends_of(packet):
    """Source and target, each (address, port)."""
    if is_ipv6(packet):
        hosts = [socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24)]
    else:
        hosts = [socket.inet_ntoa(packet[at:at + 4]) for at in (12, 16)]
    at = 40 if is_ipv6(packet) else 20
    return list(zip(hosts, struct.unpack("!HH", packet[at:at + 4])))


def payload_of(packet):
    return packet[48:] if is_ipv6(packet) else packet[28:]
