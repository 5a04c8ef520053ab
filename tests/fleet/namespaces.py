"""A small network of the test's own: one namespace with a bridge, and hosts behind it, a namespace each.

    with Network(4) as network:
        network.run(None, "meari", "serve", ...)      a command beside the bridge, 10.77.0.1
        network.run(2, "meari", "bench", ...)         a command on host 2, 10.77.0.12

Needs root, for ip-netns(8); where that is not to be had, entering skips the test with the reason. Names carry the process's
number; leaving removes them and nothing else.
"""

import os
import shutil
import subprocess

import pytest

INSIDE = "10.77.0.1"


def host_address(host):
    return f"10.77.0.{10 + host}"


class Network:
    def __init__(self, hosts):
        self.hosts = hosts
        self.made = []

    def name(self, host):
        return f"mearif{os.getpid()}-{'b' if host is None else host}"

    def prefix(self, host):
        """What runs a command there. (`ip netns exec` would put a new /sys over the control groups that slurmd wants.)"""
        return ["nsenter", f"--net=/run/netns/{self.name(host)}"]

    def ip(self, host, *words):
        subprocess.run(["ip", "-n", self.name(host), *words], check=True, capture_output=True, text=True)

    def __enter__(self):
        if os.geteuid() != 0 or shutil.which("ip") is None:
            pytest.skip("namespaces with names of their own need root and ip(8)")
        try:
            self._make()
        except subprocess.CalledProcessError as error:
            self._remove()
            pytest.skip(f"no namespaces here: {' '.join(error.cmd)}: {error.stderr.strip()}")
        return self

    def __exit__(self, kind, value, trace):
        self._remove()

    def _make(self):
        for host in [None, *range(self.hosts)]:
            subprocess.run(["ip", "netns", "add", self.name(host)], check=True, capture_output=True, text=True)
            self.made.append(host)
            self.ip(host, "link", "set", "lo", "up")
        self.ip(None, "link", "add", "hub", "type", "bridge")
        self.ip(None, "addr", "add", f"{INSIDE}/24", "dev", "hub")
        self.ip(None, "link", "set", "hub", "up")
        for host in range(self.hosts):
            self.ip(None, "link", "add", f"to{host}", "type", "veth", "peer", "name", "eth0",
                    "netns", self.name(host))
            self.ip(None, "link", "set", f"to{host}", "master", "hub", "up")
            self.ip(host, "addr", "add", f"{host_address(host)}/24", "dev", "eth0")
            self.ip(host, "link", "set", "eth0", "up")

    def _remove(self):
        for host in self.made:
            subprocess.run(["ip", "netns", "del", self.name(host)], capture_output=True)
        self.made = []
