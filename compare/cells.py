"""The cells of the comparison: one way of loading a server each, and the figure that it is ranked by."""

import dataclasses
import resource

# What a cell can be ranked by: (title, unit, factor from the JSON's unit, is less better?)
FIGURES = {
    "cpu_ns_per_echo": ("server CPU per echo", "us", 1e-3, True),
    "rtt_p50_ns": ("round trip, median", "us", 1e-3, True),
    "bytes_per_s": ("bytes echoed a second", "MB/s", 1e-6, False),
    "echoes_per_s": ("echoes a second", "/s", 1.0, False),
    "bytes_per_connection": ("user memory a connection", "B", 1.0, True),
    "rtt_p99_ns": ("p99 from the intended time", "us", 1e-3, True),
}

# What goes on beside an open loop of small messages.
BULK_CONNECTIONS, BULK_BYTES = 4, 1 << 20
STORM_CONNECTS_PER_S, STORM_CONNECTIONS = 2000, 200


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str
    title: str
    family: str = "tcp"  # tcp, udp or unix
    connections: int = 1
    size: int = 64  # bytes
    depth: int = 1  # messages under way on each connection
    options: tuple = ()  # more of the load generator's
    one_core: bool = False  # server and client share a core
    ranked_by: str = "cpu_ns_per_echo"
    warm_ms: int = 150
    beside: str = None  # "bulk" or "storm": open loop, with that going on (beside.py)
    rate: int = None  # of the open loop, messages a second

    @property
    def idle(self):
        return "--idle" in self.options

    @property
    def spin(self):
        return "--spin" in self.options

    @property
    def churns(self):
        return "--churn" in self.options

    @property
    def all_connections(self):
        return self.connections + {None: 0, "bulk": BULK_CONNECTIONS,
                                   "storm": STORM_CONNECTIONS}[self.beside]

    @property
    def less_is_better(self):
        return FIGURES[self.ranked_by][3]

    def load_options(self, seconds):
        return ["--connections", str(self.connections), "--size", str(self.size),
                "--depth", str(self.depth), "--warm-ms", str(self.warm_ms),
                "--window-ms", str(max(1, round(seconds * 1000))), *self.options]


def most_connections(wanted):
    """How many connections one process may have here: the limit of open files, less a few."""
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200)


def all_cells():
    idle = most_connections(100000)
    many = most_connections(10000)
    return [
        Cell("tcp-64x1-core", "64 B, 1 connection, both ends on one core", one_core=True),
        Cell("tcp-64x1", "64 B, 1 connection"),
        Cell("tcp-64x1-spin", "64 B, 1 connection, the client never sleeps", options=("--spin",),
             ranked_by="rtt_p50_ns"),
        Cell("tcp-64x50", "64 B, 50 connections", connections=50),
        Cell("tcp-64x1000", "64 B, 1,000 connections", connections=1000),
        Cell("tcp-64x10000", f"64 B, {many:,} connections", connections=many, warm_ms=400),
        Cell("tcp-64x50-p16", "64 B, 50 connections, 16 messages under way on each",
             connections=50, depth=16),
        Cell("tcp-16k", "16 KiB, 50 connections", connections=50, size=16 << 10),
        Cell("tcp-1m", "1 MiB, 8 connections", connections=8, size=1 << 20,
             ranked_by="bytes_per_s"),
        Cell("tcp-churn", "connect, one echo of 64 B, close; 50 at a time", connections=50,
             options=("--churn",), ranked_by="echoes_per_s"),
        Cell("mixed", f"64 B, 50 connections by schedule, beside {BULK_CONNECTIONS} that move 1 MiB without pause",
             connections=50, beside="bulk", rate=10000, ranked_by="rtt_p99_ns"),
        Cell("storm", f"64 B, 50 connections by schedule, beside {STORM_CONNECTS_PER_S:,} new connections a second",
             connections=50, beside="storm", rate=10000, ranked_by="rtt_p99_ns"),
        Cell("udp-64", "datagrams of 64 B, 8 sockets, 32 under way on each, sent as trains",
             family="udp", connections=8, depth=32, options=("--trains",),
             ranked_by="echoes_per_s"),
        Cell("udp-64-single", "datagrams of 64 B, 8 sockets, 32 under way on each, each by itself",
             family="udp", connections=8, depth=32),
        Cell("udp-64x1", "datagrams of 64 B, 1 socket, 1 under way", family="udp"),
        Cell("udp-1400", "datagrams of 1,400 B, 8 sockets, 8 under way on each, sent as trains",
             family="udp", connections=8, depth=8, size=1400, options=("--trains",),
             ranked_by="echoes_per_s"),
        Cell("unix-64x50", "unix stream, 64 B, 50 connections", family="unix", connections=50),
        Cell("idle", f"{idle:,} idle connections that have echoed once", connections=idle,
             options=("--idle",), ranked_by="bytes_per_connection", warm_ms=100),
    ]
