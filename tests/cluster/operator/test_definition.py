"""What the API server makes of an AlertScaler before any operator sees it."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from scrap_operator import manifest
from scrap_operator.model import DOWN_BY_DEFAULT, UP_BY_DEFAULT, Mode, Source
from tests.cluster.operator.conftest import Json, KubeNamespace, documented, kubectl

pytestmark = pytest.mark.usefixtures("definition")

Edit = Callable[[Json], Any]


def edited(edit: Edit) -> Json:
    """The document's sample, with a mistake in it."""
    sample: Json = deepcopy(documented("sample"))
    edit(sample["spec"])
    return sample


def rule(**fields: Any) -> Edit:
    return lambda spec: spec["rules"][0].update(fields)


def source(**fields: Any) -> Edit:
    return lambda spec: spec["source"].update(fields)


MISTAKES: dict[str, tuple[Edit, str]] = {
    "minimum above maximum": (lambda spec: spec.update(minReplicas=11), "minReplicas must not be above maxReplicas"),
    "minimum of none": (lambda spec: spec.update(minReplicas=0), "greater than or equal to 1"),
    "no maximum": (lambda spec: spec.pop("maxReplicas"), "spec.maxReplicas: Required value"),
    "no target": (lambda spec: spec.pop("scaleTargetRef"), "spec.scaleTargetRef: Required value"),
    "no rules": (lambda spec: spec.update(rules=[]), "should have at least 1 items"),
    "two rules of one name": (lambda spec: spec["rules"][1].update(name="saturated"), "Duplicate value"),
    "a step of none": (rule(step=0), "greater than or equal to 1"),
    "a step down": (rule(step=-1), "greater than or equal to 1"),
    "an effect of its own": (rule(effect="Explode"), 'supported values: "ScaleUp", "ScaleDown", "Hold"'),
    "a rule that matches all": (rule(matchers={}), "should have at least 1 properties"),
    "a mode of its own": (lambda spec: spec.update(mode="Maybe"), 'supported values: "Active", "DryRun", "Suspended"'),
    "a fallback of its own": (lambda spec: spec.update(fallback="Maximum"), "fallback must be Hold, or a number"),
    "a fallback of none": (lambda spec: spec.update(fallback=0), "fallback must be Hold, or a number"),
    "a fallback above maximum": (lambda spec: spec.update(fallback=11), "fallback must not be above maxReplicas"),
    "two sources": (source(url="http://elsewhere"), "set either service or url"),
    "no source": (lambda spec: spec["source"].pop("service"), "set either service or url"),
    "a URL of a file": (lambda spec: spec.update(source={"url": "file:///etc/passwd"}), "spec.source.url"),
    "an interval of none": (source(interval="0s"), "interval must be a second or longer"),
    "an interval of an hour": (source(interval="1h", settle="3h"), "interval must be a minute or shorter"),
    "silences of Prometheus": (source(kind="Prometheus", silences="Heed"), "Prometheus has no silences"),
    "a duration without a unit": (source(settle="120"), "spec.source.settle"),
    "a timeout above the interval": (source(timeout="16s"), "timeout must not be longer than interval"),
    "a settle time of one poll": (source(settle="29s"), "settle must be at least twice the interval"),
    "no heartbeat": (source(heartbeat={}), "should have at least 1 properties"),
    "a policy without a period": (
        lambda spec: spec.update(behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 1}]}}),
        "periodSeconds: Required value",
    ),
}


@pytest.mark.parametrize(("edit", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_and_named(edit: Edit, says: str) -> None:
    assert says in kubectl("create", "--dry-run=server", "--filename", "-", given=edited(edit), fails=True)


def test_a_misspelt_field_is_refused() -> None:
    misspelt = edited(lambda spec: spec.update(maxReplica=3))
    assert 'unknown field "spec.maxReplica"' in kubectl(
        "create", "--dry-run=server", "--validate=strict", "--filename", "-", given=misspelt, fails=True
    )


def test_the_defaults_of_the_crd_are_the_models(bare: KubeNamespace) -> None:
    bare.kubectl("create", "--filename", "-", given=documented("sample"))
    spec = manifest.spec_of(bare.get("alertscaler", "scrap"))
    assert spec.source == Source("http://kube-prometheus-stack-alertmanager.monitoring.svc:9093")
    assert (spec.up, spec.down, spec.mode) == (UP_BY_DEFAULT, DOWN_BY_DEFAULT, Mode.ACTIVE)
    assert spec == replace(manifest.spec_of(documented("sample") | {"metadata": {"namespace": bare.name}}))


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("als", "sets the replicas of one object by firing alerts"),
        ("als.spec.source", "The source of the alerts"),
        ("als.spec.source.settle", "before the operator scales in"),
        ("als.spec.rules", "ScaleUp takes precedence over Hold"),
        ("als.spec.behavior.scaleDown.policies", "one change per period"),
        ("als.status.conditions", "Ready: the operator applies its decisions"),
    ],
)
def test_explain_explains(field: str, says: str) -> None:
    assert says in " ".join(kubectl("explain", field).split())


def test_the_rules_that_fire_are_printed_by_name(bare: KubeNamespace) -> None:
    bare.kubectl("create", "--filename", "-", given=documented("sample"))
    status = {"status": {"firing": ["saturated", "scale-in-unsafe"], "firingNames": "saturated,scale-in-unsafe"}}
    bare.kubectl("patch", "als", "scrap", "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
    header, row = bare.kubectl("get", "als", "--output=wide").splitlines()
    assert header.split()[-2:] == ["FIRING", "MESSAGE"]
    assert "saturated,scale-in-unsafe" in row.split()
