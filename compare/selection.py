"""The servers and cells of a run: shared by compare/run and compare/tail."""

import os
import pathlib
import sys

import programs
import servers

PROGRAM = pathlib.Path(sys.argv[0]).name


def say(text):
    print(text, file=sys.stderr, flush=True)


def choose_cpus(text):
    """Two processors as far apart as their numbers allow: neighbours often share one core."""
    if text:
        first, _, second = text.partition(",")
        return int(first), int(second or first)
    able = sorted(os.sched_getaffinity(0))
    return able[0], able[-1]


def pick(wanted, things, groups):
    """The things with these names, in their own order; unknown names end the program."""
    names = [name for name in wanted.split(",") if name]
    unknown = [name for name in names
               if name not in groups and name not in {thing.name for thing in things}]
    if unknown:
        sys.exit(f"{PROGRAM}: nothing is called '{unknown[0]}' (see --list)")
    return [thing for thing in things
            if thing.name in names or any(groups[name](thing) for name in names if name in groups)]


def keep_present(wanted, given):
    """Builds what must be built, and prints what is missing, one line each."""
    folder = given.build_folder.resolve()
    say(f"building what is missing in {folder.name}/")
    not_built = programs.build(folder, ["load", *(server.program for server in wanted
                                                  if server.program)])
    if "load" in not_built:
        sys.exit(f"{PROGRAM}: no load generator: {not_built['load']}")
    present = []
    for server in wanted:
        why = servers.why_absent(server, folder, not_built)
        if why is None:
            present.append(server)
        else:
            say(f"  skipped {server.name}: {why}")
    return present
