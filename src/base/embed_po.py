"""Compiles the catalogues of messages into a C header, for a program that is one file.

    embed_po.py OUTPUT MSGFMT LINGUAS

Each language of LINGUAS is compiled by msgfmt from the file beside it, in the byte order of this machine.
"""

import pathlib
import subprocess
import sys


def main(output, msgfmt, linguas):
    linguas = pathlib.Path(linguas)
    lines = []
    for language in linguas.read_text().split():
        compiled = pathlib.Path(output).with_suffix(f".{language}.mo")
        subprocess.run([msgfmt, f"--endianness={sys.byteorder}", "-o", compiled, linguas.parent / f"{language}.po"], check=True)
        content = compiled.read_bytes()
        numbers = ",".join(map(str, content))
        lines.append(f"static const unsigned char catalogue_{language}[] __attribute__((aligned(4))) = {{ {numbers} }};")
    lines.append("static const struct { const char *language; const unsigned char *bytes; } catalogues[] = {")
    lines += [f'\t{{ "{language}", catalogue_{language} }},' for language in linguas.read_text().split()]
    lines.append("};")
    pathlib.Path(output).write_text("\n".join(lines) + "\n")


main(*sys.argv[1:])
