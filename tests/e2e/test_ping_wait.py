"""meari ping --wait: in silence until services are there, for scripts and entrypoints."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from meari import ANSWER_S, MEARI, Server, environment, run


def begin(*arguments, prefix=(), **options):
    return subprocess.Popen([*prefix, MEARI, "ping", *arguments], env=environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def end(process, status, stderr=""):
    out, err = process.communicate(timeout=ANSWER_S)
    assert (process.returncode, out, err) == (status, "", stderr)


def udp_socket():
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    bound.settimeout(ANSWER_S)
    return bound


def listener():
    bound = socket.create_server(("127.0.0.1", 0))
    bound.settimeout(ANSWER_S)
    return bound


def at(bound, scheme):
    return f"{scheme}://127.0.0.1:{bound.getsockname()[1]}"


def test_all_are_there(tmp_path):
    with Server("tcp://127.0.0.1:0", "udp://127.0.0.1:0", f"unix:{tmp_path}/s", f"unixgram:{tmp_path}/g") as server:
        ended = run("ping", "--wait", "30s", *server.addresses)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
        assert run("ping", "--wait", "30s", "-s", "1M", server.addresses[0]).returncode == 0


def test_all_must_be_there():
    with Server("tcp://127.0.0.1:0") as server, listener() as taken:
        gone = at(taken, "tcp")
        taken.close()
        ended = run("ping", "--wait", "300ms", server.addresses[0], gone, "unix:/nowhere/x")
    assert ended.returncode == 1 and ended.stdout == ""
    assert ended.stderr == (f"meari: no exact echo within 300ms from '{gone}': Connection refused; "
                            "'unix:/nowhere/x': No such file or directory\n")


def test_comes_later(tmp_path):
    """The unix address comes into being only after the datagram service has been asked."""
    with udp_socket() as udp:
        waiting = begin("--wait", "60s", at(udp, "udp"), f"unix:{tmp_path}/later")
        probe, peer = udp.recvfrom(100)
        with Server(f"unix:{tmp_path}/later"):
            udp.sendto(probe, peer)
            end(waiting, 0)


def test_a_silent_probe_does_not_hold_up_the_next():
    with udp_socket() as udp, listener() as tcp:
        waiting = begin("--wait", "60s", "-W", "60s", at(udp, "udp"), at(tcp, "tcp"))
        silent = [tcp.accept()[0] for _ in range(3)]
        with tcp.accept()[0] as answering:
            answering.sendall(answering.recv(100))
            ports = set()
            while len(ports) < 4:
                probe, peer = udp.recvfrom(100)
                ports.add(peer)
            udp.sendto(probe, peer)
            end(waiting, 0)
        for peer in silent:
            peer.close()


@pytest.mark.parametrize("answer", ["greeting", "changed", "more", "short"])
def test_not_exact(answer):
    with listener() as tcp:
        address = at(tcp, "tcp")
        waiting = begin("--wait", "500ms", address)

        def serve():
            try:
                while True:
                    peer, _ = tcp.accept()
                    with peer:
                        if answer == "greeting":
                            peer.sendall(b"220 mail.example.net\r\n")
                        got = peer.recv(100)
                        if not got:
                            continue  # connected in the last moment of the waiting, and given up
                        if answer == "changed":
                            peer.sendall(got[:-1] + bytes([got[-1] ^ 1]))
                        elif answer == "more":
                            peer.sendall(got + b"x")
                        elif answer == "short":
                            peer.sendall(got[:-1])
                        peer.recv(1)
            except OSError:
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        reason = "no answer" if answer == "short" else "what came back is not what was sent"
        end(waiting, 1, f"meari: no exact echo within 500ms from '{address}': {reason}\n")
        tcp.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_name_that_is_not_known():
    ended = run("ping", "--wait", "200ms", "tcp://no-such-host.invalid:7")
    assert ended.returncode == 1
    assert re.fullmatch(r"meari: no exact echo within 200ms from 'tcp://no-such-host\.invalid:7': .+\n", ended.stderr)


def test_many_addresses():
    with Server("tcp://127.0.0.1:0") as server:
        assert run("ping", "--wait", "60s", *server.addresses * 256).returncode == 0
        ended = run("ping", "--wait", "60s", *server.addresses * 257)
    assert ended.returncode == 2 and "at most 256 addresses" in ended.stderr


def test_options_that_mean_nothing_with_it():
    for wrong in (["-c", "3"], ["-i", "1s"], ["-f"], ["-w", "1s"], ["-D"], ["-O"], ["--json"], ["--connect"],
                  ["--ports", "2"], ["--tcp-info"], ["-I", "127.0.0.1"], ["--busy-poll", "auto"]):
        for line in (["--wait", "1s", *wrong], [*wrong, "--wait", "1s"]):
            ended = run("ping", *line, "localhost")
            assert ended.returncode == 2 and "--wait does not go with --" in ended.stderr, wrong
    assert run("ping", "--wait", "0", "localhost").returncode == 2
    assert run("ping", "--wait", "1s").returncode == 2
    assert run("ping", "--wait", "1s", "-s", "0", "udp://localhost").returncode == 2


def test_several_only_with_it():
    ended = run("ping", "-c", "1", "localhost:1", "localhost:2")
    assert ended.returncode == 2 and "one address is enough" in ended.stderr and "--wait" in ended.stderr


def test_interrupted():
    with udp_socket() as udp:
        waiting = begin("--wait", "60s", at(udp, "udp"))
        udp.recv(100)
        waiting.send_signal(signal.SIGINT)
        end(waiting, -signal.SIGINT)


def test_as_the_first_process_of_a_container():
    """Signals without a handler do not end the first process of a PID namespace; it says what it waits for."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a PID namespace takes root and unshare(1)")
    with udp_socket() as udp:
        waiting = begin("--wait", "60s", at(udp, "udp"), prefix=["unshare", "--pid", "--fork", "--mount-proc"])
        udp.recv(100)
        children = open(f"/proc/{waiting.pid}/task/{waiting.pid}/children").read().split()
        os.kill(int(children[0]), signal.SIGTERM)
        out, err = waiting.communicate(timeout=ANSWER_S)
        assert waiting.returncode == 1 and out == ""
        assert re.fullmatch(r"meari: no exact echo within \S+ from 'udp://\S+': no answer\n", err)
