"""`helm install`, `helm test` and `helm uninstall` beside the monitoring stack, with both Helms."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import STACK, CommandError, Namespace, Object, hurry, may_scrape, run, until
from tests.cluster.story.service_access import ServiceAccess

HELMS = ("helm", pytest.param("helm3", marks=pytest.mark.needs("helm3")))
CRD = "alertscalers.scaling.scrap.dev"
AT_ONCE = {"preStopSeconds": 1}  # pods go without a pause, which is another test's


def ours() -> list[str]:
    """Every object in the cluster that carries a label of a release of the chart."""
    kinds = run("kubectl", "api-resources", "--verbs=list", "-o", "name").split()
    kinds = [kind for kind in kinds if not kind.startswith("events")]
    found = json.loads(
        run(
            "kubectl",
            "get",
            ",".join(kinds),
            "-A",
            "-l",
            "app.kubernetes.io/name=scrap",
            "-o",
            "json",
            "--ignore-not-found",
        )
        or '{"items": []}'
    )
    return [f"{item['kind']}/{item['metadata']['name']}" for item in found["items"]]


@pytest.mark.parametrize("helm", HELMS)
def test_install_test_and_uninstall(namespace: Namespace, helm: str) -> None:
    notes = namespace.install({**AT_ONCE, "config": {**may_scrape(namespace), "linger": 0}}, helm=helm)
    assert "OK: Prometheus monitoring/kube-prometheus-stack-prometheus selects our ServiceMonitor." in notes

    hurry()
    said = namespace.helm("test", "scrap", helm=helm)
    assert said.count("Succeeded") == 2, said

    namespace.helm("uninstall", "scrap", "--wait", helm=helm)
    until("nothing of ours is left but the definition, which Helm leaves", lambda: ours() == [])
    assert run("kubectl", "get", "crd", CRD, "-o", "name")


def test_the_namespace_takes_no_pod_that_is_not_restricted(namespace: Namespace) -> None:
    """What the installs above prove, they prove in a namespace that refuses others."""
    with pytest.raises(Exception, match="violates PodSecurity"):
        namespace.kubectl("run", "free", "--image=localhost/scrap:dev", "--privileged")


# As README.md says that a pod calls the service.
CALL = """
import urllib.request
try:
    urllib.request.urlopen("http://scrap.%s.svc/api/v1/scrap?url=http%%3A%%2F%%2F127.0.0.1%%2F")
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


CONNECT = "import socket; socket.create_connection(('scrap.%s.svc', 80), 5).close()"


def python(namespace: Namespace, pod: str, program: str) -> str:
    """What a Python program prints in a pod, given the namespace."""
    return namespace.kubectl("exec", pod, "--", "python", "-c", program % namespace.name)


def accepts(namespace: Namespace, pod: str) -> bool:
    """Does the Service accept connections of a pod? Its node may get the endpoints seconds after the pods are ready."""
    try:
        python(namespace, pod, CONNECT)
    except CommandError:
        return False
    return True


def test_as_it_comes_it_fetches_nothing_inside(namespace: Namespace) -> None:
    """The default settings: `helm test` finds that the service refuses the test's own pod, and passes."""
    namespace.install({"monitoring": {"serviceMonitor": {"enabled": False}}})
    pod = namespace.pods()[0]["metadata"]["name"]
    until("the Service accepts connections", lambda: accepts(namespace, pod))
    said = python(namespace, pod, CALL)
    assert said.startswith("403 ")
    assert "blocked" in said
    said = namespace.helm("test", "scrap", "--logs")
    assert "which is an internal address" in said
    assert "if configured to allow it, the image fetches it" in said
    namespace.helm("uninstall", "scrap", "--wait")


@pytest.mark.parametrize("helm", HELMS)
def test_the_operator_counts_the_pods_and_helm_lets_it(namespace: Namespace, helm: str) -> None:
    def replicas() -> int:
        return int(namespace.get("deployment", "scrap")["spec"]["replicas"])

    def values(bound: int) -> Object:
        operator = {"enabled": True, "alertScaler": {"minReplicas": bound}}
        return {**AT_ONCE, "operator": operator, "config": {"deadline": bound, "linger": 0}}

    namespace.install(values(2), helm=helm)
    until("the operator brings the pods up to its minimum", lambda: replicas() == 2)

    namespace.upgrade(values(3), helm=helm)
    until("and up to a new one", lambda: replicas() == 3)
    assert len(namespace.pods("operator")) == 1

    if helm == "helm":  # the tests are the same; once is enough for the time that Prometheus takes
        hurry()
        said = namespace.helm("test", "scrap")
        assert said.count("Succeeded") == 2, said

    namespace.helm("uninstall", "scrap", "--wait", helm=helm)
    until("nothing of ours is left", lambda: ours() == [])


@pytest.fixture
def node_alerts() -> Iterator[None]:
    """The stack's own alerts about nodes; of the ones that kube-prometheus-stack has one is enough."""
    alert = {"alert": "NodeFilesystemSpaceFillingUp", "expr": "vector(0) > 1"}
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "of-the-stack", "namespace": STACK, "labels": {"release": "kube-prometheus-stack"}},
        "spec": {"groups": [{"name": "node-exporter", "rules": [alert]}]},
    }
    run("kubectl", "apply", "-f", "-", given=json.dumps(rule))
    yield
    run("kubectl", "--namespace", STACK, "delete", "prometheusrule", "of-the-stack")


def test_beside_the_stacks_own_node_alerts_only_that_of_growth_is_loaded(
    namespace: Namespace, node_alerts: None
) -> None:
    """And with `groups.nodes` they are all there."""

    def loaded() -> set[str]:
        hurry()
        found = {str(rule["name"]) for rule in stack.rules(namespace.name)}
        return {name for name in found if name.startswith("ScrapNode")}

    quiet = {**AT_ONCE, "replicaCount": 0}
    with ServiceAccess() as access:
        stack = Stack(access.url)
        said = namespace.install(quiet)
        assert f"NOTE: PrometheusRule {STACK}/" in said
        until("that of growth is loaded", lambda: loaded() == {"ScrapNodeDiskGrowing"}, 90)
        namespace.upgrade({**quiet, "monitoring": {"prometheusRule": {"groups": {"nodes": True}}}})
        until("all are loaded", lambda: {"ScrapNodeCPU", "ScrapNodeDiskFull", "ScrapNodeNotReady"} <= loaded(), 90)
    namespace.helm("uninstall", "scrap", "--wait")


def test_a_crd_that_is_not_to_be_kept_goes_with_the_release(namespace: Namespace) -> None:
    """The last one: the CRD is gone then."""
    namespace.install({**AT_ONCE, "replicaCount": 0, "crds": {"keep": False}})
    assert run("kubectl", "get", "crd", CRD, "-o", "name")
    namespace.helm("uninstall", "scrap", "--wait")
    until("the CRD is gone", lambda: not run("kubectl", "get", "crd", CRD, "--ignore-not-found", "-o", "name"))
    assert ours() == [], "nor is what deleted it"
