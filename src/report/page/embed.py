"""Makes C of the page of `meari report --html`: the part before its data, and the part behind.

    embed.py OUTPUT CHARTS page.html page.css SCRIPT...

CHARTS is Chart.js in one file, or "" where there is none: then both halves are empty, and meari says
so when a page is asked for. Run by Meson; the output is included by html.c only.
"""

import pathlib
import re
import sys

LINE = 4000


def literal(name, text):
    """A C string: short lines, nothing but ASCII, no trigraph and no escape that goes on."""
    def escape(byte):
        char = chr(byte)
        return char if byte < 128 and char.isalnum() or char in " .,;:()[]{}<>=+-*/!&|'_#%^~$@`" else f"\\{byte:03o}"

    data = text.encode()
    lines = [data[at:at + LINE] for at in range(0, len(data), LINE)] or [b""]
    body = "\n".join('\t"' + "".join(map(escape, line)) + '"' for line in lines)
    return f"static const char {name}[] =\n{body};\n"


def main(output, charts, page, style, *scripts):
    head = tail = ""
    if charts:
        library = pathlib.Path(charts).read_text()
        # A pointer to a file that will not be there.
        library = re.sub(r"\n//# sourceMappingURL=.*", "", library)
        parts = {"STYLE": pathlib.Path(style).read_text(), "CHARTS": library,
                 "DRIVER": "\n".join(pathlib.Path(script).read_text() for script in scripts)}
        for name, text in parts.items():
            if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
                sys.exit(f"embed.py: the {name.lower()} would end the element that it stands in")
        whole = pathlib.Path(page).read_text()
        head, tail = (re.sub(r"@(STYLE|CHARTS|DRIVER)@", lambda found: parts[found[1]], half)
                      for half in whole.split("@DATA@"))
    pathlib.Path(output).write_text("/* Made by embed.py. */\n" + literal("page_head", head)
                                    + literal("page_tail", tail))


main(*sys.argv[1:])
