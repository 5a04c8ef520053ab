"""From runs to results: medians, ratios with their spread, ranks, and the marks of the project.

A ratio is taken within a round, in which every server had its turn once, and then the median of all
rounds: a machine that slows down slows down both of its sides. Its smallest and largest value are its spread.
"""

import statistics


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def spread(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def bad_because(runs):
    """Why runs do not count: a server that loses data in a cell is not ranked in it."""
    for key, what in (("mismatches", "wrong bytes"), ("errors", "failed connections")):
        worst = max((run.get(key, 0) for run in runs), default=0)
        if worst:
            return f"{worst} {what}"
    failed = [run["failed"] for run in runs if "failed" in run]
    return failed[0] if failed else None


def summarize(cell, server, runs, probed):
    """What a server did in a cell, without comparison."""
    keys = sorted({key for run in runs for key in run if key != "failed"})
    told = {"name": server.name, "role": server.role, "splices": server.splices, "runs": runs,
            "medians": {key: median([run.get(key) for run in runs]) for key in keys},
            "ranked": spread([run.get(cell.ranked_by) for run in runs]),
            "bad": bad_because(runs),
            "exact": probed["exact"] if probed else None}
    told["counts"] = told["bad"] is None and told["ranked"] is not None and told["exact"] is not False
    return told


def ratio(ranked_by, server, base):
    """Round by round, this server's figure over the base's."""
    pairs = [(run.get(ranked_by), other.get(ranked_by))
             for run, other in zip(server["runs"], base["runs"])]
    return spread([mine / its for mine, its in pairs if mine is not None and its])


def best(cell, told, role):
    able = [one for one in told if one["role"] == role and one["counts"]]
    choose = min if cell.less_is_better else max
    return choose(able, key=lambda one: one["ranked"]["median"], default=None)


def compare(cell, told):
    """The cell's results: the best, and each ratio to the best floor and the best peer."""
    bases = {"floor": best(cell, told, "floor"), "peer": best(cell, told, "peer")}
    for one in told:
        for role, base in bases.items():
            one[f"ratio_to_{role}"] = ratio(cell.ranked_by, one, base) if base and one["ranked"] else None
    return {"name": cell.name, "title": cell.title, "ranked_by": cell.ranked_by,
            "churns": cell.churns, "beside": cell.beside,
            "better": "less" if cell.less_is_better else "more", "connections": cell.connections,
            "best_floor": bases["floor"] and bases["floor"]["name"],
            "best_peer": bases["peer"] and bases["peer"]["name"], "servers": told}


# "At most 1.00" of CPU: where the spread includes 1.00, so near to it is no difference.
NO_DIFFERENCE = 1.03
CPU_CELLS = ("tcp-64x1-core", "tcp-64x1", "tcp-64x50", "tcp-64x1000", "tcp-64x10000", "tcp-64x50-p16", "tcp-16k",
             "unix-64x50")


class Marks:
    """The marks of the project, held against results. Each: what, figure, bound, met or not.

    A cell's marks are those of one engine of ours, the best by what the cell is ranked by.
    """

    def __init__(self, cells):
        self.cells = {cell["name"]: cell for cell in cells}
        self.found = []

    def mark(self, cell, what, figure, bound, at_most, level=None):
        """`figure` is a number or a spread; None: was not measured. `level`: a median up to it will do, too,
        if the spread includes the bound."""
        if figure is None:
            return
        value = figure["median"] if isinstance(figure, dict) else figure
        met = value <= bound if at_most else value >= bound
        if level is not None and figure["min"] <= bound:
            met = met or value <= level
        self.found.append({"cell": cell, "mark": what, "figure": value, "met": met,
                           "bound": bound, "bound_is": "at most" if at_most else "at least"})

    def servers(self, name, chosen):
        return [one for one in self.cells.get(name, {"servers": []})["servers"] if one["counts"] and chosen(one)]

    def best(self, name, chosen, figure=None):
        """The best by `figure` (of which less is better), or by what the cell is ranked by."""
        able = self.servers(name, chosen)
        if figure is not None:
            return min((one for one in able if one["medians"].get(figure)),
                       key=lambda one: one["medians"][figure], default=None)
        less = not able or self.cells[name]["better"] == "less"
        return (min if less else max)(able, key=lambda one: one["ranked"]["median"], default=None)

    def ours(self, name):
        return self.best(name, lambda one: one["role"] == "ours")

    def named(self, name, server):
        return next(iter(self.servers(name, lambda one: one["name"] == server)), None)

    def against(self, name, base, figure=None, mine=None):
        """Ours over another's, as a spread; None where one of them is not there."""
        mine = mine or self.ours(name)
        return mine and base and ratio(figure or self.cells[name]["ranked_by"], mine, base)

    def to_best(self, name, role):
        return self.against(name, self.best(name, lambda one: one["role"] == role))

    def median(self, name, key):
        mine = self.ours(name)
        return mine and mine["medians"].get(key)

    def all(self):
        for name in CPU_CELLS:
            self.mark(name, "CPU against the best floor", self.to_best(name, "floor"), 1.08, True)
            self.mark(name, "CPU against the best peer", self.to_best(name, "peer"), 1.00, True, NO_DIFFERENCE)
        self.bulk("tcp-1m")
        self.churn("tcp-churn")
        for name in ("mixed", "storm"):
            self.mark(name, "p99 of the small ones against the best peer", self.to_best(name, "peer"), 1.00, True)
        self.mark("tcp-64x10000", "growth of CPU since 50 connections, over the floor's growth", self.growth(),
                  1.00, True)
        for engine in ("epoll", "uring"):
            self.mark("tcp-64x1-spin", f"round trip against the spinning floor, {engine}", self.against(
                "tcp-64x1-spin", self.best("tcp-64x1-spin", lambda one: one["role"] == "floor"),
                mine=self.named("tcp-64x1-spin", f"meari-{engine}-busy")), 1.10, True)
        self.mark("udp-64", "datagrams a second against plain recvfrom and sendto",
                  self.against("udp-64", self.named("udp-64", "floor-udp")), 3.2, False)
        self.mark("udp-64-single", "CPU against the best peer", self.to_best("udp-64-single", "peer"), 0.80, True)
        for name, bound in (("tcp-64x50", 0.15), ("tcp-64x1000", 0.05)):
            self.mark(name, "system calls an echo, uring", self.calls(name, "uring"), bound, True)
        self.mark("idle", "user memory a connection, bytes", self.median("idle", "bytes_per_connection"), 96, True)
        return self.found

    def bulk(self, name):
        cpu = "cpu_ns_per_echo"
        floor = self.best(name, lambda one: one["role"] == "floor" and one["splices"], cpu)
        copies = self.best(name, lambda one: one["role"] == "peer" and not one["splices"], cpu)
        splices = self.best(name, lambda one: one["role"] == "peer" and one["splices"], cpu)
        self.mark(name, "CPU a MiB against the floor that splices", self.against(name, floor, cpu), 1.15, True)
        self.mark(name, "CPU a MiB against the best peer that copies", self.against(name, copies, cpu), 0.60, True)
        self.mark(name, "CPU a MiB against the best peer that splices", self.against(name, splices, cpu), 1.00, True)
        self.mark(name, "bytes a second against the best peer", self.to_best(name, "peer"), 1.10, False)

    def churn(self, name):
        cpu = "cpu_ns_per_echo"
        floor = self.best(name, lambda one: one["role"] == "floor", cpu)
        self.mark(name, "CPU a connection against the best floor", self.against(name, floor, cpu), 1.08, True)
        self.mark(name, "connections a second against the best peer", self.to_best(name, "peer"), 1.00, False)
        for engine, bound in (("epoll", 6.5), ("uring", 3.0)):
            self.mark(name, f"system calls a connection, {engine}", self.calls(name, engine), bound, True)

    def calls(self, name, engine):
        one = self.named(name, f"meari-{engine}")
        return one and one.get("syscalls_per_echo")

    def growth(self):
        figures = [self.best(name, lambda one, role=role: one["role"] == role)
                   for role in ("ours", "floor") for name in ("tcp-64x10000", "tcp-64x50")]
        if not all(figures):
            return None
        ours_many, ours_few, floor_many, floor_few = (one["ranked"]["median"] for one in figures)
        return ours_many / ours_few / (floor_many / floor_few)
