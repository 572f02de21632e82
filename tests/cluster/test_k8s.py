"""k8s/up and k8s/down on a cluster that is somebody's already: they bring what they say, and take no more with them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart.rendering import ROOT
from tests.cluster.clusters import IMAGE, STACK, Namespace, Object, run
from tests.cluster.providers.choice import provider
from tests.cluster.test_install import ours

NAMESPACE = Namespace("k8s-up")
CRD = "alertscalers.scaling.scrap.dev"
# What the scripts, the chart and the image are made of.
SOURCES = "k8s charts service Dockerfile .dockerignore requirements-build.txt pyproject.toml uv.lock README.md LICENSE"


def script(name: str, flags: str = "", root: Path = ROOT, **environment: str) -> str:
    """What a script says; its pods go without a pause, which is another test's.

    Args:
        root: where the sources are.
    """
    environment["HELM_FLAGS"] = f"--set preStopSeconds=1,config.linger=0,replicaCount=1 {flags}"
    done = subprocess.run(
        [root / "k8s" / name],
        env={**os.environ, "NAMESPACE": NAMESPACE.name, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def is_there(*what: str) -> bool:
    """Is this object there?"""
    return bool(run("kubectl", "get", *what, "--ignore-not-found", "-o", "name"))


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """No definition before: what is there before is not `up`'s. Nothing afterwards."""
    run("kubectl", "delete", "crd", CRD, "--ignore-not-found")
    yield
    script("down")


@pytest.fixture
def grafana() -> Iterator[None]:
    """The Service of a Grafana, where the stack has it; there is none behind it."""
    metadata = {"name": "stack-grafana", "namespace": STACK, "labels": {"app.kubernetes.io/name": "grafana"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}
    run("kubectl", "apply", "-f", "-", given=json.dumps(service))
    yield
    run("kubectl", "--namespace", STACK, "delete", "service", "stack-grafana")


@pytest.mark.usefixtures("grafana")
def test_up_again_and_down() -> None:
    said = script("up", STACK="skip", IMAGE=IMAGE)
    assert "Grafana is at http://127.0.0.1:3000" in said
    assert f"kubectl -n {STACK} port-forward service/stack-grafana 3000:80" in said
    assert f"kubectl -n {STACK} get secret stack-grafana -o jsonpath='{{.data.admin-password}}' | base64 -d" in said
    before = {pod["metadata"]["name"] for pod in NAMESPACE.pods()}

    script("up", STACK="skip", IMAGE=IMAGE)
    assert {pod["metadata"]["name"] for pod in NAMESPACE.pods()} == before, "nothing changed, nothing rolls"

    script("down")
    assert not is_there("namespace", NAMESPACE.name)
    assert not is_there("crd", CRD)
    assert ours() == []
    assert is_there("namespace", STACK)
    assert is_there("crd", "prometheuses.monitoring.coreos.com")


def test_a_changed_source_is_built_and_rolls_the_pods(tmp_path: Path) -> None:
    """In a copy of the sources, whose image has a name of its own: the other tests' stays as it is."""
    run("cp", "--archive", *(ROOT / name for name in SOURCES.split()), tmp_path)
    settings = tmp_path / "k8s" / "settings.sh"
    settings.write_text(settings.read_text().replace("localhost/scrap:dev", "localhost/scrap:k8s-up"))

    build = provider().build_command()

    def built() -> tuple[str, str]:
        """The one pod that is to stay after a build, and the image that it runs."""
        script("up", root=tmp_path, STACK="skip", BUILD=build)
        (pod,) = (pod for pod in NAMESPACE.pods() if "deletionTimestamp" not in pod["metadata"])
        (container,) = pod["status"]["containerStatuses"]
        return pod["metadata"]["name"], container["imageID"]

    before, first = built()
    with (tmp_path / "service" / "scrap" / "__init__.py").open("a") as module:
        module.write("CHANGED = True\n")
    after, second = built()
    assert before != after
    assert first != second
    asked = ("python", "-c", "import scrap; print(scrap.CHANGED)")
    assert NAMESPACE.kubectl("exec", after, "--", *asked) == "True\n"


def test_what_was_there_before_stays() -> None:
    NAMESPACE.create()
    NAMESPACE.install({"replicaCount": 0})
    try:
        script("up", STACK="skip", IMAGE=IMAGE)
        assert len(NAMESPACE.pods()) == 1, "the release was brought up to date"
        script("down")
        assert is_there("namespace", NAMESPACE.name)
        assert is_there("crd", CRD)
        assert NAMESPACE.helm("list", "--short") == "scrap\n"
        NAMESPACE.helm("uninstall", "scrap", "--wait")
    finally:
        NAMESPACE.delete()


def test_another_namespace_for_the_stack_reaches_all_that_need_it() -> None:
    script("up", STACK="skip", IMAGE=IMAGE, STACK_NAMESPACE="observed", flags="--set operator.enabled=true")
    policy: Object = NAMESPACE.get("networkpolicy", "scrap")
    (peer,) = [
        item for rule in policy["spec"]["ingress"] for item in rule.get("from", []) if "namespaceSelector" in item
    ]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "observed"}
    assert NAMESPACE.get("alertscaler", "scrap")["spec"]["source"]["service"]["namespace"] == "observed"


def test_every_form_of_an_images_name() -> None:
    """None of these can be had here, so no pod starts: what is asked for is all that is looked at."""
    digest = "localhost/scrap@sha256:" + "0" * 64
    for image in ("localhost:5000/scrap", "localhost/scrap:20261125", digest):
        script("up", STACK="skip", IMAGE=image, flags="--set replicaCount=0")
        (container,) = NAMESPACE.get("deployment", "scrap")["spec"]["template"]["spec"]["containers"]
        assert container["image"] == image + (":latest" if image.endswith("/scrap") else "")
