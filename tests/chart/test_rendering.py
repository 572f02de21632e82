"""What the values give: the objects that `helm install` applies."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.chart.rendering import (
    CHART,
    MATRIX,
    MATRIX_OF_KINDS,
    MONITORING,
    ROOT,
    VERSIONS,
    Object,
    component_of,
    container_of,
    is_hook,
    one,
    pod_of,
    pods_of,
    render,
    template,
    tool,
)

pytestmark = pytest.mark.needs("helm")

EVERYTHING = {**MATRIX, **MATRIX_OF_KINDS}
CLUSTERED = {"ClusterRole", "ClusterRoleBinding"}  # of the hooks that work on the CRD


@pytest.fixture(params=list(EVERYTHING.values()), ids=list(EVERYTHING))
def objects(request: pytest.FixtureRequest) -> list[Object]:
    """The objects of each set of values."""
    return render(request.param, release="scrap")


def selected(selector: Object, labels: Object) -> bool:
    """Does a selector of labels take these?"""
    return selector.items() <= labels.items()


def test_every_object_is_in_the_namespace_and_labelled(objects: list[Object]) -> None:
    for item in objects:
        labels = item["metadata"]["labels"]
        assert item["kind"] in CLUSTERED or item["metadata"]["namespace"] == "demo"
        assert labels["app.kubernetes.io/instance"] == "scrap"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert len(item["metadata"]["name"]) <= 63


def test_a_selector_takes_the_pods_of_one_component(objects: list[Object]) -> None:
    for item in objects:
        match item["kind"]:
            case "Service":
                selector = item["spec"]["selector"]
            case "Deployment" | "PodDisruptionBudget":
                selector = item["spec"]["selector"]["matchLabels"]
            case "NetworkPolicy":
                selector = item["spec"]["podSelector"]["matchLabels"]
            case _:
                continue
        component = "service" if component_of(item) == "management" else component_of(item)
        taken = [component_of(pod) for pod in pods_of(objects) if selected(selector, pod["metadata"]["labels"])]
        assert taken == [component], item


def test_only_what_asks_the_api_server_has_a_token_and_no_pod_has_service_links(objects: list[Object]) -> None:
    """A Service called scrap would set SCRAP_PORT, which is a setting, to tcp://…."""
    for pod in pods_of(objects):
        assert pod["spec"].get("automountServiceAccountToken", True) is (component_of(pod) in {"operator", "crd"})
        assert pod["spec"]["enableServiceLinks"] is False


def test_every_pod_is_restricted(objects: list[Object]) -> None:
    """Pod Security *restricted*; a real API server is asked in test_api_server.py."""
    for pod in pods_of(objects):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_the_end_of_a_pod_fits() -> None:
    spec = pod_of(render({}))["spec"]
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    settings = one(render({}), "ConfigMap")["data"]
    assert pause == 10
    assert float(settings["SCRAP_LINGER"]) + float(settings["SCRAP_DEADLINE"]) < float(settings["SCRAP_SHUTDOWN"])
    assert pause + float(settings["SCRAP_SHUTDOWN"]) < spec["terminationGracePeriodSeconds"]


def test_a_rollout_never_has_fewer_pods_than_wanted() -> None:
    assert one(render({}), "Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_changed_setting_rolls_the_pods_and_nothing_else_does() -> None:
    def checksum(values: Object) -> str:
        annotation: str = pod_of(render(values))["metadata"]["annotations"]["checksum/config"]
        return annotation

    assert checksum({"config": {"deadline": 7}}) != checksum({})
    assert pod_of(render({"replicaCount": 5, "service": {"port": 81}})) == pod_of(render({}))


@pytest.mark.parametrize(
    ("config", "variable", "text"),
    [
        ({"deadline": 2.5}, "SCRAP_DEADLINE", "2.5"),
        ({"maxPageBytes": 16777216}, "SCRAP_MAX_PAGE_BYTES", "16777216"),  # and not 1.6777216e+07
        ({"maxRedirects": 0}, "SCRAP_MAX_REDIRECTS", "0"),
        ({"logQueries": True}, "SCRAP_LOG_QUERIES", "true"),
        ({"html5libWorkers": 2}, "SCRAP_HTML5LIB_WORKERS", "2"),
        ({"allowedPorts": [80, "8000-8080"]}, "SCRAP_ALLOWED_PORTS", "80,8000-8080"),
        ({"allowedNetworks": ["10.0.0.0/8", "fd00::/8"]}, "SCRAP_ALLOWED_NETWORKS", "10.0.0.0/8,fd00::/8"),
        ({"userAgent": 'a "b" #c'}, "SCRAP_USER_AGENT", 'a "b" #c'),
        ({"deadline": None}, "SCRAP_DEADLINE", None),
    ],
)
def test_a_setting_is_a_variable(config: Object, variable: str, text: str | None) -> None:
    assert one(render({"config": config}), "ConfigMap")["data"].get(variable) == text


def test_secrets_come_from_secrets() -> None:
    container = container_of(render(MATRIX["secrets"]))
    sources = {item["name"]: item.get("valueFrom") for item in container["env"]}
    assert sources["SENTRY_DSN"] == {"secretKeyRef": {"name": "sentry", "key": "SENTRY_DSN"}}
    assert sources["SCRAP_CACHE_URL"] == {"secretKeyRef": {"name": "cache", "key": "url"}}
    assert not {"SENTRY_DSN", "SCRAP_CACHE_URL"} & {item["name"] for item in container_of(render({}))["env"]}


def test_a_pod_knows_who_it_is() -> None:
    own = {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://$(HOST_IP):4318"}
    environment = container_of(render({"extraEnv": [own]}))["env"]
    names = [item["name"] for item in environment]
    fields = {item["name"]: item["valueFrom"]["fieldRef"]["fieldPath"] for item in environment if "valueFrom" in item}
    assert fields == {
        "HOST_IP": "status.hostIP",
        "NODE_NAME": "spec.nodeName",
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
    }
    (attributes,) = (item for item in environment if item["name"] == "OTEL_RESOURCE_ATTRIBUTES")
    for name in re.findall(r"\$\((\w+)\)", attributes["value"] + own["value"]):  # what stands before is replaced
        assert names.index(name) < names.index("OTEL_RESOURCE_ATTRIBUTES") < names.index(own["name"])


def test_who_names_a_pod_otherwise_names_it_alone() -> None:
    own = {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "a=b"}
    environment = container_of(render({"extraEnv": [own]}))["env"]
    assert [item for item in environment if item["name"] == own["name"]] == [own]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({}, "localhost/scrap:dev"),
        ({"tag": "1.0.0"}, "localhost/scrap:1.0.0"),
        ({"repository": "registry.example/a/scrap"}, "registry.example/a/scrap:0.1.0"),
        ({"repository": "a/scrap", "tag": "dev"}, "a/scrap:dev"),
        ({"tag": "dev", "digest": "sha256:" + "a" * 64}, "localhost/scrap@sha256:" + "a" * 64),
        ({"registry": "mirror.example/cache/"}, "mirror.example/cache/scrap:dev"),
        ({"registry": "mirror.example", "repository": "a/scrap"}, "mirror.example/a/scrap:0.1.0"),
        ({"registry": "mirror.example", "repository": "localhost:5000/scrap"}, "mirror.example/scrap:0.1.0"),
        ({"registry": "mirror.example", "repository": "ghcr.io/a/scrap", "tag": "1"}, "mirror.example/a/scrap:1"),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_the_image(image: Object, name: str, shared: bool) -> None:
    if shared and "registry" in image:  # a parent's registry does the same, and takes precedence
        values = {"image": {**image, "registry": "other.example"}, "global": {"imageRegistry": image["registry"]}}
    else:
        values = {"image": image}
    objects = render(values)
    assert container_of(objects)["image"] == name
    assert all(item["spec"]["containers"][0]["image"] == name for item in objects if is_hook(item))


def test_replicas_are_left_to_who_counts_them() -> None:
    assert one(render({"replicaCount": 3}), "Deployment")["spec"]["replicas"] == 3
    assert "replicas" not in one(render(MATRIX["an autoscaler"]), "Deployment")["spec"]
    assert "replicas" not in one(render(MATRIX["an operator without its object"]), "Deployment")["spec"]


def test_the_operator_may_scale_one_deployment_and_no_more() -> None:
    objects = render(MATRIX_OF_KINDS["an operator"])
    assert {item["kind"] for item in objects} & CLUSTERED == set()
    rules = one(objects, "Role", "scrap-operator")["rules"]
    (scale,) = [rule for rule in rules if rule["resources"] == ["deployments/scale"]]
    assert scale["resourceNames"] == [one(objects, "AlertScaler")["spec"]["scaleTargetRef"]["name"]]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch", "patch", "create"}
    assert one(objects, "Deployment", "scrap-operator")["spec"]["strategy"] == {"type": "Recreate"}


def test_the_operators_rights_are_those_of_its_document() -> None:
    """Tried with exactly these in tests/cluster/operator."""
    block = re.search(r"```yaml role\n(.*?)```", (ROOT / "docs" / "operator.md").read_text(), re.DOTALL)
    assert block
    role = one(render(MATRIX_OF_KINDS["an operator"]), "Role", "scrap-operator")
    assert role["rules"] == yaml.safe_load(block[1])["rules"]


def test_what_else_it_may_scale_is_named() -> None:
    queue = {"apiGroup": "apps", "resource": "statefulsets", "name": "queue"}
    core = {"apiGroup": "", "resource": "replicationcontrollers", "name": "old"}
    roles = [
        one(render({"operator": {"enabled": True, "targets": targets}}), "Role", "scrap-operator")["rules"]
        for targets in ([], [queue, core])
    ]
    verbs = {"verbs": ["get", "patch"]}
    assert [rule for rule in roles[1] if rule not in roles[0]] == [
        {"apiGroups": ["apps"], "resources": ["statefulsets/scale"], "resourceNames": ["queue"], **verbs},
        {"apiGroups": [""], "resources": ["replicationcontrollers/scale"], "resourceNames": ["old"], **verbs},
    ]


def test_of_two_releases_in_a_namespace_each_operator_heeds_its_own() -> None:
    """Its own alerts, and its own AlertScaler: tests/cluster/operator runs two of them."""
    values = MATRIX_OF_KINDS["an operator"] | {"monitoring": {"prometheusRule": {"enabled": True}}}
    for release in ("scrap", "scrap-two"):
        objects = render(values, release=release)
        scaler = one(objects, "AlertScaler", release)
        matchers = [rule["matchers"] for rule in scaler["spec"]["rules"]]
        assert [rule["effect"] for rule in scaler["spec"]["rules"]] == ["ScaleUp", "Hold"]
        (pod,) = [pod for pod in pods_of(objects) if component_of(pod) == "operator"]
        environment = {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]}
        name, _, value = environment["SCRAP_OPERATOR_SELECTOR"].partition("=")
        assert (scaler["metadata"]["labels"][name], value) == (release, release)
        for matcher in matchers:
            assert {"namespace": "demo", "job": release}.items() <= matcher.items()
        rules = one(objects, "PrometheusRule", release)["spec"]["groups"]
        alerts = {rule.get("alert"): rule for group in rules for rule in group["rules"]}
        assert {matcher["alertname"] for matcher in matchers} <= alerts.keys()
        assert f'job="{release}"' in alerts["ScrapSaturated"]["expr"]


@pytest.mark.parametrize(
    ("enabled", "says"), [("auto", "no kind PrometheusRule, so the alerts"), (True, "scales by two alerts")]
)
def test_the_notes_say_what_the_operator_needs(enabled: Any, says: str) -> None:
    values = {"operator": {"enabled": True}, "monitoring": {"prometheusRule": {"enabled": enabled}}}
    command = [str(tool("helm")), "install", "scrap", str(CHART), "--dry-run=client", "--values", "-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=True)
    assert says in done.stdout.partition("\nOperator:\n")[2]


@pytest.mark.parametrize(
    ("switch", "knows", "there"),
    [("auto", (), False), ("auto", MONITORING, True), (True, (), True), (False, MONITORING, False)],
)
@pytest.mark.parametrize(
    ("value", "kind", "name"),
    [
        ("serviceMonitor", "ServiceMonitor", "scrap"),
        ("prometheusRule", "PrometheusRule", "scrap"),
        ("alertmanagerConfig", "AlertmanagerConfig", "scrap"),
        ("dashboards", "ConfigMap", "scrap-dashboard-overview"),
    ],
)
def test_what_is_beside_the_stack_is_there_where_it_can_be(
    value: str, kind: str, name: str, switch: Any, knows: tuple[str, ...], there: bool
) -> None:
    objects = render({"monitoring": {value: {"enabled": switch}}}, knows=knows)
    assert ((kind, name) in {(item["kind"], item["metadata"]["name"]) for item in objects}) is there


@pytest.mark.parametrize("helm", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("helm", "helm3")])
@pytest.mark.parametrize(
    ("knows", "kinds"),
    [
        (("monitoring.coreos.com/v1",), {"ServiceMonitor", "PrometheusRule"}),
        (("monitoring.coreos.com/v1alpha1",), {"AlertmanagerConfig"}),
        (VERSIONS, {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}),
        # A cluster lists its kinds beside their version: a kind that it does not list is not there.
        (("monitoring.coreos.com/v1", "monitoring.coreos.com/v1/ServiceMonitor"), {"ServiceMonitor"}),
        (("monitoring.coreos.com/v1beta1", "coreos.com/v1"), set()),
    ],
)
def test_a_version_without_kinds_stands_for_all_of_its_kinds(
    helm: str, knows: tuple[str, ...], kinds: set[str]
) -> None:
    monitoring = {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}
    assert {item["kind"] for item in render({}, knows=knows, helm=helm)} & monitoring == kinds


def test_versions_and_kinds_render_the_same() -> None:
    assert template({}, knows=VERSIONS) == template({}, knows=MONITORING)


def test_the_longest_name_has_space_for_every_suffix() -> None:
    """A release's name has up to 53 characters; names that Kubernetes makes labels and host names of have 63."""
    objects = render({"operator": {"enabled": True}}, knows=MONITORING, release="a" * 42 + "-b" + "c" * 9)
    names = {item["metadata"]["name"] for item in objects}
    assert "a" * 42 + "-b-operator" in names
    assert max(map(len, names)) <= 63


def test_a_label_of_the_chart_stays_whoever_else_gives_it() -> None:
    values = {
        "commonLabels": {"release": "common", "app.kubernetes.io/component": "common", "team": "web"},
        "podLabels": {"app.kubernetes.io/component": "other", "team": "pods"},
    }
    objects = render(values, knows=MONITORING)
    pod = pod_of(objects)["metadata"]["labels"]
    assert one(objects, "Deployment")["spec"]["selector"]["matchLabels"].items() <= pod.items()
    assert pod["team"] == "pods"
    assert one(objects, "ServiceMonitor")["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert one(objects, "PrometheusRule")["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert one(objects, "Deployment")["metadata"]["labels"]["release"] == "common"


def test_the_service_monitor_finds_the_management_port() -> None:
    objects = render({}, knows=MONITORING)
    monitor = one(objects, "ServiceMonitor")
    service = one(objects, "Service", "scrap-management")
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert selected(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
    assert not selected(monitor["spec"]["selector"]["matchLabels"], one(objects, "Service")["metadata"]["labels"])
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert {"targetLabel": "job", "replacement": "scrap"} in endpoint["relabelings"]


def test_the_management_port_stays_inside() -> None:
    objects = render(MATRIX["a load balancer on two stacks"])
    assert [port["name"] for port in one(objects, "Service")["spec"]["ports"]] == ["http"]
    assert one(objects, "Service", "scrap-management")["spec"]["clusterIP"] == "None"


def test_no_fields_come_twice_from_two_releases_of_one_namespace() -> None:
    """Two releases side by side have no object and no selector in common."""
    first, second = render({}, release="scrap"), render({}, release="other")
    names = [{(item["kind"], item["metadata"]["name"]) for item in objects} for objects in (first, second)]
    assert not names[0] & names[1]
    assert not selected(one(first, "Service")["spec"]["selector"], pod_of(second)["metadata"]["labels"])
