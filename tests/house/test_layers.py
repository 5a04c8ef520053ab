"""Who may include whom under src/: the table that keeps the layers apart."""

import re

import pytest

from house import ROOT, sources

# Its own folder and system headers are always allowed. A call that must go up goes through a table
# handed down, never through an include.
MAY_INCLUDE = {
    "base": set(),
    "net": {"base"},
    "stats": {"base"},
    "protocol": {"base", "stats"},
    "engine": {"base", "net", "protocol"},
    "wire": {"base", "net"},
    "server": {"base", "net", "stats", "wire", "protocol", "engine"},
    "client": {"base", "net", "stats", "wire", "protocol", "engine"},
    "tour": {"base", "net", "client"},
    "report": {"base", "stats"},
    "web": {"base", "stats", "server"},
    "cli": {"base", "net", "stats", "wire", "protocol", "engine", "server", "client", "tour",
            "report", "web"},
}
# Made while building, from src/report/page and examples.
GENERATED = {"config.h", "report/page_bytes.h", "tour/tour_examples.h"}
# A system's own header stays behind one door.
ONLY_IN = {
    "liburing.h": "engine/uring",
    "sys/epoll.h": "engine/epoll",
    "zlib.h": "stats/hdrlog",
    "microhttpd.h": "web/",
}


def includes(path):
    text = (ROOT / "src" / path).read_text()
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE)


@pytest.mark.parametrize("path", sources(), ids=str)
def test_includes(path):
    layer = path.parts[0]
    assert layer in MAY_INCLUDE, f"src/{layer} has no row in the table"
    for bracket, header in includes(path):
        if bracket == "<":
            door = ONLY_IN.get(header)
            assert door is None or str(path).startswith(door), \
                f"src/{path} includes <{header}>, which only src/{door}* may"
        elif header not in GENERATED:
            below = header.split("/")[0]
            assert "/" in header and ".." not in header, \
                f'src/{path} includes "{header}"; write it from src/: "{layer}/{header}"'
            assert below == layer or below in MAY_INCLUDE[layer], \
                f"src/{path} includes {header}: {layer} may not know {below}"
            assert (ROOT / "src" / header).exists(), f"src/{path}: no src/{header}"
