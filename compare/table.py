"""Results as text: aligned for a terminal, or as Markdown."""

import unicodedata

import cells as cell_definitions

# Above this, other programs on the machine had a part in the figures.
NOISY = 0.10


def width(text):
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def rows_as_text(rows, markdown):
    """The first row is the head; the first column is left-aligned, the last one, too."""
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        lines.insert(1, "| --- |" + " ---: |" * (len(rows[0]) - 2) + " --- |")
        return "\n".join(lines)
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        words = []
        for i, word in enumerate(row):
            pad = " " * (widths[i] - width(word))
            words.append(word + pad if i in (0, len(row) - 1) else pad + word)
        lines.append("  ".join(words).rstrip())
    return "\n".join(lines)


def number(value, digits=None):
    if value is None:
        return "-"
    if digits is None:
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f}"


def with_spread(found, factor=1.0):
    if found is None:
        return "-"
    return (f"{number(found['median'] * factor)} "
            f"({number(found['min'] * factor)}-{number(found['max'] * factor)})")


def round_trip(medians):
    if "rtt_p50_ns" not in medians:
        return "-"
    return f"{number(medians['rtt_p50_ns'] / 1e3)}/{number(medians['rtt_p99_ns'] / 1e3)}"


def remark(cell, one):
    said = []
    if one["exact"] is False:
        said.append("INEXACT, not ranked")
    if one["bad"]:
        said.append(f"NOT COUNTED: {one['bad'][:60]}")
    if one["role"] in ("floor", "reference"):
        said.append(one["role"])
    if one["name"] == cell["best_peer"]:
        said.append("best peer")
    if one["name"] == cell["best_floor"]:
        said[said.index("floor")] = "best floor"
    lost, echoes = one["medians"].get("lost") or 0, one["medians"].get("echoes") or 0
    if lost:
        said.append(f"{100 * lost / max(1, lost + echoes):.1f} % lost")
    others = (one["medians"].get("foreign_busy") or 0) + (one["medians"].get("stolen") or 0)
    if others > NOISY and cell["ranked_by"] != "bytes_per_connection":
        said.append(f"noisy: others took {others:.2f} of a core")
    return ", ".join(said)


def what_it_cost(one):
    """The columns behind the ratios of a usual cell."""
    medians = one["medians"]
    cpu, rss = medians.get("cpu_ns_per_echo"), medians.get("rss_bytes")
    return [number(medians.get("echoes_per_s")), number(cpu and cpu / 1e3),
            number(one.get("syscalls_per_echo"), 3), number(medians.get("switches_per_echo"), 3),
            number(rss and rss / (1 << 20), 1), round_trip(medians)]


def what_went_on(one):
    """The same of a cell with something beside the small messages."""
    medians = one["medians"]
    rate, connects = medians.get("beside_bytes_per_s"), medians.get("beside_connects_per_s")
    return [number(medians.get("echoes_per_s")),
            *(number(medians[key] / 1e3) if key in medians else "-" for key in ("rtt_p50_ns", "rtt_p999_ns")),
            number(rate and rate / 1e6) if rate else number(connects), number(medians.get("server_busy"))]


def columns(cell):
    """The titles of those columns, and the function that fills them."""
    beside = {"bulk": "beside MB/s", "storm": "beside conn/s"}.get(cell.get("beside"))
    if beside:
        return ["echoes/s", "p50 us", "p99.9 us", beside, "busy"], what_went_on
    each = "conn" if cell.get("churns") else "echo"
    return [f"{'conns' if each == 'conn' else 'echoes'}/s", "CPU us", f"calls/{each}", "sleeps", "RSS MiB",
            "rtt us"], what_it_cost


def cell_as_text(cell, markdown):
    title, unit, factor, _ = cell_definitions.FIGURES[cell["ranked_by"]]
    titles, fill = columns(cell)
    rows = [["server", f"{title}, {unit}", "to floor", "to peer", *titles, "remarks"]]
    order = 1 if cell["better"] == "less" else -1
    shown = sorted(cell["servers"], key=lambda one: (
        not one["counts"], order * one["ranked"]["median"] if one["ranked"] else 0))
    for one in shown:
        rows.append([one["name"], with_spread(one["ranked"], factor), with_spread(one["ratio_to_floor"]),
                     with_spread(one["ratio_to_peer"]), *fill(one), remark(cell, one)])
    mark = "### " if markdown else "== "
    return (f"{mark}{cell['name']}: {cell['title']}\n"
            f"ranked by {title}, {cell['better']} is better\n\n" + rows_as_text(rows, markdown))


def probe_as_text(probed, markdown):
    lines = [("### " if markdown else "== ") + "Exactness", ""]
    for key, found in probed.items():
        lines.append(f"{'- ' if markdown else '  '}{key}: "
                     + ("exact" if found["exact"] else "INEXACT")
                     + "".join(f"; {text}" for text in found["failures"] + found["notes"]))
    return "\n".join(lines)


def marks_as_text(marks, markdown):
    if not marks:
        return ""
    rows = [["cell", "mark", "bound", "figure", "met"]]
    for one in marks:
        rows.append([one["cell"], one["mark"], f"{one['bound_is']} {number(one['bound'])}",
                     number(one["figure"], 3), "yes" if one["met"] else "NO"])
    return ("### " if markdown else "== ") + "Marks of the project\n\n" + rows_as_text(rows, markdown)


def machine_as_text(machine):
    return (f"{machine['processor']}, {machine['processors']} processors, Linux "
            f"{machine['kernel']}, load {machine['load_average']:.2f} at the start; server on "
            f"processor {machine['server_cpu']}, client on {machine['client_cpu']}")
