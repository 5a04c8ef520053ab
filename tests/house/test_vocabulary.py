"""One word, one meaning: words that the glossary replaced must not come back. test_korean.py has the Korean ones."""

import re

import pytest

from house import ROOT, project_files

# What it stands for, and the word of the glossary.
ENGLISH = {
    r"whoever|somebody|everybody|nobody(?!')": "name the peer, client, connection, process or user",
    r"knock(s|ed|ing)?": "connect, or a connection that waits",
    r"heir|heirs": "successor",
    r"parted": "peer_gone",
    r"chronicle": "conn_log",
    r"doom(ed)?": "rule_state",
    r"deed|deeds": "fault event",
    r"parcel|parcels": "message_batch",
    r"deaf": "discards_input",
    r"stranger|strangers": "foreign_user",
    r"honest latency": "latency from the intended time",
}
# The account of that name, and lines that talk about the word itself.
ALLOWED = re.compile(r"user=?.{0,3}nobody|'nobody'|\"nobody\"|nobody:|`nobody`|nobody_|uid.*nobody|nobody.*uid"
                     # a word of the messages between servers, which older ones know
                     r"|HANDOVER_MESSAGE_FOREIGN_USER|stranger \(you belong")

def lines(paths):
    for path in paths:
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
            yield path, number, line


def english():
    """Prose for readers of English: comments and messages of the sources, pages, headers."""
    for path, number, line in lines(p for p in project_files() if p.suffix in (".c", ".h") and p.parts[0] == "src"):
        stripped = line.strip()
        if stripped.startswith(("*", "/*")) or "/*" in line or '"' in line:
            yield path, number, line
    yield from lines(p for p in project_files() if p.suffix == ".1" and "ko" not in p.parts)
    yield from lines(p for p in map(lambda n: type(ROOT)(n), ("README.md", "NEWS.md", "docs/architecture.md",
                                                              "docs/result.md")) if (ROOT / p).exists())


@pytest.mark.parametrize("pattern", ENGLISH)
def test_english(pattern):
    word = re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    found = [f"{path}:{number}: {line.strip()[:90]}" for path, number, line in english()
             if word.search(line) and not ALLOWED.search(line)]
    assert not found, f"{ENGLISH[pattern]}:\n" + "\n".join(found)
