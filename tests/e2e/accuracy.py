"""Is what `meari bench` says true? Experiments with a reference whose delays and faults are known.

Each experiment runs the generator against reference.Echo and gives findings: what was measured, and
between which bounds it must lie. tests/e2e/test_bench_accuracy.py asserts them, compare/accuracy shows them.

A machine can only add time, so a bound below is certain: who says less than the delay itself is wrong,
however busy the machine is. A bound above holds what the machine adds, known from a run without any delay
and from how late the reference was by its own clock. On a busy machine that may change from one run to the
next; so who asserts it may try again (`try_hard`).
"""

import dataclasses
import json
import math
import statistics

import meari
from reference import Echo, Histogram

# Cards of microseconds; each percentile that is looked at lies within one kind of card, not at its edge.
DELAYS_US = {2_000: 800, 5_000: 150, 20_000: 45, 100_000: 5}
PERCENTILES = (50, 90, 99, 99.9)
PRECISION = 1e-3  # three significant digits
CONNECTIONS = 20
TRIES = 5


@dataclasses.dataclass(frozen=True)
class Finding:
    what: str
    least: float
    says: float
    most: float
    is_certain: bool = True  # no machine excuses who says less than `least`

    @property
    def is_wrong(self):
        return self.is_certain and self.says < self.least

    @property
    def holds(self):
        return self.least <= self.says <= self.most


def exactly(what, is_so, says):
    return Finding(what, is_so, says, is_so)


def bench(engine, echo, *arguments):
    """One run of the generator; its result."""
    done = meari.run("bench", echo.address, f"--engine={engine}", "--json", "--quiet", "--warm-up=0",
                     *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def latency(result, kind):
    return Histogram(result["latency"][kind]["hdr"])


def try_hard(experiment, *arguments):
    """The findings of an experiment; once more, and again, while the machine was too busy for them."""
    for _ in range(TRIES):
        findings = experiment(*arguments)
        if all(one.holds for one in findings) or any(one.is_wrong for one in findings):
            break
    return findings


# ---- known delays ----

def plateau(percent):
    """The delay at a percentile, and the share of all messages that have no longer one."""
    total, seen = sum(DELAYS_US.values()), 0
    for delay_us, cards in DELAYS_US.items():
        seen += cards
        if percent / 100 <= seen / total:
            return delay_us * 1000, seen / total
    raise AssertionError("no such percentile")


def delay_findings(name, measured, added, echo):
    """Each percentile of `measured` against the cards.

    A message takes its card's delay, plus what the reference was late, plus what the machine adds. Of those
    with a card of at most D, the share s = percent / share(D) must lie below D plus two amounts, each of
    which is exceeded by (1 - s) / 2 of all: then both together are exceeded by no more than 1 - s.
    """
    findings = []
    for percent in PERCENTILES:
        delay_ns, share = plateau(percent)
        each = 1 - (1 - percent / 100 / share) / 2
        slack_ns = echo.lateness_ns(each) + added.percentile(100 * each)
        says = measured.percentile(percent)
        findings.append(Finding(f"{name} p{percent:g}", delay_ns, says,
                                (delay_ns + slack_ns) * (1 + PRECISION)))
    return findings


def cards():
    return ",".join(f"{delay_us}:{count}" for delay_us, count in DELAYS_US.items())


def delays_closed(engine):
    """tcp, closed loop: the delays, to the percentile."""
    with Echo("tcp") as plain:
        zero = bench(engine, plain, "-c", CONNECTIONS, "--rate=4000", "--duration=1s")
    with Echo("tcp", delays=cards()) as echo:
        result = bench(engine, echo, "-c", CONNECTIONS, "--duration=2s")
    findings = delay_findings("sent", latency(result, "sent"), latency(zero, "sent"), echo)
    counts = result["counts"]
    return [*findings, exactly("damaged", 0, counts["damaged"]), exactly("lost", 0, counts["lost"])]


def delays_open(engine):
    """udp, open loop: the delays from the intended and from the actual time of sending."""
    arguments = ("-c", 4, "--pipeline=100", "--rate=1000")
    with Echo("udp") as plain:
        zero = bench(engine, plain, *arguments, "--duration=1500ms")
    with Echo("udp", delays=cards()) as echo:
        result = bench(engine, echo, *arguments, "--duration=3s")
    findings = []
    for kind in ("intended", "sent"):
        findings += delay_findings(kind, latency(result, kind), latency(zero, kind), echo)
    counts = result["counts"]
    return [*findings, exactly("lost", 0, counts["lost"]), exactly("damaged", 0, counts["damaged"])]


# ---- a service that stops once ----

STOP_US = 1_000_000
RATE = 1000
SLOW_NS = 50_000_000  # later than this, an answer has been delayed by the stop


def stop_open(engine):
    """1,000 a second, a stop of 1 s: about 1,000 messages were delayed, as their senders meant them."""
    with Echo("tcp", stop=f"300:{STOP_US}") as echo:
        result = bench(engine, echo, "-c", 1, "--pipeline=1", f"--rate={RATE}", "--duration=2s")
    stopped_ns = echo.told["stopped_ns"]
    # Meant to be sent while more than SLOW_NS of the stop were still to come. Those that came behind them
    # had to wait their turn, too, for as long as it takes to work off what had piled up.
    delayed = (stopped_ns - SLOW_NS) / 1e9 * RATE
    intended, sent = latency(result, "intended"), latency(result, "sent")
    return [
        Finding("delayed, from intended", delayed * 0.99 - 1, intended.count_above(SLOW_NS),
                delayed * 1.15),
        exactly("delayed, from sent", 1, sent.count_above(SLOW_NS)),
        Finding("longest, from intended", stopped_ns * 0.995, result["latency"]["intended"]["max_ns"],
                stopped_ns * 1.1),
        # Evenly from nothing to the whole stop: a quarter of them was delayed by more than 3/4 of it.
        Finding("delayed by 3/4 of it", 0.24 * stopped_ns / 1e9 * RATE - 1,
                intended.count_above(0.75 * stopped_ns), 0.29 * stopped_ns / 1e9 * RATE),
        exactly("sent", 2 * RATE, result["counts"]["sent"]),
    ]


def stop_closed(engine):
    """The same stop in a closed loop of one: it sees a single slow answer."""
    with Echo("tcp", delays="1000:1", stop=f"300:{STOP_US}") as echo:
        result = bench(engine, echo, "-c", 1, "--duration=2s")
    stopped_ns = echo.told["stopped_ns"]
    return [
        exactly("delayed", 1, latency(result, "sent").count_above(SLOW_NS)),
        Finding("longest", stopped_ns * 0.995, result["latency"]["sent"]["max_ns"],
                stopped_ns * 1.1),
    ]


# ---- the schedule ----

SLOW_RATE = 500  # so that how long it takes to wake up matters little
PERIOD_NS = 1e9 / SLOW_RATE


def gaps_seen(engine, arrivals):
    """The result, and the times between messages as the service saw them."""
    with Echo("tcp") as echo:
        result = bench(engine, echo, "-c", 10, f"--rate={SLOW_RATE}", f"--arrivals={arrivals}",
                       "--duration=2s")
    times = echo.told["arrivals_ns"]
    assert len(times) == result["counts"]["sent"]
    return result, [after - before for before, after in zip(times, times[1:])]


def arrivals_constant(engine):
    """Messages come one by one, a period apart, and not in bursts of all connections."""
    result, gaps = gaps_seen(engine, "constant")
    return [
        exactly("sent", 2 * SLOW_RATE, result["counts"]["sent"]),
        Finding("gap, median", PERIOD_NS * 0.97, statistics.median(gaps), PERIOD_NS * 1.03,
                is_certain=False),
        Finding("gap, mean", PERIOD_NS * 0.99, statistics.mean(gaps), PERIOD_NS * 1.01,
                is_certain=False),
        # After a pause of the machine's those that are due come at once: so not none at all.
        Finding("gaps of less than half", 0, sum(gap < PERIOD_NS / 2 for gap in gaps), 0.1 * len(gaps)),
    ]


def arrivals_poisson(engine):
    """As many, but each independent of the others: gaps are exponential."""
    result, gaps = gaps_seen(engine, "poisson")
    findings = [Finding("sent", 0.9 * 2 * SLOW_RATE, result["counts"]["sent"],
                        1.1 * 2 * SLOW_RATE)]
    for periods in (0.5, 1, 2, 3):
        # Three deviations of the largest share that there can be of 1,000, and a little for the machine.
        is_so = math.exp(-periods)
        share = sum(gap > periods * PERIOD_NS for gap in gaps) / len(gaps)
        findings.append(Finding(f"gaps of more than {periods:g}", max(is_so - 0.06, 0), share, is_so + 0.06,
                                is_certain=False))
    return findings


# ---- faults ----

def faults(engine, connections, seed):
    """udp: what the reference dropped, sent twice, held back and damaged, to the last one."""
    what = "drop:20,twice:15,behind:15,damage:10"
    # What comes when the time is over does not count; so the last ones are good.
    with Echo("udp", faults=what, faulty=2700, seed=seed) as echo:
        result = bench(engine, echo, "-c", connections, "--pipeline=100", "--rate=2000",
                       "--duration=1500ms")
    told, counts = echo.told, result["counts"]
    return [
        exactly("arrived", told["messages"], counts["sent"]),
        exactly("lost", told["drop"], counts["lost"]),
        exactly("duplicates", told["twice"], counts["duplicates"]),
        exactly("reordered", told["behind"], counts["reordered"]),
        exactly("damaged", told["damage"], counts["damaged"]),
        exactly("late", 0, counts["late"]),
        exactly("none is held at the end", 0, told["still_held"]),
    ]


def faults_late(engine):
    """udp: what is answered after the time-out is lost, and told as late when it comes after all."""
    with Echo("udp", faults="late:10", late=300_000) as echo:
        result = bench(engine, echo, "-c", 2, "--pipeline=400", f"--rate={RATE}", "--duration=2s",
                       "--timeout=150ms")
    late, counts = echo.told["late"], result["counts"]
    return [
        exactly("lost", late, counts["lost"]),
        # Those of the last 300 ms come when nobody waits for them any more.
        Finding("late", late * 0.5, counts["late"], late),
    ]


def faults_in_a_stream(engine):
    """tcp: damaged messages, counted one by one."""
    with Echo("tcp", faults="damage:10") as echo:
        result = bench(engine, echo, "-c", 5, "--pipeline=8", "--rate=2000", "--duration=2s")
    told, counts = echo.told, result["counts"]
    return [
        exactly("arrived", told["messages"], counts["sent"]),
        exactly("damaged", told["damage"], counts["damaged"]),
    ]


EXPERIMENTS = {
    "delays-closed": delays_closed,
    "delays-open": delays_open,
    "stop-open": stop_open,
    "stop-closed": stop_closed,
    "arrivals-constant": arrivals_constant,
    "arrivals-poisson": arrivals_poisson,
    "faults-1": lambda engine: faults(engine, 1, 1),
    "faults-10": lambda engine: faults(engine, 10, 2),
    "faults-late": faults_late,
    "faults-stream": faults_in_a_stream,
}
