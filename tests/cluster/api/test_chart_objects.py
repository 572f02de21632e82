"""The chart before a real API server: what it renders is taken, on a bare cluster and beside the monitoring stack.

Nothing runs here, so an API server is enough. What is written is written as a dry run, but for the kinds themselves
and for the Prometheuses that the notes have to find.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from tests.waiting import eventually

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


def admitted(objects: Sequence[Object]) -> str:
    """What the API server says of the pods: a Deployment only warns of one that is refused, so each is sent alone."""
    alone = []
    for index, pod in enumerate(pods_of(objects)):
        name = {"name": f"pod-{index}", "namespace": NAMESPACE}
        account = {"serviceAccountName": "default", "priorityClassName": ""}  # the others are not there
        spec = {**pod["spec"], **account}
        alone.append({"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": spec})
    return apply(*alone, dry=True)


def notes(*flags: str, helm: str = "helm") -> str:
    """What an installation would say, without one; the manifest comes with it."""
    return run(helm, "install", "scrap", CHART, "--namespace", NAMESPACE, "--dry-run=server", *flags)


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
        said = notes(helm=helm)
        kinds = "no kind PrometheusRule, no kind ServiceMonitor, no kind AlertmanagerConfig"
        assert f"MISSING: this cluster has {kinds}" in said
        assert "helm -n demo upgrade scrap charts/scrap --reset-then-reuse-values\n" in said

    def test_what_is_switched_off_is_not_missing(self) -> None:
        off = [f"monitoring.{name}.enabled=false" for name in ("serviceMonitor", "prometheusRule")]
        said = notes("--set", ",".join(off))
        assert "OFF: monitoring.serviceMonitor.enabled is false" in said
        assert "MISSING: this cluster has no kind AlertmanagerConfig (" in said

    def test_the_notes_say_how_to_call_it(self) -> None:
        values = ["ingress.enabled=true", "ingress.hosts={a.example,b.example}", "httpRoute.hostnames={c.example}"]
        said = notes("--set", ",".join(values))
        assert "kubectl -n demo port-forward service/scrap 8080:80\n" in said
        assert "curl 'http://127.0.0.1:8080/api/v1/scrap?url=https%3A%2F%2Fogp.me%2F'\n" in said
        for host in ("a.example", "b.example"):
            assert f"curl 'http://{host}/api/v1/scrap?url=https%3A%2F%2Fogp.me%2F'\n" in said
        assert "c.example" not in said, "the route is off"

    @pytest.mark.parametrize("values", MATRIX.values(), ids=list(MATRIX))
    def test_every_pod_is_admitted(self, values: Object) -> None:
        assert admitted(render(values)) == ""

    def test_a_pod_that_is_not_restricted_is_refused(self) -> None:
        """The tests above can fail."""
        container = {"name": "free", "image": "free", "securityContext": {"privileged": True}}
        pod = {"metadata": {"name": "free", "namespace": NAMESPACE}, "spec": {"containers": [container]}}
        with pytest.raises(AssertionError, match="violates PodSecurity"):
            apply({"apiVersion": "v1", "kind": "Pod", **pod}, dry=True)


def prometheus(name: str, spec: Object, namespace: str = NAMESPACE) -> Object:
    """A Prometheus, as its operator reads it; what is None is left out."""
    kind = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}
    given = {key: value for key, value in spec.items() if value is not None}
    return {**kind, "metadata": {"name": name, "namespace": namespace}, "spec": given}


RELEASE = {"matchLabels": {"release": "kube-prometheus-stack"}}
OTHER = {"matchLabels": {"release": "other", "example.org/team": "web"}}
ONLY = {"matchLabels": {"kubernetes.io/metadata.name": "other"}}


def expression(operator: str, *values: str) -> Object:
    """A selector that asks for the label `release` in this way."""
    return {"matchExpressions": [{"key": "release", "operator": operator, **({"values": values} if values else {})}]}


# By what a Prometheus selects, and in which namespaces; how many of the two reasons there are that it leaves us out.
SELECTORS: dict[str, tuple[Object | None, Object | None, int]] = {
    "by the release's label": (RELEASE, {}, 0),
    "all": ({}, {}, 0),
    "none": (None, {}, 1),
    "by other labels": (OTHER, {}, 1),
    "one of several": (expression("In", "a", "b"), {}, 1),
    "not one": (expression("NotIn", "a"), {}, 0),
    "not ours": (expression("NotIn", "kube-prometheus-stack"), {}, 1),
    "with a label": (expression("Exists"), {}, 0),
    "without it": (expression("DoesNotExist"), {}, 1),
    "of its own namespace": (RELEASE, None, 0),
    "of our namespace": (RELEASE, {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}, 0),
    "of restricted ones": (RELEASE, {"matchLabels": {"pod-security.kubernetes.io/warn": "restricted"}}, 0),
    "of labelled ones": (RELEASE, {"matchLabels": {"example.org/watch": "yes"}}, 1),
    "by other labels, of labelled namespaces": (OTHER, {"matchLabels": {"example.org/watch": "yes"}}, 2),
}


OURS = ("ServiceMonitor", "PrometheusRule")


def advice(said: str) -> list[list[str]]:
    """The lines that the notes want typed, as words."""
    _, _, lines = said.partition("To fix it:\n\n")
    return [shlex.split(line) for line in lines.partition("\n\n")[0].splitlines()]


@contextmanager
def there(*objects: Object) -> Iterator[None]:
    """Objects, for a while."""
    apply(*objects)
    try:
        yield
    finally:
        for item in objects:
            metadata = item["metadata"]
            run("kubectl", "--namespace", metadata["namespace"], "delete", item["kind"], metadata["name"])


def are_established() -> bool:
    """Are all kinds served? `kubectl wait` fails where a CRD has no conditions yet, as in its first moment."""
    crds = json.loads(run("kubectl", "get", "crds", "-o", "json"))["items"]
    return all(
        ("Established", "True") in {(each["type"], each["status"]) for each in crd["status"].get("conditions") or []}
        for crd in crds
    )


@pytest.fixture(scope="class")
def kinds() -> Iterator[None]:
    """Defines them; takes back those that were not there."""
    before = set(run("kubectl", "get", "crds", "-o", "name").split())
    for folder in (CACHE / "crds" / "prometheus-operator", CACHE / "crds" / "gateway-api", CHART / "crds"):
        run("kubectl", "apply", "--server-side", "-f", folder)
    eventually(are_established, 60)
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

    def test_the_pod_that_asks_prometheus_is_admitted(self) -> None:
        objects = render(MATRIX_OF_KINDS["a Prometheus that nobody has to look for"])
        assert "scrap-test-monitoring" in {item["metadata"]["name"] for item in objects}
        assert admitted(objects) == ""

    @pytest.mark.parametrize(("labels", "namespaces", "reasons"), SELECTORS.values(), ids=list(SELECTORS))
    def test_the_notes_know_which_prometheus_takes_us_and_what_would_help(
        self, labels: Object | None, namespaces: Object | None, reasons: int
    ) -> None:
        selectors = {"serviceMonitorSelector": labels, "serviceMonitorNamespaceSelector": namespaces}
        of_rules = {"ruleSelector": labels, "ruleNamespaceSelector": namespaces}
        with there(prometheus("one", {**selectors, **of_rules})):
            said = notes()
            assert ("name: scrap-test-monitoring" in said) is (reasons == 0), "helm test asks who can know us"
            for kind in OURS:
                assert (f"OK: Prometheus {NAMESPACE}/one selects our {kind}." in said) is (reasons == 0)
                bad = f"NOT SELECTED: Prometheus {NAMESPACE}/one does not select our {kind}: "
                assert [len(line.split(", and ")) for line in said.splitlines() if bad in line] == [reasons][:reasons]
            flags = []
            for words in advice(said):
                if words[0] == "helm":
                    assert words[1:7] == [
                        "-n",
                        NAMESPACE,
                        "upgrade",
                        "scrap",
                        "charts/scrap",
                        "--reset-then-reuse-values",
                    ]
                    flags += words[7:]
                else:
                    run(*words)
            try:
                shown = notes(*flags)
                assert all(f"selects our {kind}." in shown for kind in OURS), "who types it is taken"
            finally:
                run("kubectl", "label", "namespace", NAMESPACE, "example.org/watch-")

    def test_each_object_is_reported_by_itself(self) -> None:
        with there(prometheus("one", {"serviceMonitorSelector": RELEASE, "ruleSelector": OTHER})):
            said = notes()
        assert "selects our ServiceMonitor." in said
        assert "does not select our PrometheusRule" in said
        (words,) = advice(said)
        assert [word.partition("=")[0] for word in words[7:] if "=" in word] == [
            r"monitoring.prometheusRule.labels.example\.org/team",
            "monitoring.prometheusRule.labels.release",
        ]

    def test_nobody_can_rename_a_namespace(self) -> None:
        selectors = {"serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": ONLY, "ruleSelector": {}}
        with there(prometheus("one", selectors)):
            (words,) = advice(notes())
        assert words[:6] == f"kubectl -n {NAMESPACE} edit prometheus one".split()

    @pytest.mark.parametrize("namespace", ["monitoring", "elsewhere"])
    def test_the_notes_know_whether_prometheus_may_read_our_metrics(self, namespace: str) -> None:
        both = ("serviceMonitor", "rule")
        selectors: Object = {f"{name}{part}": {} for name in both for part in ("Selector", "NamespaceSelector")}
        found = json.loads(run("kubectl", "get", "namespaces", "-o", "json"))["items"]
        is_new = namespace not in {item["metadata"]["name"] for item in found}
        if is_new:
            run("kubectl", "create", "namespace", namespace)
        try:
            with there(prometheus("one", selectors, namespace)):
                said = notes()
                assert ("the NetworkPolicy blocks it" in said) is (namespace == "elsewhere")
                if namespace == "elsewhere":
                    (line,) = [line for line in said.splitlines() if "--set-json" in line]
                    assert "the NetworkPolicy blocks it" not in notes(*shlex.split(line)[7:])
                    assert "the NetworkPolicy blocks it" not in notes("--set", "networkPolicy.enabled=false")
        finally:
            if is_new:
                run("kubectl", "delete", "namespace", namespace, "--wait=false")

    def test_the_notes_know_whether_the_slack_secret_is_there(self) -> None:
        said = notes()
        assert "MISSING: Secret scrap-slack has no critical, no warning, so no alert reaches Slack." in said
        (line,) = [line for line in said.splitlines() if "create secret generic scrap-slack" in line]
        environment = {**os.environ, "critical": "http://a", "warning": "http://b"}
        kubectl = Path(str(tool("kubectl"))).parent
        environment["PATH"] = f"{kubectl}:{environment['PATH']}"
        subprocess.run(["bash", "-euc", line], env=environment, check=True)
        try:
            assert "OK: critical, warning alerts go to Slack" in notes()
            more = notes("--set", "monitoring.alertmanagerConfig.info.enabled=true")
            assert "MISSING: Secret scrap-slack has no info, so" in more
        finally:
            run("kubectl", "--namespace", NAMESPACE, "delete", "secret", "scrap-slack")

    def test_the_notes_say_what_to_type(self) -> None:
        metadata = {"name": "stack-grafana", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": "grafana"}}
        grafana = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}
        own = {"operator.prometheus.io/name": "one"}
        service = {"ports": [{"port": 9090}], "selector": own}
        named = {"name": "stack-prometheus", "namespace": NAMESPACE}
        apply(
            prometheus("one", {"serviceMonitorSelector": OTHER}),  # who is left out wants to look there all the more
            grafana,
            {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": service},
        )
        try:
            said = notes()
        finally:
            run("kubectl", "--namespace", NAMESPACE, "delete", "prometheus/one", "service/stack-grafana")
            run("kubectl", "--namespace", NAMESPACE, "delete", "service/stack-prometheus")
        assert f"kubectl -n {NAMESPACE} port-forward service/stack-prometheus 9090:9090" in said
        assert f"kubectl -n {NAMESPACE} port-forward service/stack-grafana 3000:80" in said

    def test_the_notes_say_the_names_of_a_route(self) -> None:
        route = ["enabled=true", "parentRefs[0].name=public", "hostnames={c.example,d.example}"]
        said = notes("--set", ",".join(f"httpRoute.{value}" for value in route))
        for host in ("c.example", "d.example"):
            assert f"curl 'http://{host}/api/v1/scrap?url=https%3A%2F%2Fogp.me%2F' # https, if the gateway" in said

    def test_helm_test_asks_a_prometheus_that_takes_us_where_its_service_is(self) -> None:
        named = {"name": "stack-prometheus", "namespace": NAMESPACE}
        service = {"ports": [{"port": 9090}], "selector": {"operator.prometheus.io/name": "one"}}
        with there(
            prometheus("one", {"serviceMonitorSelector": RELEASE, "serviceMonitorNamespaceSelector": {}}),
            {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": service},
        ):
            assert f"http://stack-prometheus.{NAMESPACE}.svc:9090" in notes()

    def test_without_a_prometheus_the_notes_say_so(self) -> None:
        found = json.loads(run("kubectl", "get", "prometheuses", "-A", "-o", "json"))["items"]
        if found:
            pytest.skip("this cluster has a Prometheus of its own")
        said = notes()
        assert "MISSING: this cluster has the kind ServiceMonitor, but no Prometheus" in said

    def test_who_may_not_look_turns_it_off(self) -> None:
        assert "NOT CHECKED: monitoring.lookup is false" in notes("--set", "monitoring.lookup=false")
