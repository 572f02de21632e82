"""What the chart makes of the dashboards."""

import json
from typing import Any

import pytest

from scripts.dashboards.reading import constants
from tests.chart.rendering import MONITORING, NAMESPACE, Object, render
from tests.dashboards.boards import BOARDS

pytestmark = pytest.mark.needs("helm")

ON: Object = {"monitoring": {"dashboards": {"enabled": True}}}


def config_maps(values: Object, release: str = "scrap", knows: tuple[str, ...] = ()) -> list[Object]:
    """The ConfigMaps that Grafana's sidecar would take."""
    return [
        item
        for item in render(values, release=release, knows=knows)
        if item["kind"] == "ConfigMap" and item["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]


def boards(values: Object, release: str = "scrap") -> dict[str, dict[str, Any]]:
    """The dashboards in them, by file name."""
    return {name: json.loads(text) for item in config_maps(values, release) for name, text in item["data"].items()}


@pytest.mark.parametrize(
    ("switch", "knows", "there"),
    [("auto", (), 0), ("auto", MONITORING, 3), (True, (), 3), (False, MONITORING, 0)],
)
def test_they_are_there_where_the_stack_is(switch: object, knows: tuple[str, ...], there: int) -> None:
    assert len(config_maps({"monitoring": {"dashboards": {"enabled": switch}}}, knows=knows)) == there


def test_nothing_but_the_first_choices_is_changed() -> None:
    for name, rendered in boards(ON).items():
        committed = BOARDS[name.removesuffix(".json").rpartition("-")[2]]
        changed = {key for key in committed if committed[key] != rendered[key]}
        assert changed == {"uid", "title", "templating"}
        assert set(rendered) == set(committed)


def test_the_first_choice_is_this_release() -> None:
    values = {"monitoring": {"dashboards": {"enabled": True}}}
    for rendered in boards(values, release="previews").values():
        variables = {variable["name"]: variable for variable in rendered["templating"]["list"]}
        assert variables["namespace"]["current"]["value"] == NAMESPACE
        assert variables["job"]["current"]["value"] == "previews-scrap"
        assert variables["cluster"]["current"]["value"] == "$__all"
        assert "current" not in variables["datasource"], "Grafana's default is as good"


# A value of the alerts', and what the dashboard has of it.
OF_THE_ALERTS: dict[str, tuple[Object, str]] = {
    "objective": ({"alerts": {"ScrapErrorBudgetBurn": {"objective": 0.99}}}, "0.99"),
    "latency_objective": ({"alerts": {"ScrapLatencyBudgetBurn": {"objective": 0.96}}}, "0.96"),
    "runbooks": ({"runbooks": "https://example.org/r/"}, "https://example.org/r"),
    "disk_window": ({"disk": {"window": "1h"}}, "1h"),
    "disk_within": ({"alerts": {"ScrapNodeDiskFilling": {"within": "2h"}}}, "2h"),
    "disk_evicts": ({"alerts": {"ScrapNodeDiskFilling": {"below": 0.12}}}, "0.12"),
    "disk_full": ({"alerts": {"ScrapNodeDiskFull": {"below": 0.2}}}, "0.2"),
    "disk_inodes": ({"alerts": {"ScrapNodeInodes": {"below": 0.07}}}, "0.07"),
    "disk_times": ({"alerts": {"ScrapNodeDiskGrowing": {"times": 5}}}, "5"),
    "disk_above": ({"alerts": {"ScrapNodeDiskGrowing": {"above": 0.02}}}, "0.02"),
}


def constants_by(rules: Object) -> dict[str, str]:
    """The constants of all dashboards, by these values of the rules."""
    found: dict[str, str] = {}
    for board in boards({"monitoring": {"dashboards": {"enabled": True}, "prometheusRule": rules}}).values():
        found |= constants(board)
        for variable in board["templating"]["list"]:
            if variable["type"] == "constant":
                assert variable["current"]["value"] == variable["query"]
    return found


def test_what_is_committed_is_what_the_alerts_come_with() -> None:
    committed = {name: value for board in BOARDS.values() for name, value in constants(board).items()}
    assert constants_by({}) == committed
    assert set(committed) == set(OF_THE_ALERTS)


@pytest.mark.parametrize("name", OF_THE_ALERTS)
def test_a_constant_is_that_of_the_alerts(name: str) -> None:
    rules, value = OF_THE_ALERTS[name]
    assert constants_by(rules) == {**constants_by({}), name: value}


def test_a_uid_is_stable_short_and_nobody_elses() -> None:
    first = boards(ON)
    assert boards(ON) == first
    long = "a-release-with-a-name-as-long-as-helm-allows-53-chars"
    uids = [board["uid"] for release in ("scrap", "other", long) for board in boards(ON, release).values()]
    assert len(set(uids)) == 9
    assert all(len(uid) <= 40 for uid in uids), "Grafana takes no more"


def test_two_releases_do_not_overwrite_each_other() -> None:
    """Grafana's sidecar writes all files into one folder, where Grafana wants titles that differ."""
    first, second = boards(ON), boards(ON, "other")
    assert not set(first) & set(second)
    titles = [board["title"] for board in (*first.values(), *second.values())]
    assert len(set(titles)) == 6


def test_a_config_map_can_be_applied() -> None:
    """kubectl keeps the whole of what it applied in an annotation, of 256 KiB at most."""
    for item in config_maps(ON):
        assert len(json.dumps(item)) < 200 * 1024


def test_labels_and_annotations_are_settable() -> None:
    dashboards = {"enabled": True, "labels": {"grafana_dashboard": "1", "team": "web"}, "annotations": {"folder": "x"}}
    for item in config_maps({"monitoring": {"dashboards": dashboards}}):
        assert item["metadata"]["labels"]["team"] == "web"
        assert item["metadata"]["annotations"] == {"folder": "x"}


def test_the_rule_comes_with_the_rules() -> None:
    def groups(values: Object) -> set[str]:
        found = render({"monitoring": {"prometheusRule": {"enabled": True, "groups": values}}})
        return {group["name"] for item in found if item["kind"] == "PrometheusRule" for group in item["spec"]["groups"]}

    assert groups({}) - groups({"dashboards": False}) == {"scrap-calls"}
