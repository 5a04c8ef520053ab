"""The container image: what is in it by the words of the specification, and that it serves without a capability."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

from conftest import ROOT
from meari import ANSWER_S, run

IMAGE = ROOT / "build-static/meari-image.tar"
PROGRAM = ROOT / "build-static/meari"
CAPABILITY_SETS = ["bounding", "effective", "inheritable", "permitted", "ambient"]

pytestmark = pytest.mark.skipif(not IMAGE.exists(), reason="there is no build-static/meari-image.tar (script/image makes it)")


class Image:
    def __init__(self, path):
        with tarfile.open(path) as tar:
            self.entries = tar.getmembers()
            self.files = {entry.name: tar.extractfile(entry).read() for entry in self.entries if entry.isfile()}
        self.index = json.loads(self.files["index.json"])
        self.manifest = json.loads(self.blob(self.index["manifests"][0]))
        self.config = json.loads(self.blob(self.manifest["config"]))
        self.layer = gzip.decompress(self.blob(self.manifest["layers"][0]))

    def blob(self, described):
        algorithm, _, name = described["digest"].partition(":")
        blob = self.files[f"blobs/{algorithm}/{name}"]
        assert algorithm == "sha256" and hashlib.sha256(blob).hexdigest() == name
        assert len(blob) == described["size"]
        return blob


@pytest.fixture(scope="module")
def image():
    return Image(IMAGE)


def test_structure(image):
    assert json.loads(image.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert image.index["schemaVersion"] == image.manifest["schemaVersion"] == 2
    assert image.config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(image.layer).hexdigest()]
    assert len([name for name in image.files if name.startswith("blobs/")]) == 3


def test_what_is_inside(image):
    with tarfile.open(fileobj=io.BytesIO(image.layer)) as tar:
        files = {entry.name for entry in tar if entry.isfile()}
        assert {name for name in files if not name.startswith("usr/share/doc/")} == {"bin/meari", "etc/passwd"}
        assert {name.rsplit("/", 1)[1] for name in files if name.startswith("usr/share/doc/")} == {"copyright"}
        assert tar.extractfile("bin/meari").read() == PROGRAM.read_bytes()
        assert tar.getmember("bin/meari").mode == 0o755 and tar.getmember("tmp").mode == 0o1777
        assert tar.extractfile("usr/share/doc/meari/copyright").read() == (ROOT / "LICENSE").read_bytes()


def test_what_is_started(image):
    config = image.config["config"]
    assert config["User"] == "65534:65534" and config["Entrypoint"] == ["/bin/meari"]
    assert config["Cmd"][0] == "serve" and config["Healthcheck"]["Test"][:4] == ["CMD", "/bin/meari", "ping", "-q"]
    version = run("--version").stdout.split()[1]
    assert config["Labels"]["org.opencontainers.image.version"] == version
    assert image.index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == f"meari:{version}"


def test_no_time_of_today(image, tmp_path):
    with tarfile.open(fileobj=io.BytesIO(image.layer)) as layer:
        times = {entry.mtime for entry in [*image.entries, *layer.getmembers()]}
    assert times == {0} and image.config["created"].startswith("1970-01-01")
    again = tmp_path / "again.tar"
    made = subprocess.run(["python3", ROOT / "script/image.py", PROGRAM, ROOT / "LICENSE", again], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert again.read_bytes() == IMAGE.read_bytes()


@pytest.fixture
def bundle(tmp_path):
    """The image unpacked by tools that are not ours."""
    if os.geteuid() != 0:
        pytest.skip("running a container takes root here")
    for tool in "skopeo", "umoci", "runc":
        if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
            pytest.skip(f"{tool} is not here (script/setup all installs it)")
    for command in (["skopeo", "copy", f"oci-archive:{IMAGE}", f"oci:{tmp_path}/layout:meari"],
                    ["umoci", "unpack", "--image", f"{tmp_path}/layout:meari", f"{tmp_path}/bundle"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    yield tmp_path / "bundle"
    shutil.rmtree(tmp_path / "bundle")


def test_serves_without_capabilities(bundle, tmp_path):
    configuration = bundle / "config.json"
    config = json.loads(configuration.read_text())
    process = config["process"]
    assert process["user"]["uid"] == 65534
    process |= {"terminal": False, "noNewPrivileges": True, "capabilities": {name: [] for name in CAPABILITY_SETS}}
    config["root"]["readonly"] = True
    configuration.write_text(json.dumps(config))

    name = f"meari-test-{os.getpid()}"
    runc = ["runc", "--root", str(tmp_path / "state")]
    health = Image(IMAGE).config["config"]["Healthcheck"]["Test"][1:]

    def inside(*command):
        return subprocess.run([*runc, "exec", name, *command], capture_output=True, text=True, timeout=ANSWER_S)

    with subprocess.Popen([*runc, "run", "--bundle", bundle, name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as container:
        try:
            said = container.stderr.readline()
            if not said.startswith("meari: "):
                pytest.skip(f"runc runs no container here: {said.strip()}")
            assert said.startswith("meari: echoing on tcp://*:5000, udp://*:5000 ")
            checked = inside(*health)
            assert checked.returncode == 0, checked.stdout + checked.stderr
            checked = inside("/bin/meari", "check", "--rule", "exact", "localhost")
            assert checked.returncode == 0, checked.stdout + checked.stderr
            assert inside("/bin/meari", "ping", "--wait", "20s", "localhost", "udp://localhost").returncode == 0
            state = subprocess.run([*runc, "state", name], capture_output=True, text=True).stdout
            status = pathlib.Path(f"/proc/{json.loads(state)['pid']}/status").read_text()
            assert "CapEff:\t0000000000000000" in status and "Uid:\t65534" in status
        finally:
            subprocess.run([*runc, "kill", name, "TERM"], capture_output=True)
            try:
                container.wait(ANSWER_S)
            finally:
                container.kill()
                subprocess.run([*runc, "delete", "--force", name], capture_output=True)
    assert container.returncode == 0
