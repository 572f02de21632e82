"""What the chart finds in a cluster, and renders by: Helm looks it up at a fake API server."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.chart.rendering import CHART, NAMESPACE, Object, tool
from tests.chart.test_crd import LATEST

pytestmark = pytest.mark.needs("helm", "helm3")

# By group and version: kind, its plural name, and whether it is in a namespace.
KINDS: dict[str, list[tuple[str, str, bool]]] = {
    "v1": [
        ("Namespace", "namespaces", False),
        ("Service", "services", True),
        ("Secret", "secrets", True),
        ("ConfigMap", "configmaps", True),
        ("ServiceAccount", "serviceaccounts", True),
        ("Pod", "pods", True),
    ],
    "apps/v1": [("Deployment", "deployments", True)],
    "batch/v1": [("Job", "jobs", True)],
    "policy/v1": [("PodDisruptionBudget", "poddisruptionbudgets", True)],
    "networking.k8s.io/v1": [("NetworkPolicy", "networkpolicies", True)],
    "rbac.authorization.k8s.io/v1": [
        ("Role", "roles", True),
        ("RoleBinding", "rolebindings", True),
        ("ClusterRole", "clusterroles", False),
        ("ClusterRoleBinding", "clusterrolebindings", False),
    ],
    "apiextensions.k8s.io/v1": [("CustomResourceDefinition", "customresourcedefinitions", False)],
    "monitoring.coreos.com/v1alpha1": [("AlertmanagerConfig", "alertmanagerconfigs", True)],
    "scaling.scrap.dev/v1alpha1": [("AlertScaler", "alertscalers", True)],
    "monitoring.coreos.com/v1": [
        ("Prometheus", "prometheuses", True),
        ("PrometheusRule", "prometheusrules", True),
        ("ServiceMonitor", "servicemonitors", True),
    ],
}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/alertscalers.scaling.scrap.dev"
RULES = "/apis/monitoring.coreos.com/v1/prometheusrules"
PROMETHEUSES = "/apis/monitoring.coreos.com/v1/prometheuses"


def discovery(path: str) -> Object | None:
    """What an API server says of its kinds; None: that is not what is asked."""
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [{"groupVersion": name, "version": name.partition("/")[2]} for name in KINDS if "/" in name]
        groups = [
            {"name": version["groupVersion"].partition("/")[0], "versions": [version], "preferredVersion": version}
            for version in versions
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    name = path.removeprefix("/api/") if path.startswith("/api/") else path.removeprefix("/apis/")
    if name in KINDS:
        resources = [
            {"name": plural, "kind": kind, "namespaced": inside, "verbs": ["get", "list"]}
            for kind, plural, inside in KINDS[name]
        ]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}
    return None


class ApiServerToLookAt(ThreadingHTTPServer):
    """Has its kinds and these objects, by their paths; every list that is not given is empty.

    Attributes:
        asked: the paths of the requests that were not about kinds.
    """

    def __init__(self, objects: dict[str, Object]) -> None:
        super().__init__(("127.0.0.1", 0), _Lookups)
        self.objects = objects
        self.asked: list[str] = []


class _Lookups(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, ApiServerToLookAt)
        path = urlsplit(self.path).path
        found = discovery(path)
        if found is None:
            self.server.asked.append(path)
            plurals = {plural for kinds in KINDS.values() for _, plural, _ in kinds}
            empty = {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}
            found = self.server.objects.get(path) or (empty if path.rpartition("/")[2] in plurals else None)
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(found or missing).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def cluster(objects: dict[str, Object]) -> Iterator[ApiServerToLookAt]:
    """A cluster in which there is this."""
    with ApiServerToLookAt(objects) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server
        server.shutdown()


def run(server: ApiServerToLookAt, folder: Path, values: Object, *command: str, helm: str = "helm") -> str:
    """What a dry run of Helm gives in this cluster."""
    one = {"name": "one", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "one", "context": {"cluster": "one", "user": "one"}}
    user: Object = {"name": "one", "user": {}}
    whole = {"clusters": [one], "contexts": [context], "users": [user], "current-context": "one"}
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **whole}))
    flags = ["--namespace", NAMESPACE, "--dry-run=server", "--disable-openapi-validation", "--values", "-"]
    environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    whole_command = [str(tool(helm)), *command, "scrap", str(CHART), *flags]
    done = subprocess.run(
        whole_command, input=json.dumps(values), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def upgraded(server: ApiServerToLookAt, folder: Path, values: Object, helm: str = "helm") -> list[Object]:
    """The objects of an upgrade in this cluster."""
    flags = ["--validate"] if helm == "helm3" else []  # it asks for the cluster's kinds only then
    text = run(server, folder, values, "template", "--is-upgrade", *flags, helm=helm)
    return [item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]


def rules(*names: str) -> dict[str, Object]:
    """PrometheusRules in namespace monitoring, each with one group of its name."""
    items = [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"stack-{name}", "namespace": "monitoring"},
            "spec": {"groups": [{"name": name, "rules": []}]},
        }
        for name in names
    ]
    return {RULES: {"kind": "PrometheusRuleList", "apiVersion": "monitoring.coreos.com/v1", "items": items}}


def crd(revision: str | None) -> dict[str, Object]:
    """The CRD of a cluster; without a revision, that of an earlier chart."""
    annotations = {} if revision is None else {"scaling.scrap.dev/revision": revision}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {CRDS: {**kind, "metadata": {"name": CRDS.rpartition("/")[2], "annotations": annotations}, "spec": {}}}


def node_alerts(objects: list[Object]) -> set[str]:
    """The alerts of nodes."""
    (rule,) = [item for item in objects if item["kind"] == "PrometheusRule"]
    names = {each.get("alert", "") for group in rule["spec"]["groups"] for each in group["rules"]}
    return {name for name in names if name.startswith("ScrapNode")}


@pytest.mark.parametrize("helm", ["helm", "helm3"])
@pytest.mark.parametrize(
    ("there", "groups", "number"),
    [
        (("node-exporter", "kubelet"), {}, 1),
        (("kubelet", "node-exporter.rules"), {}, 8),
        ((), {}, 8),
        (("node-exporter",), {"nodes": True}, 8),
        (("node-exporter",), {"diskGrowth": False}, 0),
    ],
)
def test_beside_the_stacks_own_node_alerts_only_that_of_growth_is_ours(
    there: tuple[str, ...], groups: Object, number: int, helm: str, tmp_path: Path
) -> None:
    with cluster(rules(*there)) as server:
        objects = upgraded(server, tmp_path, {"monitoring": {"prometheusRule": {"groups": groups}}}, helm)
    found = node_alerts(objects)
    assert len(found) == number
    assert number != 1 or found == {"ScrapNodeDiskGrowing"}


@pytest.mark.parametrize(("there", "is_noted"), [(("node-exporter",), True), (("kubelet",), False)])
def test_the_notes_say_which_node_alerts_there_are(there: tuple[str, ...], is_noted: bool, tmp_path: Path) -> None:
    with cluster(rules(*there)) as server:
        said = run(server, tmp_path, {}, "install").partition("\nNOTES:\n")[2]
    assert ("NOTE: PrometheusRule monitoring/stack-node-exporter has node alerts of its own" in said) is is_noted
    command = "helm -n demo upgrade scrap charts/scrap --reset-then-reuse-values"
    assert (f"{command} --set monitoring.prometheusRule.groups.nodes=true" in said) is is_noted


@pytest.mark.parametrize("severities", [[], ["critical"], ["critical", "warning"]])
def test_the_notes_say_how_to_test_alerts_once_the_secret_is_there(severities: list[str], tmp_path: Path) -> None:
    metadata = {"name": "scrap-slack", "namespace": NAMESPACE}
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": dict.fromkeys(severities, "aHR0cA==")}
    values = {"monitoring": {"alertmanagerConfig": {"enabled": True}}}
    with cluster({f"/api/v1/namespaces/{NAMESPACE}/secrets/scrap-slack": secret}) as server:
        said = run(server, tmp_path, values, "install").partition("\nNOTES:\n")[2]
    lines = (
        "helm -n demo upgrade scrap charts/scrap --reset-then-reuse-values --set tests.alerts.enabled=true\n"
        "  helm -n demo test scrap --filter name=scrap-test-alerts --timeout 10m --logs\n"
    )
    assert (lines in said) is (len(severities) == 2)
    assert ("kubectl -n demo create secret generic scrap-slack" in said) is (len(severities) < 2)


@pytest.mark.parametrize("helm", ["helm", "helm3"])
@pytest.mark.parametrize(
    ("revision", "values", "is_upgraded"),
    [
        (None, {}, True),
        ("0", {}, True),
        ("1", {}, True),
        (LATEST, {}, False),
        ("99", {}, False),
        (None, {"operator": {"enabled": False}}, False),
        (None, {"crds": {"upgrade": False}}, False),
        (None, {"crds": {"install": False}}, False),
        (None, {"monitoring": {"lookup": False}}, False),
        ("99", {"crds": {"upgrade": True}}, True),
    ],
)
def test_an_older_crd_is_upgraded_by_a_hook(
    revision: str | None, values: Object, is_upgraded: bool, helm: str, tmp_path: Path
) -> None:
    with cluster(crd(revision)) as server:
        objects = upgraded(server, tmp_path, {"operator": {"enabled": True}, **values}, helm)
    assert (
        "scrap-crd-upgrade" in {item["metadata"]["name"] for item in objects if item["kind"] == "Job"}
    ) is is_upgraded


def test_nothing_is_looked_up_by_who_may_not(tmp_path: Path) -> None:
    values = {"operator": {"enabled": True}, "monitoring": {"lookup": False}}
    with cluster({**crd(None), **rules("node-exporter")}) as server:
        upgraded(server, tmp_path, values)
    assert not {CRDS, RULES, PROMETHEUSES, "/api/v1/services"} & set(server.asked)


def test_what_is_looked_up_is_what_the_documents_say(tmp_path: Path) -> None:
    with cluster(crd(None)) as server:
        upgraded(server, tmp_path, {"operator": {"enabled": True}})
    assert {CRDS, RULES, PROMETHEUSES} <= set(server.asked)


def test_the_alert_test_finds_the_prometheus(tmp_path: Path) -> None:
    """And that knows its Alertmanager: nothing has to be set beside a stack that selects us."""
    metadata = {"name": "stack", "namespace": "monitoring"}
    names = ("serviceMonitorSelector", "serviceMonitorNamespaceSelector", "ruleSelector", "ruleNamespaceSelector")
    kind = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}
    item = {**kind, "metadata": metadata, "spec": {name: {} for name in names}}
    found = {PROMETHEUSES: {"kind": "PrometheusList", "apiVersion": kind["apiVersion"], "items": [item]}}
    with cluster(found) as server:
        objects = upgraded(server, tmp_path, {"tests": {"alerts": {"enabled": True}}})
    (pod,) = [item for item in objects if item["metadata"]["name"] == "scrap-test-alerts"]
    environment = {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}
    assert environment["PROMETHEUS"] == "http://prometheus-operated.monitoring.svc:9090"
