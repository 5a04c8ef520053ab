"""The recipes of docs/fleet.md, each by its own launcher, in networks of the test's own.

A launcher that is not installed is skipped, and named.
"""

import os
import shutil

import pytest

import meari
from namespaces import INSIDE, Network, host_address
from recipes import assert_complete, recipe, run_recipe
from slurm import Slurm


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"not installed: {program} (script/setup fleet)")


@pytest.fixture
def service():
    with meari.Server("tcp://127.0.0.1:0") as running:
        yield running.addresses[0]


def test_every_launcher_of_the_page_is_tried():
    page = (meari.ROOT / "docs/fleet.md").read_text()
    shown = [line[4:] for line in page.splitlines() if line.startswith("### ")]
    assert shown == ["GNU parallel", "clush", "mpirun", "srun", "Kubernetes"]
    assert all(recipe(name) for name in shown[:-1])


def test_parallel(tmp_path, service):
    need("parallel")
    assert_complete(run_recipe(tmp_path, "GNU parallel", ADDRESS=service), 4)
    text = (tmp_path / "out/1.json").read_text()
    assert '"rank":0,' in text and '"from":"PARALLEL_SEQ"' in text and '"size"' not in text


def test_clush(tmp_path, service):
    need("clush")
    assert_complete(run_recipe(tmp_path, "clush", ADDRESS=service), 4)


def test_mpirun_over_namespaces(tmp_path):
    need("mpirun.openmpi")
    with Network(4) as network, meari.Server(f"tcp://{INSIDE}:0", prefix=network.prefix(None)) as server:
        agent = tmp_path / "agent"
        enter = network.name(0).removesuffix("0")
        agent.write_text("#!/bin/sh\n"
                         "# In the place of ssh: a host is a namespace, with a name of its own.\n"
                         "host=$1\nshift\n"
                         f"exec nsenter --net=/run/netns/{enter}\"${{host#10.77.0.1}}\" "
                         'unshare --uts sh -c "hostname $host; $*"\n')
        agent.chmod(0o755)
        finished = run_recipe(tmp_path, "mpirun", network.prefix(None), ADDRESS=server.addresses[0],
                              HOSTS=",".join(host_address(host) for host in range(4)),
                              OMPI_MCA_plm_rsh_agent=agent, OMPI_ALLOW_RUN_AS_ROOT=1,
                              OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1, OMPI_MCA_orte_tmpdir_base=tmp_path)
    assert_complete(finished, 4)
    assert "(10.77.0.13)" in finished.stdout


def test_srun(tmp_path_factory):
    # The path of munged's socket is limited to some hundred bytes.
    folder = tmp_path_factory.mktemp("s")
    with Network(0) as network, meari.Server(f"tcp://{INSIDE}:0", prefix=network.prefix(None)) as server, \
            Slurm(folder, network) as slurm:
        finished = run_recipe(folder, "srun", slurm.prefix, ADDRESS=server.addresses[0], **slurm.variables)
    assert_complete(finished, 6)
    assert '"size":6,' in (folder / "out/5.json").read_text()
    assert os.listdir(folder / "out").count("5.log") == 1
