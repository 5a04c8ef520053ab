"""What must hold after a soak, and its table."""

import statistics

# Of the server's proportional set size. What a crowd leaves behind is freed, but for what the pools of two threads
# keep (buffer.c: 32 buffers of 64 KiB and 256 of 4 KiB each), which takes a peak to fill them.
MEMORY_KEPT_BYTES = 2 * (32 * 64 + 256 * 4) << 10
# A leak goes on, and that fills up: in a long run the last quarter is like the second, with some 100,000
# connections between them. In a short one it is build-asan that finds leaks.
MEMORY_CREEP_BYTES, CREEP_LEAST_S = 1 << 20, 300
# ThreadSanitizer has a thread of its own that looks around.
IDLE_CPU_MOST, IDLE_CPU_MOST_SANITIZED = 0.01, 0.05
# So many damaged packets, and none found, would mean that nobody verifies checksums.
DAMAGED_ENOUGH = 20


def faults_of(result, sanitizer):
    """Sentences; none when all is well."""
    faults = []
    for name, crowd in result["crowds"].items():
        faults += crowd_faults(name, crowd, result)
    if result.get("link"):
        faults += link_faults(result["link"], result["crowds"]["link"])
    faults += server_faults(result["server"], sanitizer)
    # A sanitizer keeps what was freed to find who uses it; it tells leaks itself, at the end.
    if sanitizer is None:
        faults += memory_faults(result)
    faults += counter_faults(result)
    if result["status"] != 0:
        faults.append(f"the server ended with status {result['status']}")
    faults += [f"unexpected in the log: {line[:300]}" for line in result["unexpected"][:5]]
    return faults


def crowd_faults(name, crowd, result):
    faults = []
    for kind, tally in crowd["kinds"].items():
        for what in "lost", "wrong":
            if tally[what]:
                faults.append(f"{name}, {kind}: {tally[what]:,} bytes {what}")
    faults += crowd["notes"]
    if crowd["untold"]:
        faults.append(f"{name}: {crowd['untold']} notes more")
    if name == "loopback" and crowd["kinds"]["datagrams"]["datagrams_twice"]:
        faults.append("loopback: datagrams were answered twice")
    return faults


def link_faults(link, crowd):
    faults = []
    twice = crowd["kinds"]["datagrams"]["datagrams_twice"]
    if twice > link["duplicated_udp"]:
        faults.append(f"link: {twice} datagrams were answered twice, though the link repeated "
                      f"{link['duplicated_udp']} only")
    if link["damaged"] >= DAMAGED_ENOUGH and link["found_damaged"] == 0:
        faults.append(f"link: of {link['damaged']} damaged packets the kernel found none")
    return faults


def server_faults(server, sanitizer):
    before, after = server["before"], server["after"]
    faults = [f"server: {name} {before[name]} before, {after[name]} after"
              for name in ("connections", "descriptors", "threads") if after[name] != before[name]]
    if after["idle_cpu"] > (IDLE_CPU_MOST if sanitizer is None else IDLE_CPU_MOST_SANITIZED):
        faults.append(f"server: {after['idle_cpu']:.1%} of a processor while nobody is there")
    return faults


def memory_faults(result):
    faults = []
    grown = result["server"]["after"]["memory_bytes"] - result["server"]["before"]["memory_bytes"]
    if grown > MEMORY_KEPT_BYTES:
        faults.append(f"server: {size(grown)} more memory than before "
                      f"({size(MEMORY_KEPT_BYTES)} may be)")
    crept = creep_bytes(result)
    if crept is not None and crept > MEMORY_CREEP_BYTES:
        faults.append(f"server: its memory creeps, {size(crept)} from the second quarter to the last "
                      f"({size(MEMORY_CREEP_BYTES)} may be)")
    return faults


def creep_bytes(result):
    """From the second quarter of a long run to the last one; None: too short to tell."""
    if result["seconds"] < CREEP_LEAST_S:
        return None
    quarters = [[], [], [], []]
    for when, seen in result["memory_course"]:
        quarters[min(3, int(4 * when / result["seconds"]))].append(seen)
    return statistics.median(quarters[3]) - statistics.median(quarters[1])


def counter_faults(result):
    faults = []
    counters, crowds = result["counters"], result["crowds"].values()
    accepted = counters["connections_accepted"]
    ended = sum(counters["connections_" + how] for how in ("finished", "lost", "cut"))
    if accepted != ended + counters["connections_open"]:
        faults.append(f"counters: {accepted} accepted, {ended} ended, "
                      f"{counters['connections_open']} open")
    connected = sum(crowd["connected"] for crowd in crowds)
    resets = sum(tally["reset"] + tally["refused"] for crowd in crowds
                 for tally in crowd["kinds"].values())
    met = accepted + counters["refused_by_access"]
    # Who resets at once may never have been there, in the eyes of the other end of a bad link.
    if not connected - resets <= met <= connected:
        faults.append(f"counters: {met} connections came, of {connected} that were made")
    answered = sum(counters["datagrams_" + how] for how in ("sent", "refused", "limited", "lost"))
    faulty = any(value for name, value in counters.items() if name.startswith("faults_"))
    if counters["datagrams_received"] != answered and not faulty:
        faults.append(f"counters: {counters['datagrams_received']} datagrams received, "
                      f"{answered} of them accounted for")
    return faults


def size(count):
    for unit in "", " KiB", " MiB":
        if abs(count) < 10_000 or unit == " MiB":
            break
        count /= 1024
    return f"{count:,.0f}{unit}" if count >= 100 or unit == "" else f"{count:,.1f}{unit}"


def table(result):
    lines = [f"meari serve --engine {result['engine']}, {result['build']}, seed {result['seed']}, "
             f"{result['seconds']:.0f} s" + (" (ended early)" if result["ended_early"] else "")]
    lines += streams_table(result["crowds"])
    lines += datagrams_table(result["crowds"])
    lines += link_table(result)
    lines += server_table(result)
    lines.append("")
    lines += [f"FAULT  {fault}" for fault in result["faults"]] or \
        ["Nothing was lost, nothing was wrong, and nothing is left."]
    return "\n".join(lines)


def columns(rows, head):
    """Aligned: the first column to the left, the others to the right."""
    rows = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return ["", *("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
                  for row in rows)]


def streams_table(crowds):
    rows, total = [], [0] * 6
    for name, crowd in crowds.items():
        for kind, tally in crowd["kinds"].items():
            if kind == "datagrams":
                continue
            figures = [tally["conversations"], tally["back"], tally["lost"], tally["wrong"],
                       tally["reset"], tally["broken"]]
            total = [one + other for one, other in zip(total, figures)]
            rows.append([f"{name}, {kind}", *cells(figures)])
    rows.append(["all", *cells(total)])
    return columns(rows, ["streams", "talks", "bytes back", "lost", "wrong", "reset", "link broke"])


def cells(figures):
    talks, back, *others = figures
    return [f"{talks:,}", size(back), *(f"{other:,}" for other in others)]


def datagrams_table(crowds):
    rows = []
    for name, crowd in crowds.items():
        tally = crowd["kinds"]["datagrams"]
        rows.append([name, *(f"{tally[key]:,}" for key in
                             ("datagrams", "datagrams_lost", "datagrams_twice", "wrong"))])
    return columns(rows, ["datagrams", "sent", "no answer", "twice", "wrong bytes"])


def link_table(result):
    link = result.get("link")
    if link is None:
        return ["", f"The bad link was left out: {result['link_left_out']}"]
    rows = [[what, f"{link[name]:,}"] for what, name in (
        ("packets that came", "came"), ("lost", "lost"), ("repeated", "duplicated"),
        ("overtaken by others", "reordered"), ("damaged", "damaged"),
        ("... found by a checksum", "found_damaged"), ("dropped, too many under way", "overflowed"),
        ("refused by the interface", "refused"), ("under way, at most", "held_most"))]
    weather = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result["weather_s"].items())
    weather = weather or "it ended before there was any"
    words, lines = weather.split(" "), ["weather:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > 79:
            lines.append("        ")
        lines[-1] += " " + word
    return columns(rows, ["bad link", ""]) + lines


def server_table(result):
    server, counters = result["server"], result["counters"]
    rows = [[what, *(server[when][name] for when in ("before", "most", "after"))]
            for what, name in (("descriptors", "descriptors"), ("threads", "threads"),
                               ("... of the kernel for rings", "ring_workers"))]
    rows = rows if server["most"]["ring_workers"] else rows[:2]
    rows += [
        ["memory", *(size(server[when]["memory_bytes"]) for when in ("before", "most", "after"))],
        ["CPU while idle", f"{server['before']['idle_cpu']:.1%}", "",
         f"{server['after']['idle_cpu']:.1%}"]]
    lines = columns(rows, ["server", "before", "most", "after"])
    crept = creep_bytes(result)
    if crept is not None:
        lines.append(f"memory from the second quarter to the last: {size(crept)} more")
    names = (("accepted", "connections_accepted"), ("finished", "connections_finished"),
             ("lost", "connections_lost"), ("cut", "connections_cut"),
             ("not allowed", "refused_by_access"))
    lines.append("connections: " + ", ".join(f"{counters[name]:,} {what}" for what, name in names))
    lines.append(f"SIGHUP and SIGUSR1: {result['reloads']} times each, answered")
    return lines
