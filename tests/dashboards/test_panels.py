"""Every panel says what it shows, is where it belongs, and follows the variables."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.dashboards.reading import Panel, panels
from tests.dashboards.boards import BOARDS, PANELS, QUERIES

ASKED_FOR = {
    "overview": {
        "Request rate, by outcome",
        "Errors, by fault",
        "Total requests",
        "Latency: p50, mean, p99, maximum",
        "Latency by outcome, in the selected range",
        "Responses of origins, by status",
        "Saturation, by pod",
        "Replicas",
        "Firing alerts",
        "Error budget spent",
    },
    "nodes": {"Ready nodes", "Nodes, now", "Disk usage", "Disk growth per hour", "Disk usage, predicted"},
    "operator": {"Replicas", "Rules", "Decisions, by reason", "Expected conditions", "Exceptional conditions"},
}


@pytest.mark.parametrize("name", ASKED_FOR)
def test_what_was_asked_for_is_there(name: str) -> None:
    assert {panel.title for panel in panels(BOARDS[name])} >= ASKED_FOR[name]


def test_the_overview_fits_a_screen() -> None:
    """Of 1080 lines Grafana's own bars take about 140; a row of the grid takes 38, a heading of a collapsed row too."""
    found = BOARDS["overview"]["panels"]
    shown = [panel for panel in found if panel["type"] != "row"]
    rows = [panel for panel in found if panel["type"] == "row"]
    assert {panel["title"] for panel in shown} >= {
        "Request rate, by outcome",
        "Errors, by fault",
        "Latency: p50, mean, p99, maximum",
        "Saturation, by pod",
        "Replicas",
        "Firing alerts",
    }
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in shown) * 38 + 140 < 1080
    assert all(row["collapsed"] and row["panels"] for row in rows)


def test_a_percentile_is_never_above_the_maximum_beside_it() -> None:
    for panel in PANELS.values():
        if any("maximum" in target.legend.lower() for target in panel.targets):
            for target in panel.targets:
                if "histogram_quantile" in target.expression:
                    assert re.match(r"min( by \(outcome\))? \(", target.expression), panel.title
                    assert "scrap_request_duration_max_seconds" in target.expression, panel.title


def test_no_response_is_no_500() -> None:
    panel = PANELS["overview: Responses of origins, by status"]
    assert panel.override("500", "color") != panel.override("none", "color")


def test_panels_lead_to_logs_traces_and_runbooks() -> None:
    variables = {variable["name"]: variable for variable in BOARDS["overview"]["templating"]["list"]}
    assert (variables["logs"]["query"], variables["traces"]["query"]) == ("loki", "tempo")
    links = {
        (title, link["title"]): link["url"]
        for title, panel in PANELS.items()
        for link in panel.defaults.get("links", [])
    }
    for (title, name), url in links.items():
        source = {"Logs": "${logs}", "Traces": "${traces}", "Runbook": "${runbooks}"}[name]
        assert source in url, title
        asked = json.loads(parse_qs(urlsplit(url).query)["panes"][0]) if name != "Runbook" else {}
        assert all(pane["datasource"] == source for pane in asked.values())
    by_fault = json.loads(parse_qs(urlsplit(links["overview: Errors, by fault", "Logs"]).query)["panes"][0])
    assert by_fault["a"]["queries"][0]["expr"] == (
        '{namespace="${namespace}", pod=~"${job}-.*", container="scrap"} | json | fault=`${__field.labels.fault}`'
    )
    assert links["overview: Firing alerts", "Runbook"] == "${runbooks}/${__field.labels.alertname}.md"


def test_traces_are_shown_where_there_are_some() -> None:
    panel = PANELS["overview: Latency: p50, mean, p99, maximum"]
    assert [target["refId"] for target in panel.raw["targets"] if target.get("exemplar")] == ["A"]


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_a_panel_has_title_description_and_unit(panel: Panel) -> None:
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.unit


@pytest.mark.parametrize("name", BOARDS)
def test_titles_are_unique(name: str) -> None:
    titles = [panel.title for panel in panels(BOARDS[name])]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("name", BOARDS)
def test_panels_fill_the_grid_and_never_overlap(name: str) -> None:
    cells = [
        (x, y)
        for left, top, width, height in (panel.grid for panel in panels(BOARDS[name]))
        for x in range(left, left + width)
        for y in range(top, top + height)
    ]
    assert len(cells) == len(set(cells)), "two panels at one place"
    assert {x for x, _ in cells} == set(range(24))
    bottom = max(y for _, y in cells) + 1
    assert len(cells) == 24 * bottom, "a hole"


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_the_variables(name: str) -> None:
    variables = {variable["name"]: variable for variable in BOARDS[name]["templating"]["list"]}
    assert list(variables)[:4] == ["datasource", "cluster", "namespace", "job"]
    assert (variables["cluster"]["includeAll"], variables["cluster"]["allValue"]) == (True, ".*")
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert "$namespace" in variables["job"]["query"]["query"]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_shows_rollouts_and_scaling(name: str) -> None:
    assert [found["name"] for found in BOARDS[name]["annotations"]["list"]] == ["Rollout", "Scaled out", "Scaled in"]


@pytest.mark.parametrize("name", BOARDS)
def test_dashboards_lead_to_each_other_at_the_same_time_and_place(name: str) -> None:
    link, *others = BOARDS[name]["links"]
    # kube-prometheus-stack's dashboards of the nodes have this tag.
    assert [other["tags"] for other in others] == ([["node-exporter-mixin"]] if name == "nodes" else [])
    assert (link["type"], link["tags"], link["keepTime"], link["includeVars"]) == ("dashboards", ["scrap"], True, True)
    assert BOARDS[name]["tags"] == ["scrap"]


def test_every_query_asks_the_chosen_data_source() -> None:
    for panel in PANELS.values():
        for target in panel.raw["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel.title


def test_a_panel_with_several_series_names_each() -> None:
    for title, (panel, target) in QUERIES.items():
        assert target.legend, title
        names = [other.legend for other in panel.targets]
        assert len(names) == len(set(names)), title
