"""docs/result.md tells every field of a result, and no other."""

import re

from house import ROOT

TABLE = (ROOT / "src/report/model/model_field.c").read_text()
PAGE = (ROOT / "docs/result.md").read_text()


def fields():
    """Keys by table: {"environment": ["kernel", ...], ...}; the whole result is ""."""
    found = {}
    for name, body in re.findall(r"model_field (\w+)\[\] = \{(.*?)\n\};", TABLE, re.DOTALL):
        name = "" if name == "model_field_table" else name
        found[name] = re.findall(r"(?:FIELD|GROUP|LIST|CHOICE)\(struct \w+, (\w+)", body)
        found[name] += re.findall(r'\.key = "(\w+)"', body)
    return found


def test_every_field_is_told():
    found = fields()
    assert len(found) > 10 and "label" in found[""] and "trusted" in found["trust"]
    for name, keys in found.items():
        missing = [key for key in keys if f"`{key}`" not in PAGE]
        assert not missing, f"{name}: {missing}"


def test_no_other_field_is_told():
    keys = {key for keys in fields().values() for key in keys} | {"format", "version"}
    first = PAGE.split("## A comparison")[0]
    for row in re.findall(r"^\| (?:… )?`(\w+)` \|", first, re.MULTILINE):
        assert row in keys, row


def test_the_histogram_is_told():
    source = (ROOT / "src/report/model/model_histogram.c").read_text()
    keys = set(re.findall(r'"((?:count|hdr|above_range|\w+_ns))"', source))
    assert len(keys) == 8
    assert not [key for key in keys if f"`{key}`" not in PAGE.split("## A histogram")[1]]
