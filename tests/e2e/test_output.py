"""What every verb writes: nothing that misleads a terminal or a parser, whole files or none.

Names: each hostile piece of text goes, alone, into addresses, paths, option values, labels, config files
and lists. What comes out is compared with Python's own tables (unicodedata), json and XML parsers.

Writing: full disks, readers that have gone, runs that fail or are killed, devices, links and pipes.
Devices are nodes of the test's own: as root, a rename onto the host's would replace it for all.
"""

import json
import os
import pathlib
import re
import resource
import signal
import stat
import subprocess
import threading
import unicodedata
import xml.etree.ElementTree

import pytest

from meari import ANSWER_S, MEARI, environment
from results import Histogram, result, save
from talk_peers import Peer, echo

HOSTILE = {
    "escape": b"\x1b]0;x\x07", "right-to-left": "\u202e".encode(), "no-width": "\u200b".encode(),
    "line-separator": "\u2028".encode(), "byte-order-mark": "\ufeff".encode(),
    "tag": "\U000e0001".encode(), "no-utf-8": b"\xff", "newline": b"\n", "quotes": b"\"'`$(x)",
    "script": b"</script><!--", "no-character": "\uffff".encode(), "c1": "\u009b2J".encode(),
}


UNSUSPICIOUS = re.compile(r"[ -~\n]+")


def unsafe(output):
    """The characters of `output` (bytes) that must not be printed raw; None: it is no UTF-8 at all."""
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return None
    return [f"U+{ord(c):04X}" for c in UNSUSPICIOUS.sub("", text)
            if (unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") and c != "\n")
            or (ord(c) & 0xfffe) == 0xfffe or 0xfdd0 <= ord(c) <= 0xfdef]


def fill(template, piece, tmp_path):
    """The template's {} becomes the hostile piece, its ~ the test's own folder; as bytes."""
    where = os.fsencode(tmp_path)
    return template.encode().replace(b"{}", b"a" + piece + b"b").replace(b"~", where)


def invoke(*arguments, env=None, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([MEARI, *arguments], stderr=subprocess.PIPE, timeout=60,
                          env=env or environment(), **options)


def assert_safe(done, what):
    assert unsafe(done.stdout) == [], (what, done.stdout)
    assert unsafe(done.stderr) == [], (what, done.stderr)
    # A name with a newline must not look like a message of its own.
    for line in done.stderr.decode().splitlines():
        assert line.startswith("meari: "), (what, done.stderr)


# Arguments; "~" is the test's folder. None of them gets as far as a conversation.
NAMES = [
    "{}", "--{}", "--help={}",
    "addr {}", "addr --json {}", "addr tcp://{}:1", "addr unix:/~/{}", "addr --json unix:/~/{}",
    "addr unix:@{}", "addr 10.0.0.0/{}", "addr [::1%{}]:1", "addr tcp://127.0.0.1:{}", "addr {}://x",
    "addr -r unix:{}", "addr --{}",
    "talk {}", "talk unix:~/{}", "talk unixgram:~/{}", "talk --source {} localhost",
    "talk --source unix:~/none/{} unix:~/x", "talk --timeout {} localhost", "talk --size {} udp://localhost",
    "talk localhost {}", "talk -{}",
    "ping {}", "ping -c1 -W10ms -w20ms unix:~/{}", "ping -c1 -w20ms --json unix:~/{}", "ping -c {} localhost",
    "ping -i {} localhost", "ping -s {} localhost", "ping -I {} localhost", "ping --ports {} localhost",
    "bench {}", "bench -d10ms -w0 unix:~/{}", "bench --json -d10ms -w0 unix:~/{}", "bench -r {} localhost",
    "bench -s {} localhost", "bench -c {} localhost", "bench --assert {} localhost",
    "bench --assert p99<{} localhost", "bench --find-max {} localhost", "bench --source {} localhost",
    "bench --engine {} localhost", "bench --html ~/none/{} unix:~/x", "bench --hdr ~/none/{} unix:~/x",
    "bench --label {} -d10ms -w0 unix:~/x", "bench --churn={} localhost", "bench --arrivals {} localhost",
    "check {}", "check unix:~/{}", "check --json unix:~/{}", "check --rule {} localhost",
    "check --skip {} localhost", "check --junit ~/none/{} unix:~/x", "check --size {} localhost",
    "check --idle {} localhost",
    "report {}", "report ~/{}", "report -b ~/{} ~/x", "report --json ~/{}", "report --html ~/none/{} ~/good",
    "report --margin {} ~/good", "report --unit {} ~/good", "report --tag {} ~/log",
    "serve {}", "serve unix:~/none/{}", "serve --fault {}", "serve --fault delay={}", "serve --fault {}=1",
    "serve tcp://127.0.0.1:0?fault={}", "serve unix:~/none/{}?fault=delay=1ms", "serve --allow {}",
    "serve --allow @~/{}", "serve --deny 10.0.0.0/{}", "serve --config ~/{}", "serve --upgrade ~/none/{}",
    "serve --user {}", "serve --engine {}", "serve --urgent {}", "serve --log-format {}",
    "serve --threads {}", "serve --activated {}", "serve --ready-fd {}", "serve --max-rate {}",
    "serve --busy-poll {}", "serve --explain {}", "serve --explain unix:~/{}",
]


@pytest.mark.parametrize("template", NAMES)
def test_names_in_arguments(template, tmp_path):
    save(tmp_path / "good", result([10 ** 6] * 50))
    (tmp_path / "log").write_text("#[Histogram log format version 1.3]\n")
    for name, piece in HOSTILE.items():
        arguments = [fill(each, piece, tmp_path) for each in template.split()]
        done = invoke(*arguments, cwd=tmp_path)
        assert done.returncode in (0, 1, 2), (name, done)
        assert_safe(done, name)
        if done.stdout and "--json" in template:
            for line in done.stdout.decode().splitlines():
                json.loads(line)


@pytest.mark.parametrize("template", ["{}", "{} = 1", "engine {}", "address {}", "allow {}", "fault {}",
                                      "user {}", "threads {}", "allow @{}", "log-format {}"])
def test_names_in_a_config_file(template, tmp_path):
    for name, piece in HOSTILE.items():
        (tmp_path / "config").write_bytes(template.encode().replace(b"{}", b"a" + piece + b"b") + b"\n")
        done = invoke("serve", "--config", "config", "--check-config", cwd=tmp_path)
        assert done.returncode in (0, 1, 2), (name, done)
        assert_safe(done, name)


@pytest.mark.parametrize("template", ["{}", "10.0.0.0/{}", "10.0.0.1 {}", "::1/{}", "fe80::1%{}"])
def test_names_in_a_list(template, tmp_path):
    for name, piece in HOSTILE.items():
        (tmp_path / "list").write_bytes(template.encode().replace(b"{}", b"a" + piece + b"b") + b"\n")
        done = invoke("serve", "--allow", "@list", "--check-config", cwd=tmp_path)
        assert done.returncode in (0, 1, 2), (name, done)
        assert_safe(done, name)


def hostile_result(text):
    made = result([10 ** 6] * 50, label=text)
    made["program"] = f"meari {text}"
    made["command"] = ["meari", "bench", text]
    made["environment"].update(kernel=text, machine=text, cpu=text, engine=text, options={text: text})
    made["target"]["address"] = text
    return made


@pytest.mark.parametrize("form", ["text", "json", "html", "compare", "compare-json", "compare-html"])
def test_names_in_results(form, tmp_path):
    compare = ["-b", "given"] if form.startswith("compare") else []
    how = {"json": ["--json"], "html": ["--html=-"]}.get(form.split("-")[-1], [])
    for name, piece in HOSTILE.items():
        text = "a" + piece.decode(errors="surrogateescape") + "b"
        if name == "no-utf-8":
            continue  # that is no JSON
        (tmp_path / "given").write_text(json.dumps(hostile_result(text)))
        done = invoke("report", *how, *compare, "given", cwd=tmp_path)
        assert done.returncode == 0, (name, done.stderr)
        if "html" not in form:
            assert_safe(done, name)
        if form == "json":
            assert json.loads(done.stdout)["label"] == text
        elif form == "compare-json":
            json.loads(done.stdout)
        if "html" in form:
            assert unsafe(done.stdout.replace(b"\t", b"")) == [], name
            page_shows(done.stdout.decode(), text)


@pytest.mark.parametrize("how", [[], ["--json"], ["--html=-"]], ids=["text", "json", "html"])
def test_names_of_files_and_tags(how, tmp_path):
    """A result and a log whose file has the name; a log whose lines have it as their tag."""
    good, histogram = result([10 ** 6] * 50), Histogram([10 ** 6] * 50).encode()
    for name, piece in HOSTILE.items():
        file = b"a" + piece.replace(b"/", b"|") + b"b"
        save(pathlib.Path(os.fsdecode(bytes(tmp_path) + b"/" + file)), good)
        log = b"log-" + file
        (tmp_path / os.fsdecode(log)).write_bytes(
            b"#[Histogram log format version 1.3]\n#[Logged with a" + piece.replace(b"\n", b"") + b"]\n"
            b"Tag=" + piece.replace(b"\n", b"").replace(b",", b"") + b",0.0,1.0,1.0," + histogram.encode() + b"\n")
        all_given = ([log], ["-b", file, file], [file], [file, file + b"-none"],
                     ["--tag", piece, log], ["--label", piece, log])
        for given in all_given[:2] if "--html=-" in how else all_given:
            done = invoke("report", *how, *given, cwd=tmp_path)
            assert done.returncode in (0, 1, 2), (name, given, done.stderr)
            assert unsafe(done.stdout.replace(b"\t", b"")) == [], (name, given)
            assert unsafe(done.stderr) == [], (name, given, done.stderr)


def test_what_a_service_answers(tmp_path):
    """A service that is no echo, and speaks in such pieces."""
    def speak(connection):
        while connection.recv(1 << 16):
            connection.sendall(peer.piece * 20)

    with Peer(speak) as peer:
        for name in ("escape", "right-to-left", "no-utf-8"):
            peer.piece = HOSTILE[name]
            for arguments in (["ping", "-c1", "-W50ms"], ["ping", "--json", "-c1", "-W50ms"],
                              ["bench", "-q", "-d20ms", "-w0", "-c1", "--timeout=50ms"],
                              ["talk", "--verify", "--timeout=50ms"],
                              ["check", "--rule=one-byte", "--timeout=50ms"],
                              ["check", "--json", "--rule=one-byte", "--timeout=50ms"],
                              ["check", "--junit=-", "--rule=one-byte", "--timeout=50ms"]):
                done = invoke(*arguments, peer.address, input=b"hello\n", stdin=None, cwd=tmp_path)
                assert unsafe(done.stderr) == [], (name, arguments, done.stderr)
                if arguments[0] == "talk":
                    continue  # its output is the copy, byte for byte
                assert unsafe(done.stdout) == [], (name, arguments, done.stdout)
                if "--json" in arguments:
                    [json.loads(line) for line in done.stdout.decode().splitlines()]
                elif "--junit=-" in arguments:
                    xml.etree.ElementTree.fromstring(done.stdout)


def page_shows(page, text):
    """The data are one JSON text in one script element, and hold `text` as it was given."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert text in list(strings(json.loads(data)))


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_a_service_that_serves(name, tmp_path, monkeypatch):
    """A unix path and a label with the piece, in every verb's success."""
    monkeypatch.chdir(tmp_path)
    label = b"a" + HOSTILE[name] + b"b"
    path = b"unix:" + label.replace(b"/", b"|")
    server = subprocess.Popen([MEARI, "serve", "-v", "--ready-fd", "1", path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment())
    try:
        ready = server.stdout.readline()
        assert ready, server.communicate()
        assert unsafe(ready) == []
        done = invoke("talk", "-v", path, input=b"hello\n", stdin=None)
        assert (done.returncode, done.stdout) == (0, b"hello\n")
        assert_safe(done, "talk")
        for arguments in (["-c", "1"], ["-c", "1", "--json"], ["-c", "2", "-i", "1ms", "--connect"]):
            done = invoke("ping", *arguments, path)
            assert done.returncode == 0
            assert_safe(done, "ping")
            if "--json" in arguments:
                [json.loads(line) for line in done.stdout.decode().splitlines()]
        bench = ["bench", "-q", "-d", "100ms", "-w", "0", "-c", "1", "--label", label]
        for how in ([], ["--json", "--html=page", "--hdr=log"], ["--json-lines"]):
            done = invoke(*bench, *how, path)
            assert done.returncode == 0, done.stderr
            assert unsafe(done.stdout) == [] and unsafe(done.stderr) == [], done
            if "json" in str(how):
                [json.loads(line) for line in done.stdout.decode().splitlines()]
        assert unsafe((tmp_path / "log").read_bytes()) == []
        page = (tmp_path / "page").read_bytes()
        assert unsafe(page.replace(b"\t", b"")) == []
        page_shows(page.decode(), label.decode("utf-8", "backslashreplace") if name != "no-utf-8"
                   else "a?b")
        for how in ([], ["--json"], ["--junit=-"]):
            done = invoke("check", "--rule", "one-byte", *how, path)
            assert done.returncode == 0
            assert_safe(done, "check")
            if "--json" in how:
                json.loads(done.stdout)
            elif how:
                xml.etree.ElementTree.fromstring(done.stdout)
    finally:
        server.terminate()
        log = server.communicate()[1]
    assert unsafe(log) == [], log
    for line in log.decode().splitlines():
        assert line.startswith("meari: "), log


@pytest.mark.parametrize("name", HOSTILE)
def test_names_in_a_log_of_json(name, tmp_path):
    path = b"unix:a" + HOSTILE[name].replace(b"/", b"|") + b"b"
    server = subprocess.Popen([MEARI, "serve", "-v", "--log-format", "json", "--ready-fd", "1", path],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
                              cwd=tmp_path)
    try:
        assert server.stdout.readline()
        assert invoke("talk", path, input=b"hello\n", stdin=None, cwd=tmp_path).stdout == b"hello\n"
    finally:
        server.terminate()
        log = server.communicate()[1]
    assert unsafe(log) == [], log
    assert len([json.loads(line) for line in log.decode().splitlines()]) >= 3


# Writing


@pytest.fixture(scope="module")
def service():
    with Peer(echo) as peer:
        yield peer.address


@pytest.fixture
def device(tmp_path):
    """Makes a character device of the test's own: device("full", 7) is like /dev/full."""
    def make(name, minor):
        path = tmp_path / name
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            with open(path, "wb"):
                pass
        except OSError as error:
            pytest.skip(f"no device can be made here: {error}")
        return path
    return make


# Every verb, and what writes to standard output in it; ADDRESS is a service.
STANDARD_OUTPUT = {
    "help": ["--help"], "version": ["--version"], "verb-help": ["ping", "--help"],
    "usage": ["serve", "--usage"], "help-of-a-verb": ["help", "ping"],
    "completions": ["--completions", "bash"],
    "addr": ["addr", "127.0.0.1"], "addr-json": ["addr", "--json", "127.0.0.1"],
    "talk": ["talk", "ADDRESS"],
    "ping": ["ping", "-c", "2", "-i", "1ms", "ADDRESS"],
    "ping-json": ["ping", "--json", "-c", "2", "-i", "1ms", "ADDRESS"],
    "ping-flood": ["ping", "-f", "-c", "20", "ADDRESS"],
    "ping-quiet": ["ping", "-q", "-c", "1", "ADDRESS"],
    "bench": ["bench", "-d", "400ms", "-w", "0", "ADDRESS"],
    "bench-json": ["bench", "-q", "--json", "-d", "400ms", "-w", "0", "ADDRESS"],
    "bench-json-lines": ["bench", "-q", "--json-lines", "--interval", "20ms", "-d", "400ms", "-w", "0",
                         "ADDRESS"],
    "bench-html": ["bench", "-q", "--html=-", "-d", "400ms", "-w", "0", "ADDRESS"],
    "bench-hdr": ["bench", "-q", "--hdr=-", "-d", "400ms", "-w", "0", "ADDRESS"],
    "check": ["check", "--rule", "one-byte", "ADDRESS"],
    "check-json": ["check", "--json", "--rule", "one-byte", "ADDRESS"],
    "check-junit": ["check", "--junit=-", "--rule", "one-byte", "ADDRESS"],
    "check-list": ["check", "--list"], "check-idle": ["check", "--idle", "20ms", "ADDRESS"],
    "check-idle-json": ["check", "--json", "--idle", "20ms", "ADDRESS"],
    "report": ["report", "good"], "report-json": ["report", "--json", "good"],
    "report-html": ["report", "--html=-", "good"], "report-compare": ["report", "-b", "good", "good"],
    "serve-explain": ["serve", "--explain"],
}


def arguments_of(name, service, tmp_path):
    save(tmp_path / "good", result([10 ** 6] * 50))
    return [service if each == "ADDRESS" else each for each in STANDARD_OUTPUT[name]]


def one_line(stderr, words):
    lines = [line for line in stderr.decode().splitlines() if words in line]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("meari: "), stderr


@pytest.mark.parametrize("name", STANDARD_OUTPUT)
def test_standard_output_on_a_full_disk(name, service, tmp_path, device):
    arguments = arguments_of(name, service, tmp_path)
    with open(device("full", 7), "wb") as full, open(tmp_path / "in", "wb+") as given:
        given.write(b"hello\n" * 10)
        given.seek(0)
        done = invoke(*arguments, stdin=given, stdout=full, cwd=tmp_path)
    one_line(done.stderr, "No space left on device")
    one_line(done.stderr, "cannot write")
    assert done.returncode == 1


@pytest.mark.parametrize("ignored", [False, True], ids=["default", "ignored"])
@pytest.mark.parametrize("name", STANDARD_OUTPUT)
def test_standard_output_whose_reader_has_gone(name, ignored, service, tmp_path):
    """Also where SIGPIPE was ignored by the parent, as some service managers do."""
    arguments = arguments_of(name, service, tmp_path)
    read, write = os.pipe()
    os.close(read)
    with open(tmp_path / "in", "wb+") as given:
        given.write(b"hello\n" * 10)
        given.seek(0)
        done = invoke(*arguments, stdin=given, stdout=write, cwd=tmp_path, restore_signals=not ignored)
    os.close(write)
    # A shell shows 141 for a death of SIGPIPE, too.
    assert done.returncode in (141, -signal.SIGPIPE), done
    assert done.stderr == b""


# Options that name a file; each is given FILE and a service.
FILE_OPTIONS = {
    "bench-html": ["bench", "-q", "-d", "400ms", "-w", "0", "--html=FILE", "ADDRESS"],
    "bench-hdr": ["bench", "-q", "-d", "400ms", "-w", "0", "--hdr=FILE", "ADDRESS"],
    "check-junit": ["check", "--rule", "one-byte", "--junit=FILE", "ADDRESS"],
    "report-html": ["report", "--html=FILE", "good"],
}


def to_file(name, path, address, tmp_path):
    save(tmp_path / "good", result([10 ** 6] * 50))
    return [each.replace("FILE", str(path)).replace("ADDRESS", address) for each in FILE_OPTIONS[name]]


def assert_whole(name, content):
    if "html" in name:
        assert content.lower().startswith(b"<!doctype html>") and content.rstrip().endswith(b"</html>")
    elif "hdr" in name:
        assert content.startswith(b"#") and content.endswith(b"\n") and b"HISTF" in content
    else:
        xml.etree.ElementTree.fromstring(content)


def left_over(tmp_path):
    return [each for each in os.listdir(tmp_path) if each.startswith(".")]


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_a_file_on_a_full_disk(name, service, tmp_path, device):
    full = device("full", 7)
    done = invoke(*to_file(name, full, service, tmp_path), cwd=tmp_path)
    assert done.returncode == 1, done
    one_line(done.stderr, "No space left on device")
    assert str(full) in done.stderr.decode()
    assert stat.S_ISCHR(full.stat().st_mode)


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_a_null_device_stays_one(name, service, tmp_path, device):
    null = device("null", 3)
    done = invoke(*to_file(name, null, service, tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done
    assert stat.S_ISCHR(null.stat().st_mode)
    assert null.stat().st_rdev == os.makedev(1, 3)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_a_link_is_written_through(name, service, tmp_path):
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "target"
    target.write_text("old" * 100000)
    link = tmp_path / "link"
    link.symlink_to("there/target")
    done = invoke(*to_file(name, link, service, tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done
    assert os.readlink(link) == "there/target"
    assert_whole(name, target.read_bytes())


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_a_pipe_gets_everything(name, service, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    received = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()), daemon=True)
    reader.start()
    done = invoke(*to_file(name, fifo, service, tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done
    reader.join(ANSWER_S)
    assert_whole(name, received[0])
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_a_new_file_and_an_old_one(name, service, tmp_path):
    path = tmp_path / "file"
    for _ in range(2):
        done = invoke(*to_file(name, path, service, tmp_path), cwd=tmp_path)
        assert done.returncode == 0, done
        assert_whole(name, path.read_bytes())
        path.write_text("old" * 100000)
        path.chmod(0o640)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "link", "names"])
@pytest.mark.parametrize("name", ["bench-html", "bench-hdr", "report-html"])
def test_a_run_that_fails_leaves_the_old_file(name, kind, tmp_path):
    """`check` writes what it found also where nobody answered; the others have nothing to write."""
    path, old = tmp_path / "file", b"old content"
    path.write_bytes(old)
    given = path
    if kind == "link":
        given = tmp_path / "link"
        given.symlink_to("file")
    elif kind == "names":
        os.link(path, tmp_path / "second")
    arguments = to_file(name, given, f"unix:{tmp_path}/nobody", tmp_path)
    (tmp_path / "good").write_text('{"format":')
    done = invoke(*arguments, cwd=tmp_path)
    assert done.returncode == 1, done
    assert path.read_bytes() == old
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT])
@pytest.mark.parametrize("kind", ["file", "link", "names", "new"])
def test_a_run_that_is_killed_leaves_the_old_file(kind, how, service, tmp_path):
    paths, old = [tmp_path / "page", tmp_path / "log"], b"old content"
    for path in paths:
        if kind != "new":
            path.write_bytes(old)
        if kind == "names":
            os.link(path, f"{path}-second")
    given = paths
    if kind == "link":
        given = [tmp_path / "page-link", tmp_path / "log-link"]
        for link, path in zip(given, paths):
            link.symlink_to(path)
    with subprocess.Popen([MEARI, "bench", "-d", "60s", "-w", "0", "-c", "1", "--interval", "10ms",
                           "--json-lines", "--html", given[0], "--hdr", given[1], service],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(),
                          preexec_fn=lambda: resource.setrlimit(
                              resource.RLIMIT_CORE, (0, 0))) as process:
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(how)
        process.stdout.read()
    assert process.returncode == -how
    for path in paths:
        if kind == "new":
            assert not path.exists()
        else:
            assert path.read_bytes() == old, path


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_a_bad_path_is_noticed_before_anything_is_measured(name, tmp_path):
    """Nobody listens at the address: that would be the message if it were tried first."""
    path = tmp_path / "none" / "file"
    done = invoke(*to_file(name, path, f"unix:{tmp_path}/nobody", tmp_path), cwd=tmp_path)
    assert done.returncode == 1, done
    one_line(done.stderr, "No such file or directory")
    assert str(path) in done.stderr.decode()
