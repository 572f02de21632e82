"""What other charts take, this one takes: each form, as the objects that it gives."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import (
    CHART,
    EXTRA,
    MATRIX,
    MATRIX_OF_KINDS,
    MONITORING,
    RESTRICTED,
    ChartError,
    Object,
    container_of,
    is_hook,
    one,
    pod_of,
    render,
    tool,
)

pytestmark = pytest.mark.needs("helm")

HELMS = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("helm", "helm3")]


def test_an_ingress_takes_both_forms_of_a_host() -> None:
    ingress = one(render(MATRIX["an ingress as helm create has it"]), "Ingress")
    rules = {
        rule["host"]: [(path["path"], path["pathType"]) for path in rule["http"]["paths"]]
        for rule in ingress["spec"]["rules"]
    }
    assert rules == {
        "plain.local": [("/", "Prefix")],
        "one.local": [("/", "Prefix")],
        "two.local": [("/api", "Exact"), ("/openapi.json", "Prefix")],
    }
    (backend,) = {json.dumps(p["backend"]) for rule in ingress["spec"]["rules"] for p in rule["http"]["paths"]}
    assert json.loads(backend) == {"service": {"name": "scrap", "port": {"name": "http"}}}


def test_a_service_takes_labels_a_class_and_a_policy() -> None:
    objects = render(MATRIX["a load balancer of a class"])
    service = one(objects, "Service")
    assert service["spec"]["loadBalancerClass"] == "example.org/internal"
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert service["metadata"]["labels"]["team"] == "web"
    assert service["metadata"]["labels"]["app.kubernetes.io/component"] == "service", "ours stays"
    management = one(objects, "Service", "scrap-management")
    assert "team" not in management["metadata"]["labels"]
    assert not {"loadBalancerClass", "externalTrafficPolicy"} & one(render({}), "Service")["spec"].keys()


def test_containers_come_before_and_beside_the_service() -> None:
    spec = pod_of(render(MATRIX["containers before and beside"]))["spec"]
    assert [container["name"] for container in spec["containers"]] == ["scrap", "beside"]
    assert spec["initContainers"] == [{**RESTRICTED, "name": "before", "command": ["true"]}]
    assert "initContainers" not in pod_of(render({}))["spec"]


@pytest.mark.parametrize("helm", HELMS)
def test_an_additional_object_may_be_a_template(helm: str) -> None:
    objects = render(MATRIX["objects of somebody else"], helm=helm, release="prod")
    for name in ("prod-scrap-extra", "prod-scrap-text"):
        extra = one(objects, "ConfigMap", name)
        assert extra["data"] == {"port": "80"}
        assert extra["metadata"]["namespace"] == "demo"
    assert EXTRA["kind"] == "ConfigMap"


def test_the_operators_pod_has_a_form_of_its_own_or_the_services() -> None:
    values = MATRIX["an operator with a pod of its own form"]
    pod = one(render(values), "Deployment", "scrap-operator")["spec"]["template"]
    assert pod["metadata"]["labels"]["a"] == "b"
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "operator", "ours stays"
    assert pod["metadata"]["annotations"] == {"c": "d"}
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"} in pod["spec"]["containers"][0]["env"]
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert "tolerations" not in pod["spec"], "an empty list is none"
    assert pod["spec"]["affinity"] == {"podAntiAffinity": {}}
    assert pod_of(render(values))["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}

    values = {**values, "operator": {"enabled": True, "alertScaler": {"create": False}}}
    pod = one(render(values), "Deployment", "scrap-operator")["spec"]["template"]
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert pod["spec"]["tolerations"] == [{"operator": "Exists"}]


def test_an_autoscaler_scales_by_saturation_beside_cpu_or_instead() -> None:
    values = MATRIX["an autoscaler by saturation"]
    (metric,) = one(render(values), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["pods"]["metric"] == {"name": "scrap_admission_saturation_ratio"}
    autoscaling = {**values["autoscaling"], "targetCPUUtilizationPercentage": 60}
    beside = one(render({"autoscaling": autoscaling}), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [item["type"] for item in beside] == ["Resource", "Pods"]
    assert one(render(MATRIX["an autoscaler"]), "HorizontalPodAutoscaler")["spec"]["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    ]


def test_replicas_are_left_to_whatever_else_sets_them() -> None:
    assert "replicas" not in one(render(MATRIX["replicas that something else sets"]), "Deployment")["spec"]


class TestDocumentation:
    """Runbooks, the notes and the User-Agent come from one value."""

    def runbooks(self, values: Object) -> set[str]:
        """The folders of the runbooks that the alerts link to."""
        groups = one(render(values, knows=MONITORING), "PrometheusRule")["spec"]["groups"]
        alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
        for alert in alerts:
            assert alert["annotations"]["runbook_url"].endswith(f"/{alert['alert']}.md")
        return {alert["annotations"]["runbook_url"].rpartition("/")[0] for alert in alerts}

    def test_a_source_tree_links_to_itself(self) -> None:
        assert self.runbooks({}) == {"http://127.0.0.1:8000/docs/runbooks"}
        assert "SCRAP_USER_AGENT" not in one(render({}), "ConfigMap")["data"], "the image's own"

    def test_a_release_links_to_its_tag(self) -> None:
        values = MATRIX["documents of a release"]
        assert self.runbooks(values) == {"https://example.org/scrap/v1/docs/runbooks"}
        settings = one(render(values), "ConfigMap")["data"]
        expected = "Mozilla/5.0 (compatible; scrapbot/1.0.0; +https://example.org/scrap/v1/docs/fetching.md)"
        assert settings["SCRAP_USER_AGENT"] == expected

    def test_what_is_set_by_itself_takes_precedence(self) -> None:
        runbooks = {"monitoring": {"prometheusRule": {"runbooks": "https://wiki.example/runbooks/"}}}
        values = {**MATRIX["documents of a release"], **runbooks, "config": {"userAgent": "ours"}}
        assert self.runbooks(values) == {"https://wiki.example/runbooks"}
        assert one(render(values), "ConfigMap")["data"]["SCRAP_USER_AGENT"] == "ours"


class TestNodeAlerts:
    """Those that kube-prometheus-stack has, and the one that it lacks."""

    def names(self, **groups: Any) -> set[str]:
        """The alerts of nodes, by these switches."""
        values = {"monitoring": {"prometheusRule": {"enabled": True, "groups": groups}}}
        rules = [rule for group in one(render(values), "PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
        records = {rule["record"] for rule in rules if "record" in rule}
        found = {rule["alert"] for rule in rules if rule.get("alert", "").startswith("ScrapNode")}
        assert ("scrap:node_filesystem_fill:usual" in records) is bool(found), "the dashboard reads them"
        assert not any("switch" in rule for rule in rules)
        return found

    def test_as_it_comes_there_are_all(self) -> None:
        everything = self.names()
        assert len(everything) == 8
        assert self.names(nodes=True) == everything

    def test_growth_has_a_switch_of_its_own(self) -> None:
        growth = {"ScrapNodeDiskGrowing"}
        assert self.names(nodes=False) == set(), "as in earlier versions"
        assert self.names(nodes=False, diskGrowth=True) == growth
        assert self.names(diskGrowth=False) == self.names() - growth
        assert self.names(nodes=False, diskGrowth=False) == set()


class TestDefinitionOfAlertScaler:
    """Helm creates it at the first install, before all else; hooks bring it up to date and take it away."""

    def crds(self, *flags: str, helm: str = "helm") -> list[Object]:
        """The CRDs that an install with these flags creates first."""
        command = [str(tool(helm)), "template", "scrap", str(CHART), "--include-crds", *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        objects = [item for item in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if item]
        return [item for item in objects if item["kind"] == "CustomResourceDefinition"]

    @pytest.mark.parametrize("helm", HELMS)
    def test_it_comes_with_the_first_install_or_not(self, helm: str) -> None:
        assert self.crds(helm=helm) == [yaml.safe_load((CHART / "crds" / "alertscalers.yaml").read_text())]
        assert self.crds("--set", "crds.install=false", helm=helm) == []

    @pytest.mark.parametrize("helm", HELMS)
    def test_one_command_prints_it(self, helm: str) -> None:
        done = subprocess.run([str(tool(helm)), "show", "crds", CHART], capture_output=True, text=True, check=True)
        assert yaml.safe_load(done.stdout)["metadata"]["name"] == "alertscalers.scaling.scrap.dev"

    @pytest.mark.parametrize(
        ("crds", "hooks"),
        [
            ({}, {}),
            ({"upgrade": True}, {"scrap-crd-upgrade": "pre-upgrade"}),
            ({"upgrade": False}, {}),
            ({"keep": False}, {"scrap-crd-delete": "post-delete"}),
            ({"install": False, "upgrade": True, "keep": False}, {}),
        ],
    )
    def test_hooks(self, crds: Object, hooks: dict[str, str]) -> None:
        objects = render({"crds": crds, "operator": {"enabled": True}})
        jobs = {item["metadata"]["name"]: item for item in objects if item["kind"] == "Job"}
        assert {name: job["metadata"]["annotations"]["helm.sh/hook"] for name, job in jobs.items()} == hooks
        clustered = [item for item in objects if item["kind"].startswith("ClusterRole")]
        assert {item["metadata"]["name"] for item in clustered} == {f"demo-{name}" for name in hooks}
        assert all(is_hook(item) for item in clustered), "no right over the cluster outlasts the hook"

    def test_a_hook_has_the_charts_crd(self) -> None:
        job = one(render({"crds": {"upgrade": True}}), "Job", "scrap-crd-upgrade")
        (container,) = job["spec"]["template"]["spec"]["containers"]
        (variable,) = container["env"]
        assert json.loads(variable["value"]) == yaml.safe_load((CHART / "crds" / "alertscalers.yaml").read_text())
        assert container["args"] == [(CHART / "files" / "crd.py").read_text(), "upgrade"]
        for text in (*container["args"], variable["value"]):
            assert not re.search(r"\$[$(]", text), "Kubernetes would replace it"

    def test_a_hook_may_touch_one_crd(self) -> None:
        rights = {"upgrade": {"get", "update"}, "delete": {"delete"}}
        for command, verbs in rights.items():
            objects = render({"crds": {"upgrade": True, "keep": False}})
            rules = one(objects, "ClusterRole", f"demo-scrap-crd-{command}")["rules"]
            (rule,) = [rule for rule in rules if rule["resources"] == ["customresourcedefinitions"]]
            assert rule["resourceNames"] == ["alertscalers.scaling.scrap.dev"]
            assert set(rule["verbs"]) == verbs


def test_helm_test_sends_alerts_only_if_it_should() -> None:
    assert not [item for item in render({}, knows=MONITORING) if item["metadata"]["name"] == "scrap-test-alerts"]
    pod = one(render(MATRIX_OF_KINDS["an alert test"]), "Pod", "scrap-test-alerts")
    environment = {item["name"]: item["value"] for item in pod["spec"]["containers"][0]["env"]}
    assert environment == {
        "ALERTMANAGER": "http://alertmanager.monitoring.svc:9093",
        "PROMETHEUS": "",
        "NAMESPACE": "demo",
        "SEVERITIES": "critical,warning",
        "WAIT": "180",
        "PAGE": "http://127.0.0.1:8000/docs/slack.md",
    }
    assert pod["spec"]["activeDeadlineSeconds"] > 2 * 180


class TestDependency:
    """In a parent chart: under a condition, an alias, and the parent's global values."""

    @pytest.fixture(params=HELMS)
    def helm(self, request: pytest.FixtureRequest) -> str:
        """Both Helms."""
        name: str = request.param
        return name

    def render(self, folder: Path, helm: str, values: Object) -> list[Object]:
        """A parent chart with two of this one, by these values."""
        parent = folder / "parent"
        (parent / "templates").mkdir(parents=True)
        local = {"name": "scrap", "version": "*", "repository": f"file://{CHART}"}
        dependencies = [
            {**local, "condition": "scrap.enabled"},
            {**local, "alias": "previews", "condition": "previews.enabled"},
        ]
        metadata = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": dependencies}
        (parent / "Chart.yaml").write_text(yaml.safe_dump(metadata))
        program = str(tool(helm))
        subprocess.run([program, "dependency", "update", parent], capture_output=True, check=True)
        command = [program, "template", "shop", str(parent), "--namespace", "demo", "--values", "-"]
        done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ChartError(done.stderr)
        return [item for item in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if item]

    def test_conditions_and_globals(self, tmp_path: Path, helm: str) -> None:
        values = {
            "global": {"imageRegistry": "mirror.example", "storageClass": "fast"},
            "scrap": {"enabled": True, "replicaCount": 3, "crds": {"install": False}},
            "previews": {"enabled": False},
        }
        objects = self.render(tmp_path, helm, values)
        (deployment,) = [item for item in objects if item["kind"] == "Deployment"]
        assert deployment["metadata"]["name"] == "shop-scrap"
        assert deployment["spec"]["replicas"] == 3
        assert container_of(objects)["image"] == "mirror.example/scrap:dev"

    def test_two_of_them(self, tmp_path: Path, helm: str) -> None:
        objects = self.render(tmp_path, helm, {"scrap": {"enabled": True}, "previews": {"enabled": True}})
        names = [(item["kind"], item["metadata"]["name"]) for item in objects]
        assert len(names) == len(set(names))
        assert {name for kind, name in names if kind == "Deployment"} == {"shop-scrap", "shop-previews"}

    def test_none_of_them(self, tmp_path: Path, helm: str) -> None:
        assert self.render(tmp_path, helm, {"scrap": {"enabled": False}, "previews": {"enabled": False}}) == []

    def test_a_mistake_is_found(self, tmp_path: Path, helm: str) -> None:
        with pytest.raises(ChartError, match="replicas"):
            self.render(tmp_path, helm, {"scrap": {"replicas": 3}, "previews": {"enabled": False}})


def notes(*flags: str, chart: Path = CHART) -> str:
    """What an install without a cluster says."""
    command = [str(tool("helm")), "install", "scrap", str(chart), "--namespace", "demo", "--dry-run=client", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\nNOTES:\n")[2]


def test_the_notes_say_how_a_pod_calls_the_service() -> None:
    assert "http://scrap.demo.svc/api/v1/scrap?url=" in notes()
    assert "http://scrap.demo.svc:81/api/v1/scrap?url=" in notes("--set", "service.port=81")


@pytest.mark.parametrize(
    ("flags", "is_printed"),
    [
        ("operator.enabled=true", False),
        ("operator.enabled=true,crds.upgrade=false", True),
        ("operator.enabled=true,monitoring.lookup=false", True),
        ("operator.enabled=true,monitoring.lookup=false,crds.upgrade=true", False),
        ("operator.enabled=true,crds.install=false", True),
        ("crds.install=false", False),
    ],
)
def test_the_notes_say_how_to_upgrade_the_crd_where_no_hook_does(flags: str, is_printed: bool) -> None:
    said = notes("--set", flags)
    line = "helm show crds charts/scrap | kubectl apply --server-side --force-conflicts -f -"
    assert (line in said) is is_printed


@pytest.mark.parametrize(
    ("flags", "is_noted"),
    [
        ("replicaCount=1", True),
        ("replicaCount=2", False),
        ("replicaCount=1,operator.enabled=true", False),
        ("operator.enabled=true,operator.alertScaler.minReplicas=1", True),
        ("replicaCount=1,autoscaling.enabled=true", False),
        ("autoscaling.enabled=true,autoscaling.minReplicas=1", True),
    ],
)
def test_the_notes_say_that_one_replica_may_be_alone(flags: str, is_noted: bool) -> None:
    assert ("there may be one replica alone" in notes("--set", flags)) is is_noted


def test_the_notes_name_every_host_of_an_ingress() -> None:
    values = json.dumps(MATRIX["an ingress as helm create has it"]["ingress"]["hosts"])
    said = notes("--set", "ingress.enabled=true", "--set-json", f"ingress.hosts={values}")
    assert re.findall(r"curl 'http://(\w+\.local)/", said) == ["plain.local", "one.local", "two.local"]
