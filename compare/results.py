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
    told = {"name": server.name, "role": server.role, "runs": runs,
            "medians": {key: median([run.get(key) for run in runs]) for key in keys},
            "ranked": spread([run.get(cell.ranked_by) for run in runs]),
            "bad": bad_because(runs),
            "exact": probed["exact"] if probed else None}
    told["counts"] = told["bad"] is None and told["ranked"] is not None \
        and (server.role == "floor" or told["exact"] is not False)
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
            "better": "less" if cell.less_is_better else "more", "connections": cell.connections,
            "best_floor": bases["floor"] and bases["floor"]["name"],
            "best_peer": bases["peer"] and bases["peer"]["name"], "servers": told}


class Marks:
    """The marks of the project, held against results. Each: what, figure, bound, met or not."""

    def __init__(self, cells):
        self.cells = {cell["name"]: cell for cell in cells}
        self.found = []

    def mark(self, cell, what, figure, bound, at_most):
        if figure is None:
            return
        met = figure <= bound if at_most else figure >= bound
        self.found.append({"cell": cell, "mark": what, "figure": figure, "met": met,
                           "bound": bound, "bound_is": "at most" if at_most else "at least"})

    def ours(self, name):
        cell = self.cells.get(name)
        able = [one for one in cell["servers"] if one["role"] == "ours" and one["counts"]] \
            if cell else []
        choose = min if cell and cell["better"] == "less" else max
        return choose(able, key=lambda one: one["ranked"]["median"], default=None)

    def ratio(self, name, base):
        mine = self.ours(name)
        found = mine and mine[f"ratio_to_{base}"]
        return found and found["median"]

    def all(self):
        for name, cell in self.cells.items():
            if name.startswith("tcp-") and cell["ranked_by"] == "cpu_ns_per_echo":
                self.mark(name, "CPU against the best floor", self.ratio(name, "floor"), 1.08, True)
                self.mark(name, "CPU against the best peer", self.ratio(name, "peer"), 1.00, True)
        self.mark("tcp-64x1-spin", "round trip against the spinning floor",
                  self.ratio("tcp-64x1-spin", "floor"), 1.10, True)
        self.mark("tcp-1m", "bytes a second against the best peer", self.ratio("tcp-1m", "peer"),
                  1.10, False)
        self.mark("tcp-churn", "connections a second against the best peer",
                  self.ratio("tcp-churn", "peer"), 1.15, False)
        self.mark("udp-64", "datagrams a second against plain recvfrom and sendto",
                  self.against("udp-64", "floor-udp"), 2.0, False)
        for name, bound in (("tcp-64x50", 0.15), ("tcp-64x1000", 0.05)):
            self.mark(name, "system calls an echo, uring", self.calls(name), bound, True)
        self.mark("tcp-64x10000", "CPU against 50 connections", self.growth(), 1.25, True)
        self.mark("idle", "user memory a connection, bytes", self.figure("idle"), 96, True)
        return self.found

    def figure(self, name):
        mine = self.ours(name)
        return mine and mine["ranked"]["median"]

    def against(self, name, other):
        mine, cell = self.ours(name), self.cells.get(name)
        base = next((one for one in cell["servers"] if one["name"] == other), None) if cell else None
        found = mine and base and ratio(cell["ranked_by"], mine, base)
        return found and found["median"]

    def calls(self, name):
        cell = self.cells.get(name, {"servers": []})
        return next((one.get("syscalls_per_echo") for one in cell["servers"]
                     if one["name"] == "meari-uring" and one["counts"]), None)

    def growth(self):
        many, few = self.figure("tcp-64x10000"), self.figure("tcp-64x50")
        return many / few if many and few else None
