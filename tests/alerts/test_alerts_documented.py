"""Every alert says what a person needs, and has a page that says the rest."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scrap.telemetry.buckets import SECONDS
from tests.alerts.rules import VALUES, alerts, groups_of, rules, settings
from tests.chart.rendering import CHART, NAMESPACE, ROOT, ChartError, Object, render, tool

pytestmark = pytest.mark.needs("helm")

RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = [*RUNBOOKS.glob("*.md"), *(ROOT / "docs" / f"{name}.md" for name in ("slack", "dashboards", "install"))]
PARTS = ["What it means for users", "How to check", "How to fix", "When it is false", "If this does not help"]
# What an alert's texts have where its page has a name that is set at its head.
NAMES_OF_PAGES = {
    f"-n {NAMESPACE} ": "-n $NS ",
    "instance=scrap,": "instance=$RELEASE,",
    "deployment/scrap": "deployment/$RELEASE",
    "alertscaler {{ $labels.alertscaler }}": "alertscaler $RELEASE",
    "{{ $labels.pod }}": "$POD",
    "{{ $labels.node }}": "$NODE",
    "{{ or $labels.nodename $labels.instance }}": "$NODE",
    "{{ $labels.device }}": "$DEVICE",
    '{{ if eq $labels.phase "request" }}seconds{{ else }}{{ $labels.phase }}{{ end }}': "seconds",
}
NAMES = sorted({alert["alert"] for alert in alerts()}) if tool("helm") else []
SEVERITIES = {"critical", "warning", "info", "none"}


def alerts_by(values: Object) -> list[Object]:
    """The alerts that these values give."""
    return [rule for group in groups_of(values) for rule in group["rules"] if "alert" in rule]


def named(name: str, values: Object) -> list[Object]:
    """The rules of one alert."""
    return [alert for alert in alerts_by(values) if alert["alert"] == name]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_an_alert(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n\nSeverity: ")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE)[: len(PARTS)] == PARTS
    parts = re.split(r"^## .*$", page, flags=re.MULTILINE)[1:]
    assert all(len(part.strip()) > 40 for part in parts)
    severities = {alert["labels"]["severity"] for alert in alerts() if alert["alert"] == name}
    assert severities == {severity for severity in SEVERITIES if re.search(rf"\b{severity}\b", page.splitlines()[2])}


@pytest.mark.parametrize("name", NAMES)
def test_the_command_of_an_alert_is_on_its_page(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text()
    for alert in alerts():
        action = alert["annotations"]["action"]
        if alert["alert"] == name and action.startswith("`"):
            command = action.split("`")[1]
            for text, word in NAMES_OF_PAGES.items():
                command = command.replace(text, word)
            assert command in page


def test_no_page_without_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("Scrap*.md")) == NAMES


def test_links_between_pages_lead_somewhere() -> None:
    for path in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def is_a_value(path: str) -> bool:
    """Does the chart have it? What another object has in its own words has no schema here."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    for word in path.split("."):
        if "properties" not in schema:
            return ("type", "object") in schema.items()
        if word not in schema["properties"]:
            return False
        schema = schema["properties"][word]
    return True


@pytest.mark.parametrize("page", [*PAGES, *CHART.glob("rules/*.yaml")], ids=lambda page: page.name)
def test_a_value_that_is_named_is_one(page: Path) -> None:
    words = {name for node in _maps(yaml.safe_load((CHART / "values.yaml").read_text())) for name in node}
    named = re.findall(r"(?<![\w./:$@{-])([a-z][A-Za-z]+(?:\.[A-Za-z]+)+)(?![\w(/-])", page.read_text())
    values = {name for name in named if name.partition(".")[0] in words and not name.endswith(".md")}
    assert [name for name in values if not is_a_value(name)] == []


def _maps(node: object) -> Iterator[Object]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _maps(child)


def test_every_rule_is_in_our_namespace() -> None:
    """A route takes only alerts of its own namespace; a sum has none, and a node's alert has the exporter's."""
    assert {rule["labels"]["namespace"] for rule in rules()} == {NAMESPACE}


def test_every_alert_says_what_a_person_needs() -> None:
    for alert in alerts():
        annotations = alert["annotations"]
        assert set(annotations) == {"summary", "description", "action", "runbook_url", "dashboard_url"}
        assert annotations["runbook_url"].endswith(f"/docs/runbooks/{alert['alert']}.md")
        assert re.fullmatch(
            r"http://127\.0\.0\.1:3000/d/[-a-z0-9]{1,40}\?var-namespace=demo&var-job=scrap",
            annotations["dashboard_url"],
        )
        assert alert["labels"]["severity"] in SEVERITIES
        assert "${" not in str(alert)


def test_dashboards_that_alerts_link_to_are_there() -> None:
    linked = {alert["annotations"]["dashboard_url"].partition("/d/")[2].partition("?")[0] for alert in alerts()}
    boards = render({"monitoring": {"dashboards": {"enabled": True}}})
    files = {name for item in boards if item["kind"] == "ConfigMap" for name in item["data"]}
    assert {f"{uid}.json" for uid in linked} <= files


# Rules of its own, so that it waits for none of the chart's: each can be switched off.
ALONE: Object = {"operator": {"enabled": True, "alertScaler": {"rules": [{"name": "own", "effect": "Hold"}]}}}


@pytest.mark.parametrize("off", [NAMES[::2], NAMES[1::2]], ids=["every other", "and the others"])
def test_alerts_are_switched_off_by_their_names(off: list[str]) -> None:
    left = {**settings(alerts={name: {"enabled": False} for name in off}), **ALONE}
    assert {alert["alert"] for alert in alerts_by(left)} == set(NAMES) - set(off)


def test_every_alert_gets_another_severity_by_its_name() -> None:
    as_it_comes = yaml.safe_load((CHART / "values.yaml").read_text())["monitoring"]["prometheusRule"]["alerts"]
    anew: Object = {}
    for name, alert in as_it_comes.items():
        severity = alert["severity"]
        anew[name] = {"severity": dict.fromkeys(severity, "info") if isinstance(severity, dict) else "info"}
    assert set(anew) == set(NAMES)
    assert {alert["labels"]["severity"] for alert in alerts_by(settings(alerts=anew))} == {"info"}


def test_an_alert_gets_another_severity_and_threshold_by_its_name() -> None:
    values = settings(alerts={"ScrapEventLoopLag": {"severity": "critical", "seconds": 0.5, "for": "1m"}})
    (alert,) = named("ScrapEventLoopLag", values)
    assert (alert["labels"]["severity"], alert["for"]) == ("critical", "1m")
    assert alert["expr"].endswith("> 0.5")
    burns = named("ScrapErrorBudgetBurn", settings(alerts={"ScrapErrorBudgetBurn": {"severity": {"day": "info"}}}))
    assert sorted(burn["labels"]["severity"] for burn in burns) == ["critical", "critical", "info", "warning"]


def test_a_group_is_switched_off_and_the_operators_comes_with_it() -> None:
    def groups(values: Object) -> set[str]:
        return {group["name"] for group in groups_of(values)}

    assert "scrap-nodes" not in groups(settings(groups={"nodes": False}))
    assert "scrap-operator" in groups(VALUES)
    assert "scrap-operator" not in groups({**VALUES, "operator": {"enabled": False}})


@pytest.mark.parametrize(
    ("name", "objective", "window"),
    [("ScrapErrorBudgetBurn", 0.9, "hour"), ("ScrapLatencyBudgetBurn", 0.5, "day")],
)
def test_a_budget_that_can_never_burn_so_fast_is_refused(name: str, objective: float, window: str) -> None:
    with pytest.raises(ChartError, match=f"{name} can never fire over burn.{window}: .* raise the objective or lower"):
        render(settings(alerts={name: {"objective": objective}}))
    assert not named(name, settings(alerts={name: {"objective": objective, "enabled": False}}))
    slower = {"hour": {"rate": 1.9}, "hours": {"rate": 1.5}, "day": {"rate": 1.2}}
    assert len(named(name, settings(alerts={name: {"objective": objective}}, burn=slower))) == 4


def test_a_slow_answer_is_one_above_a_bound_of_the_histogram() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["monitoring"]["properties"]
    burn = schema["prometheusRule"]["properties"]["alerts"]["properties"]["ScrapLatencyBudgetBurn"]["properties"]
    assert burn["seconds"]["enum"] == [second for second in SECONDS if 0.1 <= second <= 8]  # to the deadline
    bounds = ", ".join(f"{second:g}" for second in burn["seconds"]["enum"])
    assert f"one of the histogram's bounds ({bounds})" in (CHART / "values.yaml").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"alerts": {"ScrapDwon": {"enabled": False}}},
        {"alerts": {"ScrapDown": {"severity": "urgent"}}},
        {"alerts": {"ScrapDown": {"for": "one minute"}}},
        {"alerts": {"ScrapLatencyBudgetBurn": {"seconds": 2}}},
        {"groups": {"node": False}},
    ],
)
def test_a_typo_fails(wrong: Object) -> None:
    with pytest.raises(ChartError, match="schema"):
        render(settings(**wrong))
