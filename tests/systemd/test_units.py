"""meari serve under a real systemd: its own units, and those of its manual."""

import os
import re
import signal
import socket

import pytest

from meari import receive_exactly
from procfs import wait_until

PORT = 5000

UPGRADING = """[Service]
Type=notify
NotifyAccess=all
RuntimeDirectory=meari
ExecStart=/usr/local/bin/meari serve --upgrade /run/meari/upgrade tcp://*:5000
ExecReload=/bin/sh -c '{ /usr/local/bin/meari serve --upgrade /run/meari/upgrade --ready-fd 3 tcp://*:5000 \
    3>&1 >&2 & } | grep -q .'
"""


def echo(machine, host="127.0.0.1", payload=b"under a real systemd"):
    with machine.connect(host, PORT) as peer:
        peer.sendall(payload)
        return receive_exactly(peer, len(payload)) == payload


def main_pid(machine, unit="meari.service"):
    return int(machine.show(unit, "MainPID"))


def outside(machine, pid):
    """The process that has this id in the machine, as the tests see it."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/status") as status:
                    inside = re.search(r"^NSpid:\t(\d+)\t(\d+)$", status.read(), re.MULTILINE)
                if inside and int(inside[2]) == pid and \
                        os.readlink(f"/proc/{name}/ns/pid") == os.readlink(f"/proc/{machine.leader}/ns/pid"):
                    return int(name)
            except OSError:
                pass  # it has ended
    raise AssertionError(f"no process {pid} in the machine")


def start(machine):
    machine.systemctl("start", "meari.socket")
    assert echo(machine)


def assert_stops_well(machine, unit="meari.service"):
    machine.systemctl("stop", "meari.socket", unit)
    assert machine.show(unit, "Result") == "success", machine.journal()
    assert machine.show(unit, "ExecMainStatus") == "0"


# ---- sockets ----


def test_the_installed_units(machine):
    """The socket starts the service, for both families; every wall of the unit is there and it serves."""
    machine.systemctl("start", "meari.socket")
    assert machine.show("meari.service", "ActiveState") == "inactive"
    assert echo(machine, "127.0.0.1") and echo(machine, "::1")
    assert machine.show("meari.service", "ActiveState") == "active"
    assert machine.show("meari.service", "StatusErrno") == "0"
    assert_stops_well(machine)


def test_datagrams_too(machine):
    machine.change("meari.socket", f"[Socket]\nListenDatagram={PORT}\n")
    start(machine)
    with machine.connect("127.0.0.1", PORT, socket.SOCK_DGRAM) as peer:
        peer.send(b"a datagram")
        assert peer.recv(100) == b"a datagram"
    assert_stops_well(machine)


def test_named_sockets(machine):
    machine.configure("activated echo\n")
    start(machine)
    assert_stops_well(machine)
    machine.configure("activated ecko\n")
    machine.systemctl("start", "meari.socket")
    machine.systemctl("start", "meari.service", status=1)
    assert "no socket named 'ecko'" in machine.journal()


def test_no_restart_loses_a_connection(machine):
    start(machine)
    with machine.callers(PORT) as callers:
        for _ in range(10):  # by default, systemd refuses the sixth start in 10 s, and the socket fails, too
            before = callers.answered
            machine.systemctl("restart", "meari.service")
            callers.wait_for(before + 20)
    assert callers.failures == [] and callers.answered >= 100
    assert_stops_well(machine)


def test_two_units_on_one_socket(machine):
    """systemd clears O_NONBLOCK of a socket for each unit that it starts on it: the description is shared."""
    start(machine)
    machine.start("meari-other.service",
                  "[Service]\nSockets=meari.socket\nExecStart=/bin/sleep infinity\n")
    for _ in range(20):
        assert echo(machine)
    with machine.connect("127.0.0.1", PORT) as peer:
        peer.sendall(b"still served")
        assert receive_exactly(peer, 12) == b"still served"
    machine.systemctl("stop", "meari-other.service")
    assert_stops_well(machine)


def test_a_second_server_on_one_socket(machine):
    """Two services that serve the same socket; each may end and the other one goes on."""
    machine.change("meari.service", "[Service]\nNonBlocking=yes\n")
    start(machine)
    machine.start("meari-other.service", "[Service]\nType=notify\nNonBlocking=yes\nSockets=meari.socket\n"
                  "ExecStart=/usr/local/bin/meari serve\n")
    with machine.callers(PORT) as callers:
        callers.wait_for(50)
        machine.systemctl("stop", "meari-other.service")
        callers.wait_for(callers.answered + 50)
    assert callers.failures == [] and callers.answered >= 100
    assert machine.show("meari-other.service", "Result") == "success"
    assert_stops_well(machine)


# ---- reload ----


def test_reload_reads_the_lists_again(machine):
    machine.write("/etc/meari-allow", "127.0.0.0/8\n::1\n")
    machine.configure("allow @/etc/meari-allow\n")
    start(machine)
    machine.write("/etc/meari-allow", "::1\n")
    pid = main_pid(machine)
    machine.systemctl("reload", "meari.service")

    def is_refused():
        try:
            return not echo(machine)
        except (ConnectionError, AssertionError):
            return True

    wait_until(is_refused, "the lists are read again")
    assert echo(machine, "::1") and main_pid(machine) == pid
    assert_stops_well(machine)


def test_a_reload_with_a_bad_list_fails(machine):
    machine.write("/etc/meari-allow", "127.0.0.0/8\n")
    machine.configure("allow @/etc/meari-allow\n")
    start(machine)
    pid = main_pid(machine)
    machine.write("/etc/meari-allow", "no block\n")
    machine.systemctl("reload", "meari.service", status=1)
    assert "/etc/meari-allow" in machine.journal()
    assert machine.show("meari.service", "ActiveState") == "active"
    assert echo(machine) and main_pid(machine) == pid
    # What was mended is taken.
    machine.write("/etc/meari-allow", "127.0.0.0/8\n")
    machine.systemctl("reload", "meari.service")
    assert echo(machine)
    assert_stops_well(machine)


def test_the_status_holds_the_error(machine):
    """Also of a SIGHUP that did not come through systemctl."""
    machine.write("/etc/meari-allow", "127.0.0.0/8\n")
    machine.configure("allow @/etc/meari-allow\n")
    start(machine)
    machine.write("/etc/meari-allow", "no block\n")
    machine.systemctl("kill", "--signal=HUP", "meari.service")
    wait_until(lambda: "no block" in machine.show("meari.service", "StatusText"), "the status holds the error")
    assert echo(machine)
    assert_stops_well(machine)


# ---- upgrades ----


def test_an_upgrade_by_reload_loses_nobody(machine):
    machine.start("meari-up.service", UPGRADING)
    pids = {main_pid(machine, "meari-up.service")}
    with machine.callers(PORT) as callers, machine.connect("127.0.0.1", PORT) as stays:
        for count in range(2, 5):
            before = callers.answered
            machine.systemctl("reload", "meari-up.service")
            # MAINPID= is a message of its own, which systemd reads when it comes to it.
            wait_until(lambda: main_pid(machine, "meari-up.service") not in pids, "the new one is the unit's")
            pids.add(main_pid(machine, "meari-up.service"))
            assert len(pids) == count
            callers.wait_for(before + 20)
        stays.sendall(b"since the first")
        assert receive_exactly(stays, 15) == b"since the first"
    assert callers.failures == [] and callers.answered >= 60
    assert machine.show("meari-up.service", "NRestarts") == "0"
    assert_stops_well(machine, "meari-up.service")


def test_an_upgrade_that_fails_is_told_and_harmless(machine):
    machine.start("meari-up.service", UPGRADING)
    pid = main_pid(machine, "meari-up.service")
    machine.change("meari-up.service", "[Service]\nExecReload=\nExecReload=/bin/sh -c '{ /usr/local/bin/meari serve "
                   "--upgrade /run/meari/upgrade --user no-such --ready-fd 3 tcp://*:5000 3>&1 >&2 & } | grep -q .'\n")
    machine.systemctl("reload", "meari-up.service", status=1)
    assert main_pid(machine, "meari-up.service") == pid and echo(machine)
    assert_stops_well(machine, "meari-up.service")


# ---- watchdog ----


def test_the_watchdog_is_fed(machine):
    machine.change("meari.service", "[Service]\nWatchdogSec=500ms\n")
    start(machine)
    pid, seen = main_pid(machine), set()

    def is_fed_again():
        seen.add(machine.show("meari.service", "WatchdogTimestampMonotonic"))
        return len(seen) > 4  # of which the first is the start

    wait_until(is_fed_again, "the watchdog is fed")
    assert main_pid(machine) == pid and machine.show("meari.service", "NRestarts") == "0"
    assert_stops_well(machine)


def test_a_stuck_server_is_replaced(machine):
    machine.change("meari.service", "[Service]\nWatchdogSec=500ms\nTimeoutAbortSec=5s\nRestartSec=0\n")
    start(machine)
    pid = main_pid(machine)
    os.kill(outside(machine, pid), signal.SIGSTOP)
    wait_until(lambda: machine.show("meari.service", "NRestarts") == "1", "systemd starts it again")
    wait_until(lambda: machine.show("meari.service", "ActiveState") == "active", "it is ready")
    assert main_pid(machine) != pid and echo(machine)
    assert_stops_well(machine)
