"""Each parser of foreign text or bytes has a fuzzer, and each fuzzer its seeds."""

import re

from house import ROOT, sources

FUZZ = ROOT / "tests/fuzz"
# A function that is shown and whose name says that it reads what somebody else wrote.
PARSER = re.compile(r"^[a-z][\w ]*[ *]((?!cli_parse\b)[a-z0-9_]+_(?:parse|decode|scan|read)(?:_[a-z_]+)?|access_new"
                    r"|settings_next|options_next|hdrlog_reader_next|visible_feed|quote_bytes)\(", re.MULTILINE)
BY_ANOTHER = {
    "cli_parse_busy_poll": "one word, or duration_parse",
    "keyboard_read": "libedit's; what a line means is command_parse's affair",
    "environment_read": "the kernel's files, for a report",
    "environment_read_host": "the host's name",
    "fleet_files_read": "fleet_files_parse",
    "model_histogram_read": "model_read",
    "probe_read_number": "the ledger", "probe_read_time": "the ledger",
    "runs_log_read": "hdrlog_reader_next",
    "stage_read": "the fuzzer of staged",
    "runs_read_all": "bytes as they are; model_read and others look at them",
}


def test_each_parser_has_a_fuzzer():
    found = {name for path in sources(".h") for name in PARSER.findall((ROOT / "src" / path).read_text())}
    assert len(found) > 15
    called = "".join(path.read_text() for path in FUZZ.glob("fuzz_*.c"))
    assert not {name for name in found - BY_ANOTHER.keys() if f"{name}(" not in called}
    assert not BY_ANOTHER.keys() - found, "these are there no more"


def test_each_fuzzer_is_built_and_has_seeds():
    built = set(re.findall(r"^  '(\w+)',$", (FUZZ / "meson.build").read_text(), re.MULTILINE))
    assert built == {path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c")}
    assert built == {path.name for path in (FUZZ / "corpus").iterdir()}
    assert all(any((FUZZ / "corpus" / stem).iterdir()) for stem in built)
