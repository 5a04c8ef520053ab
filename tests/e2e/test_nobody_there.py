"""Every verb that is a client, with nobody there: the kernel gives the client the service's own port.

A free port of the ephemeral range is one that the kernel may choose for a client. In a network
namespace whose range is that one port it always does, and a client that does not look would be
its own echo service: nothing lost, every rule kept.
"""

import json
import shutil
import socket
import subprocess

import pytest

from meari import ENGINES, MEARI, Server, environment, run

PORT = 40404
ALONE = f"ip link set lo up && echo {PORT} {PORT} >/proc/sys/net/ipv4/ip_local_port_range && "


@pytest.fixture(scope="module")
def alone():
    """Runs a client in a network of its own, where PORT is the only port that a client can get."""
    def inside(script, *arguments):
        return subprocess.run(
            ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", ALONE + script, "sh",
             *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=environment(), timeout=60)

    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no unshare or no ip here (packages util-linux, iproute2)")
    tried = inside("true")
    if tried.returncode != 0:
        pytest.skip(f"no network of one's own here: {tried.stderr.strip()}")
    return lambda *arguments: inside('exec "$@"', MEARI, *arguments)


SCHEMES = ["tcp", "udp"]
HOSTS = ["127.0.0.1", "[::1]"]


@pytest.mark.parametrize("options", [(), ("--ports", 1), ("--connect",)])
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_ping(alone, scheme, host, options):
    if options == ("--connect",) and scheme == "udp":
        return
    result = alone("ping", "-c", 2, "-i", "10ms", *options, f"{scheme}://{host}:{PORT}")
    assert "2 sent, 0 received, 100% loss" in result.stdout
    assert "gap begins: seq=1" in result.stdout
    assert result.returncode == 1


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_talk(alone, scheme, host):
    address = f"{scheme}://{host}:{PORT}"
    result = alone("talk", address)
    assert result.stderr == (f"meari: cannot connect to '{address}': Connection refused "
                             "(is a server running there? 'meari serve' starts one)\n")
    assert result.returncode == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_bench(alone, scheme, engine):
    result = alone("bench", "--engine", engine, "-c", 1, "-w", 0, "-d", "100ms",
                   f"{scheme}://127.0.0.1:{PORT}")
    assert "Connection refused" in result.stderr
    assert result.returncode == 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_check(alone, scheme):
    result = alone("check", "--timeout", "200ms", f"{scheme}://127.0.0.1:{PORT}")
    assert result.returncode not in (0, 130), result.stdout
    assert not any(line.startswith("pass") for line in result.stdout.splitlines())


# A client that has the service's name.

def test_a_unix_datagram_source_that_is_the_service(tmp_path):
    address = f"unixgram:{tmp_path}/both"
    result = run("ping", "-c", 2, "-i", "10ms", "-W", "200ms", "-I", address, address)
    assert "2 sent, 0 received" in result.stdout
    assert result.returncode == 1
    result = run("talk", "--source", address, address, input="x")
    assert result.stdout == ""
    assert result.returncode == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_source_that_is_the_service(scheme):
    with socket.socket(type=socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    address = f"{scheme}://127.0.0.1:{port}"
    result = run("ping", "--json", "-q", "-c", 2, "-i", "10ms", "-W", "200ms", "-I",
                 f"127.0.0.1:{port}", address)
    assert json.loads(result.stdout)["received"] == 0
    assert result.returncode == 1
    result = run("talk", "--source", address, address, input="x")
    assert (result.stdout, result.returncode) == ("", 1)


# ---- a name with several addresses, of which the first refuses ----

@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Runs meari where the name 'both' is ::1 and 127.0.0.1, whatever this machine's /etc/hosts has."""
    hosts = tmp_path_factory.mktemp("names") / "hosts"
    hosts.write_text("::1 both\n127.0.0.1 both\n")

    def inside(*command, **options):
        return subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
             f"mount --bind {hosts} /etc/hosts && exec \"$@\"", "sh", *map(str, command)],
            capture_output=True, text=True, env=environment(), timeout=60, **options)

    if shutil.which("unshare") is None:
        pytest.skip("no unshare here (package util-linux)")
    tried = inside("getent", "ahosts", "both")
    if "::1" not in tried.stdout or "127.0.0.1" not in tried.stdout:
        pytest.skip(f"no names of one's own here: {tried.stderr.strip() or tried.stdout}")
    return lambda *arguments, input="": inside(MEARI, *arguments, input=input)


@pytest.fixture(params=["127.0.0.1", "[::1]"])
def one_of_two(request):
    """(A name with two addresses, the one of them that serves.)"""
    with Server(f"udp://{request.param}:0") as server:
        yield f"udp://both:{server.port()}", server.addresses[0]


def test_ping_moves_on(named, one_of_two):
    name, serving = one_of_two
    for options in (), ("--ports", 2), ("-I", "lo"):
        result = named("ping", "-c", 3, "-i", "5ms", *options, name)
        assert result.stdout.startswith(f"PING {serving}: 56 bytes, ")
        assert "3 sent, 3 received, 0% loss" in result.stdout
        assert result.returncode == 0


def test_talk_moves_on(named, one_of_two):
    name, serving = one_of_two
    result = named("talk", "-v", name, input="hello")
    assert f"connected to {serving} from " in result.stderr
    assert (result.stdout, result.returncode) == ("hello", 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_bench_moves_on(named, one_of_two, engine):
    name, serving = one_of_two
    result = named("bench", "--engine", engine, "-c", 1, "-w", 0, "-d", "50ms", name)
    assert serving in result.stdout
    assert result.returncode == 0


def test_check_moves_on(named, one_of_two):
    name, serving = one_of_two
    result = named("check", "--timeout", "5s", "--rule", "datagram-source", name)
    assert serving in result.stdout
    assert result.returncode == 0


def test_both_refuse(named):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as held:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        held.bind(("::", 0))
        port = held.getsockname()[1]
    result = named("talk", f"udp://both:{port}", input="x")
    assert f"udp://[::1]:{port} Connection refused" in result.stderr
    assert f"udp://127.0.0.1:{port} Connection refused" in result.stderr
    assert result.returncode == 1
    result = named("ping", "-c", 2, "-i", "5ms", f"udp://both:{port}")
    assert "2 sent, 0 received, 100% loss" in result.stdout
    assert result.returncode == 1
    result = named("bench", "-c", 1, "-d", "50ms", f"udp://both:{port}")
    assert "Connection refused" in result.stderr
    assert result.returncode == 1
