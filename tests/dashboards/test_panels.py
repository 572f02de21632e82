"""Every panel says what it shows, is where it belongs, and follows the variables."""

import pytest

from scripts.dashboards.reading import Panel, panels
from tests.dashboards.boards import BOARDS, PANELS, QUERIES

ASKED_FOR = {
    "overview": {
        "Requests per second",
        "Failures per second, by fault",
        "Total requests",
        "Median, mean, 99th percentile and maximum",
        "By outcome, in the selected range",
        "Responses of origins",
        "Fetch slots in use, by pod",
        "Replicas requested and ready, and their bounds",
        "Alerts",
        "Error budget left",
    },
    "nodes": {
        "Ready nodes",
        "Nodes, now",
        "CPU",
        "Memory",
        "Level",
        "Growth per hour",
        "Level, predicted",
        "In and out",
        "Errors and drops",
    },
    "operator": {"Replicas", "Rules", "Decisions, by reason", "Expected conditions", "Exceptional conditions"},
}


@pytest.mark.parametrize("name", ASKED_FOR)
def test_what_was_asked_for_is_there(name: str) -> None:
    assert {panel.title for panel in panels(BOARDS[name])} >= ASKED_FOR[name]


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
    assert list(variables)[:3] == ["datasource", "namespace", "job"]
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert "$namespace" in variables["job"]["query"]["query"]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_shows_rollouts_and_scaling(name: str) -> None:
    assert [found["name"] for found in BOARDS[name]["annotations"]["list"]] == ["Rollout", "Scaled out", "Scaled in"]


@pytest.mark.parametrize("name", BOARDS)
def test_dashboards_lead_to_each_other_at_the_same_time_and_place(name: str) -> None:
    (link,) = BOARDS[name]["links"]
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
