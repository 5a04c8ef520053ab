"""`meari addr`: every form of an address, every way to be none; checked against Python's own."""

import ipaddress
import json
import re
import socket
import struct
import sys
import unicodedata

import pytest

import meari

# One line of the text form: two blanks, the label, at least two blanks, the value.
ROW = re.compile(r"^  (\S.*?)\s{2,}(.*)$")


def show(*texts, **options):
    return meari.run("addr", *texts, **options)


def facts(*texts, status=0, env=None):
    """The JSON objects of these texts."""
    shown = show("--json", *texts, env=env)
    assert shown.returncode == status, shown.stderr
    assert shown.stderr == ""
    objects = [json.loads(line) for line in shown.stdout.splitlines()]
    # A text's bytes that are no UTF-8 come back spelled out; all others as they were.
    assert len(objects) == len(texts)
    return objects


def one(text, **options):
    [found] = facts(text, **options)
    assert found["text"] == text
    return found


def rows(text):
    """The lines of the text form as a dict."""
    shown = show(text)
    assert shown.returncode == 0, shown.stderr
    first, *lines = shown.stdout.splitlines()
    assert first == text
    return dict(ROW.match(line).groups() for line in lines if ROW.match(line))


IPV4 = ["127.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.2.1", "8.8.8.8"]
CLASSIC = ["127.1", "127.0.1", "0x7f000001", "0177.0.0.1", "2130706433", "0x7f.0.0.01", "0",
           "4294967295", "1.2.65535", "1.16777215"]
IPV6 = ["::", "::1", "2001:DB8::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "64:ff9b::192.0.2.33",
        "2001:db8:0:0:1:0:0:1", "fe80::1", "ff02::1"]


@pytest.mark.parametrize("text", IPV4 + CLASSIC)
def test_ipv4(text):
    octets = socket.inet_aton(text)
    found = one(text)
    assert found["family"] == "IPv4"
    assert found["classic"] == (text in CLASSIC)
    assert found["canonical"] == socket.inet_ntoa(octets)
    assert bytes(found["octets"]) == octets
    assert found["integer"] == {"network_order": int.from_bytes(octets, "big"),
                                "little_endian": int.from_bytes(octets, "little")}
    assert found["reverse"] == ipaddress.ip_address(octets).reverse_pointer
    assert "port" not in found and "address" not in found


@pytest.mark.parametrize("text", IPV6)
def test_ipv6(text):
    octets = socket.inet_pton(socket.AF_INET6, text)
    found = one(text)
    assert found["family"] == "IPv6"
    assert found["canonical"] == socket.inet_ntop(socket.AF_INET6, octets)
    assert bytes(found["octets"]) == octets
    assert found["integer"] == {"network_order": str(int.from_bytes(octets, "big")),
                                "little_endian": str(int.from_bytes(octets, "little"))}
    assert found["reverse"] == ipaddress.ip_address(octets).reverse_pointer


def accepts(function, *arguments):
    try:
        function(*arguments)
        return True
    except OSError:
        return False


@pytest.mark.parametrize("text", IPV4 + CLASSIC + IPV6)
def test_who_accepts_it(text):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    accepted = one(text)["accepted_by"]
    aton = accepts(socket.inet_aton, text)
    assert accepted["inet_aton"] == aton
    # Its result for this address is the one for an error.
    assert accepted["inet_addr"] == (aton and socket.inet_aton(text) != b"\xff" * 4)
    assert accepted["inet_pton"] == accepts(socket.inet_pton, family, text)
    assert accepted["getaddrinfo"] == accepts(
        lambda: socket.getaddrinfo(text, None, flags=socket.AI_NUMERICHOST))


def test_inet_addr_cannot_tell():
    assert "INADDR_NONE" in rows("255.255.255.255")["inet_addr()"]
    assert "INADDR_NONE" in rows("0xffffffff")["inet_addr()"]
    assert "INADDR_NONE" not in rows("255.255.255.254")["inet_addr()"]


@pytest.mark.parametrize("text, address, kind", [
    ("127.0.0.1:80", "tcp://127.0.0.1:80", "SOCK_STREAM"),
    ("tcp://127.1", "tcp://127.0.0.1:5000", "SOCK_STREAM"),
    ("udp://127.0.0.1:echo", "udp://127.0.0.1:7", "SOCK_DGRAM"),
    ("[::1]:80", "tcp://[::1]:80", "SOCK_STREAM"),
    ("udp6://[2001:db8::1]:53", "udp://[2001:db8::1]:53", "SOCK_DGRAM"),
])
def test_with_port(text, address, kind):
    found = one(text)
    port = int(address.rsplit(":", 1)[1])
    assert found["address"] == address
    assert found["socket_type"] == kind
    assert found["port"] == {"number": port, "byte_swapped": socket.ntohs(port)
                             if sys.byteorder == "little" else port}


def test_sockaddr_in():
    sockaddr = one("192.0.2.1:5000")["sockaddr"]
    wanted = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", 5000, b"\xc0\0\x02\x01")
    assert sockaddr["type"] == "struct sockaddr_in" and sockaddr["length"] == 16
    assert bytes.fromhex(sockaddr["bytes"]) == wanted
    assert [field["name"] for field in sockaddr["fields"]] == [
        "sin_family", "sin_port", "sin_addr", "sin_zero"]
    for field in sockaddr["fields"]:
        part = wanted[field["offset"]:field["offset"] + field["size"]]
        assert bytes.fromhex(field["bytes"]) == part


def test_sockaddr_in6_with_zone():
    found = one("[fe80::1%lo]:7")
    index = socket.if_nametoindex("lo")
    wanted = (struct.pack("=H", socket.AF_INET6) + struct.pack(">HL", 7, 0)
              + socket.inet_pton(socket.AF_INET6, "fe80::1") + struct.pack("=L", index))
    assert bytes.fromhex(found["sockaddr"]["bytes"]) == wanted
    assert found["zone"] == {"text": "lo", "index": index}
    assert found["canonical"] == "fe80::1%lo"


def test_zone_that_is_not_here():
    assert one("fe80::1%nosuchif")["zone"] == {"text": "nosuchif", "index": 0}
    assert "no such interface" in rows("fe80::1%nosuchif")["zone"]


@pytest.mark.parametrize("text, canonical, name, abstract", [
    ("unix:/run/echo.sock", "unix:/run/echo.sock", b"/run/echo.sock\0", False),
    ("unix:///run/echo.sock", "unix:/run/echo.sock", b"/run/echo.sock\0", False),
    ("unixgram:@echo", "unixgram:@echo", b"\0echo", True),
    ("unix:@a\\x00b", "unix:@a\\x00b", b"\0a\0b", True),
    ("unix:/메아리", "unix:/메아리", "/메아리\0".encode(), False),
    ("unix:" + "p" * 107, "unix:" + "p" * 107, b"p" * 107 + b"\0", False),
])
def test_unix(text, canonical, name, abstract):
    found = one(text)
    assert found["canonical"] == canonical and found["abstract"] == abstract
    sockaddr = found["sockaddr"]
    assert bytes.fromhex(sockaddr["bytes"]) == struct.pack("=H", socket.AF_UNIX) + name
    assert sockaddr["length"] == 2 + len(name)


@pytest.mark.parametrize("text, rfc", [
    ("127.0.0.1", "RFC 1122"), ("10.1.2.3", "RFC 1918"), ("100.64.0.1", "RFC 6598"),
    ("169.254.1.1", "RFC 3927"), ("198.18.0.1", "RFC 2544"), ("192.0.2.1", "RFC 5737"),
    ("255.255.255.255", "RFC 919"), ("fd00::1", "RFC 4193"), ("2002:102:304::", "RFC 3056"),
    ("2001::1", "RFC 4380"), ("64:ff9b::1.2.3.4", "RFC 6052"), ("100::1", "RFC 6666"),
    ("5f00::1", "RFC 9602"), ("2001:db8::1", "RFC 3849"),
])
def test_kind(text, rfc):
    found = one(text)
    assert found["rfc"].startswith(rfc)
    assert ipaddress.ip_address(text) in ipaddress.ip_network(found["prefix"])
    assert found["rfc"] in rows(text)["kind"]


def test_what_is_inside():
    for text in ("::ffff:1.2.3.4", "64:ff9b::1.2.3.4", "2002:102:304::", "2001::fefd:fcfb"):
        assert one(text)["carries"] == "1.2.3.4"
    assert one("ff02::fb")["reaches"] == "this link"


def test_every_address():
    found = one("udp4://*:7")
    assert [a["address"] for a in found["addresses"]] == ["udp://0.0.0.0:7"]


def test_name_is_not_looked_up():
    found = one("no-such-host.invalid:7")
    assert found == {"text": "no-such-host.invalid:7", "name": "no-such-host.invalid",
                     "address": "tcp://no-such-host.invalid:7"}
    assert "--resolve" in rows("no-such-host.invalid")["host name"]


@pytest.mark.usefixtures("localhost")
def test_resolve():
    found = json.loads(show("--json", "-r", "tcp4://localhost:7").stdout)
    assert [a["address"] for a in found["addresses"]] == ["tcp://127.0.0.1:7"]
    shown = show("--resolve", "tcp4://localhost:7")
    assert shown.returncode == 0 and "tcp://127.0.0.1:7" in shown.stdout


FAULTS = [
    ("300.0.0.1", 1, "octet 300 is above 255"),
    ("1.2.3.4.5", 9, "more than four octets"),
    ("1..2", 3, "empty octet"),
    ("08.8.8.8", 2, "not an octal digit"),
    ("1::2::3", 5, "more than one '::'"),
    ("fffff::1", 1, "group 'fffff' has more than 4 digits"),
    ("tcp://[::1", 7, "'[' without its ']'"),
    ("[1:2:3:4:5:6:7:8:9]:7", 18, "more than 8 groups"),
    ("fe80::1%lo:80", 11, "in brackets"),
    ("tcp4://[::1]:7", 9, "wants IPv4"),
    ("http://localhost", 1, "unknown scheme 'http'"),
    ("localhost:65536", 11, "port 65536 is above 65535"),
    ("localhost:nosuchservice", 11, "port 'nosuchservice'"),
    ("localhost:", 11, "no port"),
    ("a b", 2, "' ' cannot be in a host name"),
    ("a-.example", 2, "'-'"),
    ("unix:", 6, "no path"),
    ("unix:@", 7, "no name"),
    ("unix:" + "p" * 108, 113, "at most 107 bytes"),
    ("", 1, "nothing is written"),
    ("x" * 5000, 254, "at most 253"),
]


@pytest.mark.parametrize("text, column, why", FAULTS)
def test_fault(text, column, why):
    shown = show(text)
    assert shown.returncode == 1 and shown.stdout == ""
    assert shown.stderr.count("\n") == 1
    assert shown.stderr.startswith(f"meari: '{text[:40]}")
    assert why in shown.stderr and shown.stderr.endswith(f"(column {column})\n")
    found = one(text, status=1)
    assert found["column"] == column and why in found["error"]


def test_the_others_are_shown_all_the_same():
    shown = show("127.0.0.1", "300.0.0.1", "::1")
    assert shown.returncode == 1
    assert shown.stdout.startswith("127.0.0.1\n") and "\n\n::1\n" in shown.stdout
    assert shown.stderr == "meari: '300.0.0.1' is not an address: octet 300 is above 255 (column 1)\n"
    found = facts("127.0.0.1", "300.0.0.1", "::1", status=1)
    assert ["error" in each for each in found] == [False, True, False]


def test_nothing_dangerous_reaches_the_terminal():
    for text in (b"\x1b[2J\x07", b"a\xff\xfe", "a\u202eb".encode(), b"unix:/\x1b[2J", b"fe80::1%\xff",
                 b"[\x1b", b"h:\x1b", b"\x1b://"):
        shown = show(text.decode("utf-8", "surrogateescape"), text=False)
        out = (shown.stdout + shown.stderr).decode()  # well-formed
        assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in out.replace("\n", ""))
        printed = show("--json", text.decode("utf-8", "surrogateescape"), text=False)
        assert json.loads(printed.stdout)["text"]
        assert printed.returncode == shown.returncode


def test_usage():
    shown = show()
    assert shown.returncode == 2 and shown.stdout == ""
    assert shown.stderr.startswith("meari: ") and shown.stderr.count("\n") == 1
    assert show("--nonsense", "::1").returncode == 2


def test_help():
    shown = show("--help")
    assert shown.returncode == 0
    assert "--resolve" in shown.stdout and "--json" in shown.stdout


def cells(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c)
               else 1 for c in text)


@pytest.mark.parametrize("language", ["C", "C.UTF-8", "ko_KR.UTF-8", "xx_XX.UTF-8"])
@pytest.mark.parametrize("text", ["127.1", "[fe80::1%lo]:7", "unix:@메아리"])
def test_columns_are_aligned(language, text):
    """The values start in one column on the screen, however wide the labels are."""
    shown = show(text, env=meari.environment(LANG=language))
    assert shown.returncode == 0 and shown.stderr == ""
    lines = [line for line in shown.stdout.splitlines()[1:] if ROW.match(line)]
    table = [line for line in lines if not re.match(r" {4}", line) and not line.endswith(":")]
    starts = {cells(line[:ROW.match(line).start(2)]) for line in table}
    assert len(starts) == 1, shown.stdout


def test_json_is_the_same_in_korean():
    """All of it but the reason of an error, which is for people."""
    english = facts("127.1", "udp://[ff02::1]:7", "unix:@a")
    korean = facts("127.1", "udp://[ff02::1]:7", "unix:@a", env=meari.environment(LANG="ko_KR.UTF-8"))
    assert english == korean
    assert one("300.0.0.1", status=1, env=meari.environment(LANG="ko_KR.UTF-8"))["column"] == 1


def test_full_disk():
    with open("/dev/full", "w") as full:
        shown = show("127.0.0.1", stdout=full)
    assert shown.returncode == 1 and shown.stderr.startswith("meari: ")


@pytest.mark.parametrize("text", ["10.0.0.0/8", "127.0.0.1/8", "192.0.2.7/32", "0.0.0.0/0",
                                  "2001:db8::/32", "2001:db8::1/64", "::/0", "::1/128"])
def test_block(text):
    network = ipaddress.ip_network(text, strict=False)
    found = one(text)
    assert found["network"] == str(network) and found["prefix_length"] == network.prefixlen
    assert found["first"] == str(network[0]) and found["last"] == str(network[-1])
    assert int(found["count"]) == network.num_addresses
    assert isinstance(found["count"], int) == (network.version == 4)
    assert found["host_bits_set"] == (str(network) != text)
    shown = rows(text)
    assert shown["network"] == str(network) and shown["last address"] == str(network[-1])
    assert shown["addresses"].startswith(f"{network.num_addresses} ")
    # What is no block of a list is said, and not called a wrong digit.
    assert ("note" in shown) == found["host_bits_set"]


def test_kind_of_a_block():
    assert one("10.0.0.0/8")["kind"] == "private"
    assert one("10.1.0.0/16")["kind"] == "private"
    assert "kind" not in one("10.0.0.0/7")
    assert rows("0.0.0.0/0")["kind"] == "of several kinds"


@pytest.mark.parametrize("text, why", [
    ("10.0.0.0/33", "from 0 to 32"), ("2001:db8::/129", "from 0 to 128"), ("10.0.0.0/", "from 0 to 32"),
    ("0x7f.1/8", "four decimal numbers"), ("fe80::1%lo/64", "has no zone")])
def test_wrong_block(text, why):
    shown = show(text)
    assert shown.returncode == 1
    assert why in shown.stderr and "digit" not in shown.stderr


@pytest.mark.parametrize("verb", ["talk", "ping", "bench", "check", "serve"])
@pytest.mark.parametrize("text", ["10.0.0.0/8", "tcp://127.0.0.1/8", "2001:db8::/32"])
def test_a_block_is_no_address(verb, text):
    shown = meari.run(verb, text)
    assert shown.returncode == 2
    assert "a block of addresses is not one address" in shown.stderr


def test_port_without_brackets():
    assert one("::1:5000")["meant"] == "[::1]:5000"
    assert rows("::1:5000")["note"] == "a port needs brackets: '[::1]:5000'"
    assert "meant" not in one("::1") and "meant" not in one("[::1]:5000")
    for verb in "talk", "ping", "bench", "check", "serve":
        shown = meari.run(verb, "::1:5000")
        assert shown.returncode == 2
        assert "a port needs brackets: '[::1]:5000'" in shown.stderr
    # An address that people use stays what it is.
    assert one("2001:db8::1:443")["canonical"] == "2001:db8::1:443"


def test_zone_of_a_uri():
    for text in "fe80::1%25lo", "[fe80::1%25lo]:5000", "tcp://[fe80::1%25lo]:5000":
        assert one(text)["zone"]["text"] == "lo"
        assert one(text)["canonical"] == "fe80::1%lo"
    assert one("fe80::1%25")["zone"]["text"] == "25"
