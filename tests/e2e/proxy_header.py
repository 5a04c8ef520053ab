"""Headers of the PROXY protocol, written apart from meari's own writer: from the text of the protocol alone."""

import socket
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL = 1, 2, 3, 4, 5, 0x20


def v1(source="192.0.2.7", destination="192.0.2.1", port=4711, to=7):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {port} {to}\r\n".encode()


def field(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def addresses(source, destination, port, to):
    """The family's byte, and the addresses."""
    if source is None:
        return 0x00, b""
    if source.startswith("/"):
        return 0x31, source.encode().ljust(108, b"\0") + destination.encode().ljust(108, b"\0")
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    return (0x21 if family == socket.AF_INET6 else 0x11), (
        socket.inet_pton(family, source) + socket.inet_pton(family, destination) +
        struct.pack(">HH", port, to))


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def v2(source="192.0.2.7", destination="192.0.2.1", port=4711, to=7, command=PROXY, fields=b"",
       checksum=False, family=None):
    code, ends = addresses(source, destination, port, to)
    if checksum:
        fields += field(CRC32C, bytes(4))
    header = SIGNATURE + struct.pack(">BBH", command, code if family is None else family,
                                     len(ends) + len(fields)) + ends + fields
    return header[:-4] + struct.pack(">I", crc32c(header)) if checksum else header


def ssl(version=b"TLSv1.3", cipher=b"TLS_AES_256_GCM_SHA384", name=None, verified=True, used=True):
    client = (1 if used else 0) | (2 if name is not None else 0)
    value = struct.pack(">BI", client, 0 if verified else 1)
    value += field(0x21, version) + field(0x23, cipher)
    if name is not None:
        value += field(0x22, name)
    return field(SSL, value)
