#!/usr/bin/env python3
"""Writes programs of examples/ as one table of strings: embed.py OUTPUT FILE..."""

import pathlib
import sys

output, *files = sys.argv[1:]
rows = []
for file in map(pathlib.Path, files):
    text = "".join(f'\t\t"{line}\\n"\n' for line in
                   (line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("?", "\\?")
                    for line in file.read_text(encoding="utf-8").splitlines()))
    rows.append(f'\t{{ "{file.stem}",\n{text}\t}},\n')
pathlib.Path(output).write_text(
    "/* Made from examples/ by embed.py. */\n"
    "static const struct { const char *name, *text; } tour_examples[] = {\n" + "".join(rows) + "};\n",
    encoding="utf-8")
