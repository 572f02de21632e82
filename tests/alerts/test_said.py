"""What an alert says when it fires: every template of its annotations is filled in, by promtool."""

import re
from pathlib import Path

import pytest
import yaml

from tests.alerts.rules import Case, alerts, cases, promtool, seconds
from tests.chart.rendering import NAMESPACE, tool

pytestmark = pytest.mark.needs("helm", "promtool")

NAMES = sorted({alert["alert"] for alert in alerts()}) if tool("helm") else []
SAID = yaml.safe_load((Path(__file__).parent / "said.yaml").read_text())

# What a template leaves where it fails or finds nothing.
BROKEN = re.compile(r"<no value>|<error|NaN|Inf\b|%!|\bon (has|is|grows)\b|  |^ | $|^$")


def first(name: str) -> tuple[Case, str]:
    """Where it fires first of all cases: the case and the time."""
    found = [(case, at) for case in cases() for at, firing in case.at.items() if f"{name}/" in " ".join(firing)]
    return min(found, key=lambda there: seconds(there[1]))


def pairs(text: str) -> dict[str, str]:
    """Labels or annotations as promtool prints them."""
    return {name: value.replace('\\"', '"') for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text)}


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_says_what_it_should(name: str, tmp_path: Path) -> None:
    case, at = first(name)
    # Nothing is expected, so that promtool shows what there is.
    asked = {"eval_time": at, "alertname": name, "exp_alerts": []}
    shown = promtool(case, tmp_path, promql_expr_test=[], alert_rule_test=[asked]).stderr
    (labels,) = map(pairs, re.findall(r"^ *Labels:(.*)$", shown, re.MULTILINE))
    (annotations,) = map(pairs, re.findall(r"^ *Annotations:(.*)$", shown, re.MULTILINE))
    assert labels == {"alertname": name, "namespace": NAMESPACE, **SAID[name]["labels"]}
    assert annotations["summary"] == SAID[name]["summary"]
    assert set(annotations) == {"summary", "description", "action", "runbook_url", "dashboard_url"}
    for value in (*labels.values(), *annotations.values()):
        assert not BROKEN.search(value), value


def test_nothing_is_said_of_what_is_no_alert() -> None:
    assert sorted(SAID) == NAMES
