"""The chart before a real API server: what it renders is taken, on a bare cluster and beside the monitoring stack.

Nothing runs here, so an API server is enough. What is written is written as a dry run, but for the kinds themselves
and for the Prometheuses that the notes have to find.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import (
    CACHE,
    CHART,
    MATRIX,
    MATRIX_OF_KINDS,
    MONITORING,
    NAMESPACE,
    Object,
    is_hook,
    no_cluster,
    pods_of,
    render,
    tool,
)

pytestmark = [
    pytest.mark.needs("helm", "helm3", "kubectl"),
    pytest.mark.skipif(bool(no_cluster()), reason=no_cluster()),
]


def run(*command: str | Path, given: str | None = None) -> str:
    """What a command prints; fails with its words."""
    program, *arguments = command
    done = subprocess.run(
        [str(tool(str(program))), *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def apply(*objects: Object, dry: bool = False) -> str:
    """Applies objects server-side; gives what the API server says, warnings included."""
    flags = ["--dry-run=server"] if dry else []
    command = [str(tool("kubectl")), "apply", "--server-side", *flags, "-f", "-"]
    given = yaml.safe_dump_all(objects)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    """A namespace where Pod Security *restricted* is enforced."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    yield
    run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")


class TestBare:
    """A cluster that knows nothing but Kubernetes."""

    @pytest.fixture(autouse=True)
    def bare(self) -> None:
        """Is it one?"""
        if "monitoring.coreos.com" in run("kubectl", "api-versions"):
            pytest.skip("this cluster is not bare: it has the monitoring stack's kinds")

    @pytest.mark.parametrize("values", MATRIX.values(), ids=list(MATRIX))
    def test_it_is_taken(self, values: Object) -> None:
        assert apply(*(item for item in render(values) if not is_hook(item)), dry=True) == ""

    @pytest.mark.parametrize("helm", ["helm", "helm3"])
    def test_it_installs_and_says_what_is_missing(self, helm: str) -> None:
        said = run(helm, "install", "scrap", CHART, "--namespace", NAMESPACE, "--dry-run=server")
        assert "MISSING: this cluster has no kind ServiceMonitor" in said

    @pytest.mark.parametrize("values", MATRIX.values(), ids=list(MATRIX))
    def test_every_pod_is_admitted(self, values: Object) -> None:
        """A Deployment only warns of pods that Pod Security refuses: so each pod is sent by itself."""
        alone = []
        for index, pod in enumerate(pods_of(render(values))):
            name = {"name": f"pod-{index}", "namespace": NAMESPACE}
            account = {"serviceAccountName": "default", "priorityClassName": ""}  # the others are not there
            spec = {**pod["spec"], **account}
            alone.append({"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": spec})
        assert apply(*alone, dry=True) == ""

    def test_a_pod_that_is_not_restricted_is_refused(self) -> None:
        """The tests above can fail."""
        container = {"name": "free", "image": "free", "securityContext": {"privileged": True}}
        pod = {"metadata": {"name": "free", "namespace": NAMESPACE}, "spec": {"containers": [container]}}
        with pytest.raises(AssertionError, match="violates PodSecurity"):
            apply({"apiVersion": "v1", "kind": "Pod", **pod}, dry=True)


def prometheus(name: str, namespace: str = NAMESPACE, **spec: object) -> Object:
    """A Prometheus, as its operator reads it; what is None is left out."""
    kind = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}
    given = {key: value for key, value in spec.items() if value is not None}
    return {**kind, "metadata": {"name": name, "namespace": namespace}, "spec": given}


RELEASE = {"matchLabels": {"release": "kube-prometheus-stack"}}
SELECTORS = [
    ("by the release's label", RELEASE, {}, True),
    ("all", {}, {}, True),
    ("none", None, {}, False),
    ("by another label", {"matchLabels": {"release": "other"}}, {}, False),
    ("one of several", {"matchExpressions": [{"key": "release", "operator": "In", "values": ["a", "b"]}]}, {}, False),
    ("not one", {"matchExpressions": [{"key": "release", "operator": "NotIn", "values": ["a"]}]}, {}, True),
    ("with a label", {"matchExpressions": [{"key": "release", "operator": "Exists"}]}, {}, True),
    ("without it", {"matchExpressions": [{"key": "release", "operator": "DoesNotExist"}]}, {}, False),
    ("of its own namespace", RELEASE, None, True),
    ("of our namespace", RELEASE, {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}, True),
    ("of restricted ones", RELEASE, {"matchLabels": {"pod-security.kubernetes.io/warn": "restricted"}}, True),
    ("of another namespace", RELEASE, {"matchLabels": {"kubernetes.io/metadata.name": "other"}}, False),
]


@pytest.fixture(scope="class")
def kinds() -> Iterator[None]:
    """Defines them; takes back those that were not there."""
    before = set(run("kubectl", "get", "crds", "-o", "name").split())
    for folder in (CACHE / "crds" / "prometheus-operator", CACHE / "crds" / "gateway-api", CHART / "crds"):
        run("kubectl", "apply", "--server-side", "-f", folder)
    run("kubectl", "wait", "--for=condition=Established", "crds", "--all", "--timeout=60s")
    yield
    new = set(run("kubectl", "get", "crds", "-o", "name").split()) - before
    if new:
        run("kubectl", "delete", "--wait=false", *sorted(new))


@pytest.mark.usefixtures("kinds")
class TestBesideTheStack:
    """A cluster that knows the monitoring stack's kinds, the Gateway API's and our own."""

    @pytest.mark.parametrize("values", [*MATRIX.values(), *MATRIX_OF_KINDS.values()], ids=[*MATRIX, *MATRIX_OF_KINDS])
    def test_it_is_taken(self, values: Object) -> None:
        objects = render(values, knows=MONITORING)
        assert apply(*(item for item in objects if not is_hook(item)), dry=True) == ""

    @pytest.mark.parametrize(
        ("labels", "namespaces", "is_taken"),
        [selector[1:] for selector in SELECTORS],
        ids=[selector[0] for selector in SELECTORS],
    )
    def test_the_notes_know_which_prometheus_takes_us(
        self, labels: Object | None, namespaces: Object | None, is_taken: bool
    ) -> None:
        apply(prometheus("one", serviceMonitorSelector=labels, serviceMonitorNamespaceSelector=namespaces))
        try:
            said = run("helm", "install", "scrap", CHART, "--namespace", NAMESPACE, "--dry-run=server")
        finally:
            run("kubectl", "--namespace", NAMESPACE, "delete", "prometheus", "one")
        assert (f"OK: Prometheus {NAMESPACE}/one takes our ServiceMonitor" in said) is is_taken
        assert (f"NOT TAKEN: Prometheus {NAMESPACE}/one leaves our ServiceMonitor out" in said) is not is_taken
        assert ("name: scrap-test-monitoring" in said) is is_taken, "helm test asks a Prometheus that can know us"

    def test_the_notes_say_what_to_type(self) -> None:
        metadata = {"name": "stack-grafana", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": "grafana"}}
        grafana = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}
        own = {"operator.prometheus.io/name": "one"}
        service = {"ports": [{"port": 9090}], "selector": own}
        named = {"name": "stack-prometheus", "namespace": NAMESPACE}
        apply(
            prometheus("one", serviceMonitorSelector=RELEASE, serviceMonitorNamespaceSelector={}),
            grafana,
            {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": service},
        )
        try:
            said = run("helm", "install", "scrap", CHART, "--namespace", NAMESPACE, "--dry-run=server")
        finally:
            run("kubectl", "--namespace", NAMESPACE, "delete", "prometheus/one", "service/stack-grafana")
            run("kubectl", "--namespace", NAMESPACE, "delete", "service/stack-prometheus")
        assert f"kubectl -n {NAMESPACE} port-forward service/stack-prometheus 9090:9090" in said
        assert f"kubectl -n {NAMESPACE} port-forward service/stack-grafana 3000:80" in said
        assert f"http://stack-prometheus.{NAMESPACE}.svc:9090" in said, "helm test asks it there"

    def test_without_a_prometheus_the_notes_say_so(self) -> None:
        found = json.loads(run("kubectl", "get", "prometheuses", "-A", "-o", "json"))["items"]
        if found:
            pytest.skip("this cluster has a Prometheus of its own")
        said = run("helm", "install", "scrap", CHART, "--namespace", NAMESPACE, "--dry-run=server")
        assert "MISSING: this cluster knows ServiceMonitors, but has no Prometheus" in said

    def test_who_may_not_look_turns_it_off(self) -> None:
        flags = ["--set", "monitoring.lookup=false"]
        said = run("helm", "install", "scrap", CHART, "--namespace", NAMESPACE, "--dry-run=server", *flags)
        assert "not looked at: monitoring.lookup is false" in said
