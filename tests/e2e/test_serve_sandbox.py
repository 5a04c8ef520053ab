"""meari serve gives up what it does not need, and serves as it did: --user, --no-sandbox.

All the other tests of serve run in the sandbox too; here is what is in force, and what it must leave.
"""

import ctypes
import os
import pathlib
import pwd
import re
import signal

import pytest

from meari import Server, receive_exactly, run
from procfs import SANITIZER

pytestmark = pytest.mark.skipif(SANITIZER is not None, reason="no sandbox in builds with sanitizers")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="--user needs root")


def in_force(name):
    return re.search(rf"^{name} +yes ", run("serve", "--explain").stdout, re.MULTILINE) is not None


def statuses(pid):
    """What /proc tells of each thread, as {"Seccomp": "2", ...}; the kernel's own workers left out."""
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        told = dict(re.findall(r"^(\w+):\t(.*)$", path.read_text(), re.MULTILINE))
        if not told["Name"].startswith("iou-"):
            yield told


def echo(server, index=0):
    with server.connect(index) as peer:
        peer.sendall(b"within walls")
        return receive_exactly(peer, 12) == b"within walls"


def test_every_thread_is_confined(engine):
    with Server("tcp://127.0.0.1:0", "--threads", 2, engine=engine) as server:
        assert echo(server)
        threads = list(statuses(server.process.pid))
        assert len(threads) >= 3
        for told in threads:
            assert told["NoNewPrivs"] == "1"
            assert told["Seccomp"] == "2" or not in_force("seccomp")


def test_every_thread_is_sealed_once_all_run(engine):
    """The second filter: no more threads, rings or filters. It came after the threads, and holds for each."""
    if not in_force("seccomp"):
        pytest.skip("no seccomp here")
    before = int(next(statuses(os.getpid())).get("Seccomp_filters", 0))
    with Server("tcp://127.0.0.1:0", "--threads", 3, engine=engine) as server:
        assert {told["Seccomp_filters"] for told in statuses(server.process.pid)} == {str(before + 2)}
        assert echo(server)


def test_no_sandbox(engine):
    own = next(statuses(os.getpid()))
    with Server("tcp://127.0.0.1:0", "--no-sandbox", engine=engine) as server:
        assert echo(server)
        for told in statuses(server.process.pid):
            assert (told["NoNewPrivs"], told["Seccomp"]) == (own["NoNewPrivs"], own["Seccomp"])


def test_explain():
    shown = run("serve", "--explain", "--no-sandbox").stdout
    for name in ("no-new-privileges", "landlock", "seccomp"):
        assert re.search(rf"^{name} +no +off: --no-sandbox$", shown, re.MULTILINE)
        assert re.search(rf"^{name} +(yes|no) +\S", run("serve", "--explain").stdout, re.MULTILINE)
    shown = run("serve", "--explain", "--user", "root").stdout
    assert re.search(r"^user +yes  it becomes the user 0 and the group 0 ", shown, re.MULTILINE)
    shown = run("serve", "--explain", "--user", "nobody-at-all").stdout
    assert re.search(r"^user +no   there is no user 'nobody-at-all'", shown, re.MULTILINE)


# ---- what it must leave ----


def reload(server, sign):
    server.process.send_signal(signal.SIGHUP)
    server.wait_stderr(sign)


@pytest.mark.parametrize("relative", (False, True))
def test_a_list_that_was_replaced_is_read(engine, tmp_path, monkeypatch, relative):
    monkeypatch.chdir(tmp_path)
    listed, later = tmp_path / "list", tmp_path / "later"
    listed.write_text("127.0.0.0/8\n")
    name = "list" if relative else listed
    with Server("tcp://127.0.0.1:0", "--allow", f"@{name}", engine=engine) as server:
        assert echo(server)
        later.write_text("192.0.2.0/24\n")
        later.rename(listed)
        reload(server, "the lists have been read again")
        with pytest.raises(OSError):
            if not echo(server):
                raise ConnectionResetError


def test_a_list_behind_a_link_is_read(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there/real").write_text("127.0.0.0/8\n")
    (tmp_path / "here/list").symlink_to("../there/real")
    with Server("tcp://127.0.0.1:0", "--allow", f"@{tmp_path}/here/list") as server:
        reload(server, "the lists have been read again")
        assert echo(server)


@pytest.mark.parametrize("sandbox", (True, False))
def test_files_elsewhere_are_out_of_reach(tmp_path, sandbox):
    if not in_force("landlock"):
        pytest.skip("no Landlock here")
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    listed, secret = tmp_path / "here/list", tmp_path / "there/secret"
    listed.write_text("127.0.0.0/8\n")
    secret.write_text("127.0.0.0/8\n")
    options = () if sandbox else ("--no-sandbox",)
    with Server("tcp://127.0.0.1:0", "--allow", f"@{listed}", *options) as server:
        listed.unlink()
        listed.symlink_to(secret)
        reload(server, f"cannot read '{listed}': Permission denied" if sandbox
               else "the lists have been read again")
        assert echo(server)


def test_socket_files_are_removed(engine, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with Server(f"unix:{tmp_path}/one/s", f"unixgram:{tmp_path}/other/d", engine=engine) as server:
        assert echo(server, 0) and echo(server, 1)
        assert server.stop() == 0
    assert not list(tmp_path.rglob("*/[sd]"))


def test_trace(engine):
    with Server("tcp://127.0.0.1:0", "--trace", "-v", engine=engine) as server:
        assert echo(server)
        assert server.stop() == 0
        assert "within walls" in server.stderr


# ---- the user ----


@needs_root
def test_user(engine, tmp_path):
    nobody = pwd.getpwnam("nobody")
    # The folder is root's alone: what is bound in it was bound before.
    tmp_path.chmod(0o700)
    with Server("tcp://127.0.0.1:0", f"unix:{tmp_path}/s", "--user", "nobody",
                engine=engine) as server:
        for told in statuses(server.process.pid):
            assert set(told["Uid"].split()) == {str(nobody.pw_uid)}
            assert set(told["Gid"].split()) == {str(nobody.pw_gid)}
            assert told["Groups"].strip() == "" and int(told["CapEff"], 16) == 0
        assert echo(server, 0) and echo(server, 1)
        assert server.stop() == 0


@needs_root
@pytest.mark.parametrize("options", ((), ("--no-sandbox",)), ids=("confined", "open"))
def test_who_is_that_user_already_gives_up_the_groups_too(options):
    with Server("tcp://127.0.0.1:0", "--user", "root", *options,
                preexec_fn=lambda: os.setgroups([1, 2, 3])) as server:
        for told in statuses(server.process.pid):
            assert told["Groups"].strip() == "" and set(told["Uid"].split()) == {"0"}
        assert echo(server)


def without_the_right_to_change_groups():
    """What an ordinary user lacks: CAP_SETGID is taken out of the bounding set, and of what exec gives."""
    os.setgroups([1, 2, 3])
    PR_CAPBSET_DROP, CAP_SETGID = 24, 6
    if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_SETGID, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


@needs_root
def test_who_cannot_give_up_the_groups_says_so():
    with Server("tcp://127.0.0.1:0", "--user", "root",
                preexec_fn=without_the_right_to_change_groups) as server:
        server.wait_stderr("it keeps the groups that it was started with: only root can give them up")
        assert echo(server)


@needs_root
def test_user_as_a_number_without_a_name():
    with Server("tcp://127.0.0.1:0", "--user", "54321") as server:
        assert next(statuses(server.process.pid))["Uid"].split()[0] == "54321"
        assert echo(server)


def test_unknown_user():
    done = run("serve", "--user", "nobody-at-all", "tcp://127.0.0.1:0")
    assert done.returncode == 1
    assert done.stderr == "meari: there is no user 'nobody-at-all' (--user)\n"
