"""The values: complete, documented, and refused where they make no sense."""

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from scrap.settings import SETTINGS
from scripts import chart_config
from tests.chart.rendering import CHART, MATRIX, MATRIX_OF_KINDS, ROOT, ChartError, Object, one, render, template, tool

VALUES: Object = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: Object = json.loads((CHART / "values.schema.json").read_text())

# Nobody documents these: a group's values speak for it, and an object in Kubernetes' own form is documented whole.
GROUPS = "|".join(
    (
        r"image|config|secrets(\.\w+)?|(operator\.)?resources(\.\w+)?|service|serviceAccount|probes|strategy",
        r"podDisruptionBudget|autoscaling|operator(\.alertScaler)?|ingress|httpRoute|tests",
        r"crds|tests\.alerts|networkPolicy(\.(ingress|egress|egress\.dns))?|monitoring(\.(serviceMonitor|dashboards))?",
        r"monitoring\.prometheusRule(\.(groups|selectors|burn|usual|disk))?",
        r"monitoring\.alertmanagerConfig(\.(slack|critical|warning|warning\.hours|info))?",
    )
)
INSIDES = "|".join(
    (
        r"operator\.alertScaler\.source|podSecurityContext|securityContext|probes\.\w+|networkPolicy\.ingress\.management",
        r"networkPolicy\.egress\.dns\.to|monitoring\.\w+\.labels|monitoring\.prometheusRule\.(burn\.\w+|alerts)",
    )
)


@pytest.mark.parametrize("write", [chart_config.written_values, chart_config.written_schema])
def test_config_is_the_services_own_table(write: Any) -> None:
    path = CHART / ("values.yaml" if write is chart_config.written_values else "values.schema.json")
    assert write(path.read_text()) == path.read_text(), "run scripts/chart_config.py"


def test_every_setting_can_be_set() -> None:
    """A setting is in `config`, or fixed by the chart, or from a Secret; and nothing else is."""
    names = {setting.name for setting in SETTINGS}
    secret = {setting.name for setting in SETTINGS if setting.secret}
    configured = {re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), key) for key in VALUES["config"]}
    assert configured | chart_config.FIXED | secret == names
    assert secret == {"cache-url", "sentry-dsn"}, "a new secret setting needs a place in `secrets`"


def test_the_image_is_this_services() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]


# Objects in the form of another's schema, where most keys are optional.
NATIVE = (".probes.", ".dnsConfig", ".monitoring.alertmanagerConfig", ".monitoring.prometheusRule")


def closed_objects(schema: Object, values: Any, path: str = "") -> list[str]:
    """Paths where the schema and values.yaml do not have the same keys."""
    if "properties" not in schema or not isinstance(values, dict):
        return []
    of_schema = schema["properties"].keys() - {"global"} - (set() if path else {"enabled"})  # a parent chart's
    # A null in values.yaml is a key that Helm drops; optional keys of Kubernetes' own forms may be absent.
    wrong = [f"{path}.{key} is not in the schema" for key in values.keys() - of_schema]
    if not path.startswith(NATIVE):
        wrong += [f"{path}.{key} is not in values.yaml" for key in of_schema - values.keys()]
    if schema.get("additionalProperties") is not False:
        wrong.append(f"{path} takes any key")
    for key, inner in values.items():
        wrong += closed_objects(schema["properties"].get(key, {}), inner, f"{path}.{key}")
    return wrong


def test_the_schema_knows_every_value_and_no_other() -> None:
    assert closed_objects(SCHEMA, VALUES) == []


def warnings_within(hours: Any) -> Any:
    """Values with hours of warnings."""
    return {"monitoring": {"alertmanagerConfig": {"warning": {"hours": hours}}}}


def without_rules(**settings: Any) -> Object:
    """An operator, and settings of the rules that leave it without its alerts."""
    return {"operator": {"enabled": True}, "monitoring": {"prometheusRule": settings}}


TYPOS = [
    ({"replicas": 3}, "replicas"),
    ({"replicaCount": "two"}, "/replicaCount"),
    ({"image": {"digets": ""}}, "digets"),
    ({"image": {"digest": "latest"}}, "/image/digest"),
    ({"config": {"maxRedirect": 3}}, "maxRedirect"),
    ({"config": {"deadline": "8s"}}, "/config/deadline"),
    ({"config": {"deadline": 0}}, "/config/deadline"),
    ({"config": {"cacheUrl": "redis://:password@cache"}}, "cacheUrl"),
    ({"config": {"logLevel": "loud"}}, "/config/logLevel"),
    ({"config": {"allowedNetworks": "10.0.0.0/8"}}, "/config/allowedNetworks"),
    ({"monitoring": {"serviceMonitor": {"enabled": "yes"}}}, "/monitoring/serviceMonitor/enabled"),
    ({"networkPolicy": {"egress": {"dns": {"ports": []}}}}, "/networkPolicy/egress/dns/ports"),
    ({"probes": {"liveness": {"path": "/"}}}, "path"),
    # What each value alone may be, but not all of them together:
    ({"config": {"shutdown": 60}}, "terminationGracePeriodSeconds is 45"),
    ({"terminationGracePeriodSeconds": 20}, "terminationGracePeriodSeconds is 20"),
    ({"strategy": {"maxUnavailable": 0, "maxSurge": "0%"}}, "both 0"),
    ({"nameOverride": "My_Name"}, "set fullnameOverride"),
    ({"fullnameOverride": "my.name"}, "/fullnameOverride"),
    # A null takes a value away, and no template would know what to do without it:
    ({"config": None}, "config"),
    ({"probes": {"liveness": None}}, "liveness"),
    ({"operator": {"alertScaler": {"source": None}}}, "source"),
    ({"monitoring": {"prometheusRule": {"alerts": {"ScrapDown": None}}}}, "ScrapDown"),
    ({"config": {"linger": 30}}, "config.linger is longer than config.shutdown"),
    # prometheus-operator would discard the whole AlertmanagerConfig:
    (warnings_within({"from": "20:00", "to": "06:00"}), "hours.from is not before to"),
    (warnings_within({"weekdays": ["monday:friday", "saturday:sunday"]}), "saturday:sunday is no range"),
    (warnings_within({"weekdays": ["mon"]}), "/warning/hours/weekdays/0"),
    ({"monitoring": {"alertmanagerConfig": {"critical": {"groupBy": ["job", "job"]}}}}, "/critical/groupBy"),
    ({"autoscaling": {"enabled": True}, "operator": {"enabled": True}}, "mutually exclusive"),
    ({"operator": {"alertScaler": {"minReplicas": 11}}}, "operator.alertScaler.minReplicas is above"),
    ({"operator": {"alertScaler": {"mode": "Dry"}}}, "/operator/alertScaler/mode"),
    ({"operator": {"alertScaler": {"fallback": "Minimum"}}}, "/operator/alertScaler/fallback"),
    ({"operator": {"targets": [{"resource": "statefulsets", "name": "queue"}]}}, "/operator/targets/0"),
    # An operator whose alerts do not exist would take their silence for health:
    (without_rules(enabled=False), "monitoring.prometheusRule.enabled disables"),
    (without_rules(groups={"scaling": False}), "groups.scaling disables"),
    (without_rules(alerts={"ScrapSaturated": {"enabled": False}}), "alerts.ScrapSaturated.enabled disables"),
    (without_rules(alerts={"ScrapScaleInUnsafe": {"enabled": False}}), "alerts.ScrapScaleInUnsafe.enabled disables"),
    ({"ingress": {"hosts": [{"host": "a.example", "path": "/"}]}}, "/ingress/hosts/0"),
    ({"ingress": {"hosts": [{"host": "a.example", "paths": [{"path": "api"}]}]}}, "/ingress/hosts/0"),
    ({"global": {"imageRegistry": 5}}, "/global/imageRegistry"),
    ({"image": {"registry": None}}, "registry"),
    ({"service": {"externalTrafficPolicy": "Local"}}, "need service.type NodePort or LoadBalancer"),
    ({"service": {"nodePort": 30080}}, "need service.type NodePort or LoadBalancer"),
    ({"service": {"loadBalancerClass": "example.org/a"}}, "needs service.type LoadBalancer"),
    ({"service": {"type": "NodePort", "loadBalancerClass": "example.org/a"}}, "needs service.type LoadBalancer"),
    ({"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": None}}, "or autoscaling.metrics"),
    ({"operator": {"podLabels": {"a": 1}}}, "/operator/podLabels/a"),
    ({"crds": {"enabled": True}}, "enabled"),
    ({"documentation": "docs"}, "/documentation"),
    ({"tests": {"alerts": {"enabled": True}}}, "set monitoring.prometheusUrl or tests.alerts.alertmanagerUrl"),
    ({"monitoring": {"prometheusRule": {"groups": {"nodes": "yes"}}}}, "/monitoring/prometheusRule/groups/nodes"),
    ({"httpRoute": {"enabled": True}}, "needs httpRoute.parentRefs"),
]


@pytest.mark.needs("helm")
@pytest.mark.parametrize(("values", "word"), TYPOS, ids=[json.dumps(values) for values, _ in TYPOS])
def test_a_mistake_is_refused_and_named(values: Object, word: str) -> None:
    with pytest.raises(ChartError, match=re.escape(word)):
        template(values)


@pytest.mark.needs("helm")
@pytest.mark.parametrize("release", ["my.app", "1app"])
def test_a_release_whose_name_cannot_be_a_services_is_refused(release: str) -> None:
    with pytest.raises(ChartError, match="set fullnameOverride"):
        template({}, release=release)
    assert one(render({"fullnameOverride": "app"}, release=release), "Service", "app")


@pytest.mark.needs("helm")
def test_what_the_service_and_kubernetes_know_themselves_may_be_left_out() -> None:
    """Every key that the schema does not require, as a null."""
    settings = dict.fromkeys(VALUES["config"])
    probes = {name: dict.fromkeys(probe) for name, probe in VALUES["probes"].items()}
    resources = dict.fromkeys(VALUES["resources"])
    contexts = {name: dict.fromkeys(VALUES[name]) for name in ("podSecurityContext", "securityContext")}
    values = {"config": settings, "probes": probes, "resources": resources, **contexts}
    assert one(render(values), "ConfigMap")["data"] is None


@pytest.mark.needs("helm3")
@pytest.mark.parametrize(("values", "word"), [TYPOS[0], TYPOS[-1]], ids=["by the schema", "by a template"])
def test_helm_3_refuses_as_well(values: Object, word: str) -> None:
    with pytest.raises(ChartError, match=re.escape(word)):
        template(values, helm="helm3")


@pytest.mark.needs("helm", "helm3")
@pytest.mark.parametrize("values", [*MATRIX.values(), *MATRIX_OF_KINDS.values()], ids=[*MATRIX, *MATRIX_OF_KINDS])
def test_both_helms_render_the_same(values: Object) -> None:
    assert render(values) == render(values, helm="helm3")


@pytest.mark.needs("helm")
def test_helm_lint_finds_nothing() -> None:
    done = subprocess.run(
        [str(tool("helm")), "lint", "--strict", "--quiet", CHART], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.needs("helm-docs")
def test_the_readme_is_current_and_every_value_documented() -> None:
    command = [str(tool("helm-docs")), "--chart-search-root", str(CHART), "--sort-values-order", "file"]
    strict = ["--documentation-strict-mode", "-y", "", "-z", rf"^({GROUPS})$,^({INSIDES})\."]
    done = subprocess.run(
        [*command, *strict, "--skip-version-footer", "--dry-run"], capture_output=True, text=True, check=False
    )
    assert "without documentation" not in done.stderr, done.stderr
    assert done.stdout.strip() == (CHART / "README.md").read_text().strip(), f"write it anew: {done.args}"
