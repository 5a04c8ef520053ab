"""Makes C of a page: the part before its data and the part behind, or the whole where it has none.

    embed.py OUTPUT KIND CHARTS page.html STYLE.css... SCRIPT.js...

KIND is `report`, whose page holds its data (page_head, page_tail), or `live`, which asks for them (page_live). CHARTS is
Chart.js in one file, or "" where there is none: then a report has no page, both halves are empty, and a live page has no
charts. Run by Meson; the output is included by one file only.
"""

import pathlib
import re
import sys

LINE = 4000
KINDS = {
    # What the page may ask for, its title, and where its data stand.
    "report": ("", "meari report", '<script type="application/json" id="data">@DATA@</script>'),
    "live": ("; connect-src 'self'", "meari", ""),
}


def literal(name, text):
    """A C string: short lines, nothing but ASCII, no trigraph and no escape that goes on."""
    def escape(byte):
        char = chr(byte)
        return char if byte < 128 and char.isalnum() or char in " .,;:()[]{}<>=+-*/!&|'_#%^~$@`" else f"\\{byte:03o}"

    data = text.encode()
    lines = [data[at:at + LINE] for at in range(0, len(data), LINE)] or [b""]
    body = "\n".join('\t"' + "".join(map(escape, line)) + '"' for line in lines)
    return f"static const char {name}[] =\n{body};\n"


def compose(kind, charts, page, files):
    policy, title, data = KINDS[kind]
    library = pathlib.Path(charts).read_text() if charts else ""
    # A pointer to a file that will not be there.
    library = re.sub(r"\n//# sourceMappingURL=.*", "", library)
    texts = {suffix: "\n".join(pathlib.Path(file).read_text() for file in files if file.endswith(suffix))
             for suffix in (".css", ".js")}
    parts = {"STYLE": texts[".css"], "CHARTS": library, "DRIVER": texts[".js"]}
    for name, text in parts.items():
        if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
            sys.exit(f"embed.py: the {name.lower()} would end the element that it stands in")
    parts |= {"POLICY": policy, "TITLE": title, "DATA_ELEMENT": data}
    return re.sub(r"@(STYLE|CHARTS|DRIVER|POLICY|TITLE|DATA_ELEMENT)@", lambda found: parts[found[1]],
                  pathlib.Path(page).read_text())


def main(output, kind, charts, page, *files):
    made = "/* Made by embed.py. */\n"
    if kind == "live":
        made += literal("page_live", compose(kind, charts, page, files))
    else:
        head, tail = compose(kind, charts, page, files).split("@DATA@") if charts else ("", "")
        made += literal("page_head", head) + literal("page_tail", tail)
    pathlib.Path(output).write_text(made)


main(*sys.argv[1:])
