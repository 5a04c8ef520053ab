"""Two networks of one's own with a bad link between them: link.c, its addresses, and its weather.

    with Network(seed) as network:
        subprocess.Popen([*network.near, "meari", "serve", ...])     where the server is
        subprocess.Popen([*network.far, ...])                        beyond the link
        network.set_weather("lossy")

Both are namespaces without a name, held by processes that die with this one: nothing stays behind, however
it ends. Entering raises NoNetwork, with the reason, where such a thing cannot be had.
"""

import os
import random
import shutil
import subprocess

# Addresses for documentation and private use; they exist inside the namespaces only.
NEAR, FAR, FAR_REFUSED = "192.0.2.1", "192.0.2.2", "192.0.2.66"
NEAR6, FAR6 = "fd6d:6561:7269::1", "fd6d:6561:7269::2"

PERCENT = 10_000  # in a million
WEATHER = {
    "calm": {"delay_us": 500},
    "losing": {"delay_us": 2000, "jitter_us": 1000, "loss": 5 * PERCENT},
    "repeating": {"delay_us": 1000, "duplicate": 10 * PERCENT},
    "reordering": {"delay_us": 1000, "reorder": 10 * PERCENT},
    "damaging": {"delay_us": 1000, "damage": 3 * PERCENT},
    "far away": {"delay_us": 40_000, "jitter_us": 20_000},
    "foul": {"delay_us": 5000, "jitter_us": 5000, "loss": 2 * PERCENT, "duplicate": 2 * PERCENT,
             "reorder": 5 * PERCENT, "damage": 1 * PERCENT},
    "blackout": {"loss": 100 * PERCENT},
}

# Dies with whoever started it: a signal that is kept across exec, unlike one that is asked for before
# nsenter enters a namespace of users.
MORTAL = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()

# Keep-alive finds a peer whose reset was lost on the way, which nothing repeats. Many ports for many short
# connections, but above those that meari serve takes for other services and does not answer by UDP.
SETTINGS = """
for name in all default link lo; do
    echo 0 >/proc/sys/net/ipv6/conf/$name/accept_dad
    echo 0 >/proc/sys/net/ipv6/conf/$name/disable_ipv6
done
cd /proc/sys/net/ipv4
echo 3 >tcp_keepalive_time; echo 2 >tcp_keepalive_intvl; echo 20 >tcp_keepalive_probes
echo 1 >tcp_tw_reuse; echo '16384 65535' >ip_local_port_range
ip link set dev lo up; ip link set dev link mtu 1500 up
"""


class NoNetwork(Exception):
    """It cannot be had here; the text says why."""


class Network:
    """See the head of this file."""

    def __init__(self, seed, program):
        self.seed, self.program = seed, str(program)

    def __enter__(self):
        for tool in ("unshare", "nsenter", "setpriv", "ip"):
            if shutil.which(tool) is None:
                raise NoNetwork(f"no {tool} here (packages util-linux, iproute2)")
        if not os.path.exists("/dev/net/tun"):
            raise NoNetwork("no /dev/net/tun here (the kernel module tun)")
        is_root = os.geteuid() == 0
        users = () if is_root else ("unshare", "--user", "--map-root-user")
        self.link = subprocess.Popen([*users, *MORTAL, self.program, str(self.seed)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            ready = self.link.stdout.readline().split()
            if len(ready) != 3:
                _, why = self.link.communicate()
                advice = "" if is_root else " (as root it may work)"
                raise NoNetwork(why.strip() + advice)
            pid = self.link.pid
            enter_users = () if is_root else (f"--user=/proc/{pid}/ns/user",
                                              "--preserve-credentials")
            self.near, self.far = (("nsenter", *enter_users, f"--net=/proc/{pid}/fd/{fd}", *MORTAL)
                                   for fd in ready[1:])
            self._set_up(self.near, f"ip address add {NEAR}/24 dev link",
                         f"ip address add {NEAR6}/64 dev link nodad")
            self._set_up(self.far, f"ip address add {FAR}/24 dev link",
                         f"ip address add {FAR_REFUSED}/24 dev link",
                         f"ip address add {FAR6}/64 dev link nodad")
            self.set_weather("calm")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        self.link.kill()
        self.link.communicate()

    def _set_up(self, where, *lines):
        done = subprocess.run([*where, "sh", "-ec", SETTINGS + "\n".join(lines)],
                              capture_output=True, text=True, start_new_session=True)
        if done.returncode != 0:
            raise NoNetwork(f"cannot set it up: {done.stderr.strip()}")

    def _ask(self, line):
        try:
            self.link.stdin.write(line + "\n")
            self.link.stdin.flush()
            answer = self.link.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"the link died: {self.link.communicate()[1]}")
        return answer.split()

    def set_weather(self, name):
        self._ask("set " + " ".join(f"{key}={value}" for key, value in WEATHER[name].items()))

    def counts(self):
        """What the link did, and how many packets the kernel at either end found damaged."""
        counts = {key: int(value) for key, value in (pair.split("=") for pair in self._ask("count"))}
        counts["found_damaged"] = sum(found_damaged(where) for where in (self.near, self.far))
        return counts


def found_damaged(where):
    """Packets in whose IP, TCP or UDP checksum was wrong, by the kernel's own counting."""
    read = subprocess.run([*where, "cat", "/proc/net/snmp", "/proc/net/netstat", "/proc/net/snmp6"],
                          capture_output=True, text=True, check=True, start_new_session=True).stdout
    total, names = 0, None
    for line in read.splitlines():
        key, *values = line.split()
        if not key.endswith(":"):  # snmp6: a name and a number; the others: a line of each
            total += int(values[0]) if key == "Udp6InCsumErrors" else 0
        elif names is None:
            names = values
        else:
            total += int(dict(zip(names, values)).get("InCsumErrors", 0)) \
                if key in ("Tcp:", "Udp:", "IpExt:") else 0
            names = None
    return total


def script(seed, seconds):
    """The weather of a run: (name, seconds), without an end; the same seed gives the same.

    All kinds come before one comes again, each for a few seconds, or less in a run of a few seconds.
    """
    dice = random.Random(seed)
    unit_s = min(5.0, seconds / len(WEATHER))
    while True:
        for name in dice.sample(sorted(WEATHER), len(WEATHER)):
            yield name, min(2.0, unit_s) if name == "blackout" else unit_s * dice.uniform(0.6, 1.4)
