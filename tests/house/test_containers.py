"""What docs/containers.md shows can be used as it is: manifests that parse and fit together, lines that meari takes."""

import re

import pytest

from house import MEARI, ROOT, command

yaml = pytest.importorskip("yaml", reason="no YAML for Python here (Debian: python3-yaml)")

PAGES = ["docs/containers.md", "docs/containers.ko.md"]
FLEET = "docs/fleet.md"


def blocks(page, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def documents():
    return [document for block in blocks(PAGES[0], "yaml") for document in yaml.safe_load_all(block)]


def of_kind(kind):
    found = [document for document in documents() if document.get("kind") == kind]
    assert len(found) == 1, kind
    return found[0]


def fleet_job():
    """The manifest of docs/fleet.md."""
    found = [document for block in blocks(FLEET, "yaml") for document in yaml.safe_load_all(block)]
    assert len(found) == 1 and found[0]["kind"] == "Job"
    return found[0]


def pods():
    return [of_kind("Deployment")["spec"]["template"], of_kind("Job")["spec"]["template"],
            fleet_job()["spec"]["template"]]


def containers():
    return [container for pod in pods()
            for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])]


def lines():
    """Every line for meari in the manifests."""
    compose = next(document for document in documents() if "services" in document)
    for service in compose["services"].values():
        yield service["command"]
        if "healthcheck" in service:
            assert service["healthcheck"]["test"][:2] == ["CMD", "/bin/meari"]
            yield service["healthcheck"]["test"][2:]
    for container in containers():
        yield container["args"]
        for probe in "startupProbe", "readinessProbe", "livenessProbe":
            if probe in container:
                assert container[probe]["exec"]["command"][0] == "/bin/meari"
                yield container[probe]["exec"]["command"][1:]


def test_both_languages_show_the_same():
    for kind in "yaml", "sh":
        assert blocks(PAGES[0], kind) == blocks(PAGES[1], kind)


def test_meari_takes_every_line():
    taken = list(lines())
    assert {line[0] for line in taken} == {"serve", "ping", "bench"} and len(taken) >= 9
    for line in taken:
        assert all(isinstance(word, str) for word in line), f"{line}: quote what YAML takes for a number"
        # --help is read after the others, which are complained of before.
        shown = command(MEARI, *line, "--help")
        assert shown.returncode == 0 and shown.stderr == "", (line, shown.stderr)


def test_kinds():
    assert sorted(document.get("kind", "compose") for document in documents()) == \
        ["Deployment", "Job", "NetworkPolicy", "Service", "compose"]


def test_nothing_is_allowed_that_is_not_needed():
    for pod in pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["runAsUser"] == 65534
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers():
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True and context["allowPrivilegeEscalation"] is False


def test_names_and_labels_fit():
    deployment, service, policy = of_kind("Deployment"), of_kind("Service"), of_kind("NetworkPolicy")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    ports = {(port["name"], port["protocol"]): port["containerPort"]
             for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert {(port["targetPort"], port["protocol"]) for port in service["spec"]["ports"]} == set(ports)
    assert {(port["protocol"], port["port"]) for port in policy["spec"]["ingress"][0]["ports"]} == \
        {(protocol, port) for (_, protocol), port in ports.items()}
    # The server's end takes 5 s.
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 5
    job = of_kind("Job")["spec"]
    assert job["completionMode"] == "Indexed" and job["completions"] == job["parallelism"]
    for container in job["template"]["spec"]["containers"] + job["template"]["spec"]["initContainers"]:
        assert container["args"][-1] == f"tcp://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"


def test_a_probe_ends_before_it_is_ended():
    for container in containers():
        for probe in "startupProbe", "readinessProbe", "livenessProbe":
            if probe in container:
                words = container[probe]["exec"]["command"]
                own = next(words[i + 1] for i, word in enumerate(words) if word in ("-W", "--wait"))
                assert float(own.removesuffix("s")) < container[probe]["timeoutSeconds"]


def test_the_version_is_ours():
    version = command(MEARI, "--version").stdout.split()[1]
    for page in PAGES:
        assert set(re.findall(r"meari:(\d+\.\d+\.\d+)", (ROOT / page).read_text())) == {version}
