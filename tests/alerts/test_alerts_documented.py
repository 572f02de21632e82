"""Every alert says what a person needs, and has a page that says the rest."""

import re

import pytest

from tests.alerts.rules import VALUES, alerts, rules
from tests.chart.rendering import NAMESPACE, ROOT, ChartError, Object, one, render, tool

pytestmark = pytest.mark.needs("helm")

RUNBOOKS = ROOT / "docs" / "runbooks"
PARTS = ["What it means for users", "How to check", "How to fix", "When it is false"]
NAMES = sorted({alert["alert"] for alert in alerts()}) if tool("helm") else []
GRADES = {"critical", "warning", "info", "none"}


def settings(**changes: Object) -> Object:
    """Values with these changes to the rules."""
    return {**VALUES, "monitoring": {"prometheusRule": {"enabled": True, **changes}}}


def named(name: str, values: Object) -> list[Object]:
    """The rules of one alert."""
    groups = one(render(values), "PrometheusRule")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"] if rule.get("alert") == name]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_an_alert(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n\nGrade: ")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == PARTS
    parts = re.split(r"^## .*$", page, flags=re.MULTILINE)[1:]
    assert all(len(part.strip()) > 40 for part in parts)
    grades = {alert["labels"]["severity"] for alert in alerts() if alert["alert"] == name}
    assert grades == {grade for grade in GRADES if re.search(rf"\b{grade}\b", page.splitlines()[2])}


def test_no_page_without_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("Scrap*.md")) == NAMES


def test_links_between_pages_lead_somewhere() -> None:
    for path in [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "slack.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


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
        assert alert["labels"]["severity"] in GRADES
        assert "${" not in str(alert)


def test_dashboards_that_alerts_link_to_are_there() -> None:
    linked = {alert["annotations"]["dashboard_url"].partition("/d/")[2].partition("?")[0] for alert in alerts()}
    boards = render({"monitoring": {"dashboards": {"enabled": True}}})
    files = {name for item in boards if item["kind"] == "ConfigMap" for name in item["data"]}
    assert {f"{uid}.json" for uid in linked} <= files


def test_alerts_are_switched_off_by_their_names() -> None:
    off = set(NAMES[::2])
    alerts = {name: {"enabled": False} for name in off}
    left = {**settings(alerts=alerts), "operator": {"enabled": True, "alertScaler": {"create": False}}}
    assert {name for name in NAMES if named(name, left)} == set(NAMES) - off


def test_an_alert_is_graded_anew_and_moved_by_its_name() -> None:
    values = settings(alerts={"ScrapEventLoopLag": {"severity": "critical", "seconds": 0.5, "for": "1m"}})
    (alert,) = named("ScrapEventLoopLag", values)
    assert (alert["labels"]["severity"], alert["for"]) == ("critical", "1m")
    assert alert["expr"].endswith("> 0.5")
    burns = named("ScrapErrorBudgetBurn", settings(alerts={"ScrapErrorBudgetBurn": {"severity": {"day": "info"}}}))
    assert sorted(burn["labels"]["severity"] for burn in burns) == ["critical", "critical", "info", "warning"]


def test_a_group_is_switched_off_and_the_operators_comes_with_it() -> None:
    def groups(values: Object) -> set[str]:
        return {group["name"] for group in one(render(values), "PrometheusRule")["spec"]["groups"]}

    assert "scrap-nodes" not in groups(settings(groups={"nodes": False}))
    assert "scrap-operator" in groups(VALUES)
    assert "scrap-operator" not in groups({**VALUES, "operator": {"enabled": False}})


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
