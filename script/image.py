"""Puts one program into an OCI archive: a layer, a configuration, a manifest and an index, each named by its digest.

    image.py PROGRAM LICENSE ARCHIVE

The forms are those of the OCI Image Format Specification 1.0. The health check is Docker's and podman's, whom the
specification leaves room for. Called by script/image, which tells what it is for.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x",
            "riscv64": "riscv64", "i686": "386", "loongarch64": "loong64"}
NOBODY = 65534
# What is inside of the program beside our own code, as Debian calls it: their terms go with it, where they are here.
LIBRARIES = ["libbsd-dev", "libc6-dev", "libedit-dev", "libjansson-dev", "libjs-chart.js", "libmd-dev", "libncurses-dev",
             "libseccomp-dev", "libssl-dev", "liburing-dev", "zlib1g-dev"]
NS_PER_S = 10**9


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def archive_of(entries):
    """A tar of (name, content, mode); content None is a folder."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content, mode in entries:
            entry = tarfile.TarInfo(name)
            entry.mode = mode
            entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content or b""))
    return whole.getvalue()


def terms(license_file):
    """The folders and files of /usr/share/doc: each part's name and copyright."""
    entries = [(name, None, 0o755) for name in ("usr", "usr/share", "usr/share/doc")]
    for name, file in [("meari", license_file)] + [(name, f"/usr/share/doc/{name}/copyright") for name in LIBRARIES]:
        if os.path.exists(file):
            with open(file, "rb") as opened:
                entries += [(f"usr/share/doc/{name}", None, 0o755),
                            (f"usr/share/doc/{name}/copyright", opened.read(), 0o644)]
    return entries


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def main(program, license_file, archive):
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    with open(program, "rb") as file:
        content = file.read()
    passwd = f"root:x:0:0::/:\nnobody:x:{NOBODY}:{NOBODY}::/:\n".encode()
    # /tmp: for results that are written inside, and for unix sockets.
    layer = archive_of([("bin", None, 0o755), ("bin/meari", content, 0o755), ("etc", None, 0o755),
                        ("etc/passwd", passwd, 0o644), ("tmp", None, 0o1777), *terms(license_file)])
    packed = gzip.compress(layer, mtime=0)
    labels = {
        "org.opencontainers.image.title": "meari",
        "org.opencontainers.image.description": "An exact echo server, and tools to test any path with it",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "MIT",
    }
    platform_of = {"architecture": MACHINES.get(platform.machine(), platform.machine()), "os": "linux"}
    config = as_json(platform_of | {
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": f"{NOBODY}:{NOBODY}",
            "Entrypoint": ["/bin/meari"],
            "Cmd": ["serve", "tcp://*:5000", "udp://*:5000"],
            "Env": ["PATH=/bin", "LANG=C.UTF-8"],
            "WorkingDir": "/tmp",
            "ExposedPorts": {"5000/tcp": {}, "5000/udp": {}},
            "Labels": labels,
            "Healthcheck": {"Test": ["CMD", "/bin/meari", "ping", "-q", "-c", "1", "-W", "1s", "localhost"],
                            "Interval": 10 * NS_PER_S, "Timeout": 3 * NS_PER_S, "StartPeriod": NS_PER_S, "Retries": 3},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "script/image"}],
    })
    described = {"size": len(packed), "digest": digest(packed), "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    manifest = as_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)},
        "layers": [described], "annotations": labels,
    })
    index = as_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest),
                       "size": len(manifest), "platform": platform_of,
                       "annotations": {"org.opencontainers.image.ref.name": f"meari:{version}",
                                       "io.containerd.image.name": f"localhost/meari:{version}"}}],
    })
    blobs = [("blobs/sha256/" + digest(blob).partition(":")[2], blob, 0o644) for blob in (packed, config, manifest)]
    with open(archive + ".new", "wb") as file:
        file.write(archive_of([("oci-layout", as_json({"imageLayoutVersion": "1.0.0"}), 0o644), ("index.json", index, 0o644),
                               ("blobs", None, 0o755), ("blobs/sha256", None, 0o755), *sorted(blobs)]))
    os.replace(archive + ".new", archive)
    print(f"{archive}  {digest(manifest)}  {len(packed) / 1e6:.1f} MB")


main(*sys.argv[1:])
