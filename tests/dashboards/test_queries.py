"""Every query is PromQL, names metrics and labels that there are, and its unit fits."""

import re
from collections.abc import Iterator

import promql_parser
import pytest
from promql_parser import AggModifierType, AggregateExpr, Expr, VectorSelector

from scripts.dashboards.reading import Panel, Target
from tests.dashboards.boards import ANNOTATIONS, QUERIES, VIEW
from tests.dashboards.catalogue import everything
from tests.dashboards.units import NUMBER, SHOWN_IN, children, measured, selectors

METRICS = everything()
EXPRESSIONS = {title: target.expression for title, (_, target) in QUERIES.items()} | {
    name: target.expression for name, target in ANNOTATIONS.items()
}
# What is of the cluster, or of the machines under it, and not of a namespace.
_OF_THE_CLUSTER = ("node_", "kube_node_", "up", "scrap:node_")


def parsed(expression: str) -> Expr:
    return promql_parser.parse(VIEW.fill(expression))


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_query_names_metrics_and_labels_that_there_are(expression: str) -> None:
    for selector in selectors(parsed(expression)):
        assert selector.name in METRICS
        assert {matcher.name for matcher in selector.matchers.matchers} <= METRICS[selector.name]


def _grouped(expression: Expr) -> None:
    if isinstance(expression, AggregateExpr) and expression.modifier:
        assert expression.modifier.type == AggModifierType.By, "without keeps labels that nobody thought of"
        there = {label for selector in selectors(expression) for label in METRICS[str(selector.name)]}
        assert set(expression.modifier.labels) <= there
    for child in children(expression):
        _grouped(child)


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_query_groups_by_labels_that_there_are(expression: str) -> None:
    _grouped(parsed(expression))


def _summed(expression: Expr) -> Iterator[str]:
    """Yields what is added up or counted as it comes, and not once a thing."""
    if isinstance(expression, AggregateExpr) and str(expression.op) in {"max", "min"}:
        return
    if isinstance(expression, AggregateExpr) and str(expression.op) in {"sum", "count"}:
        yield from (str(selector.name) for selector in _bare(expression.expr))
    for child in children(expression):
        yield from _summed(child)


def _bare(expression: Expr) -> Iterator[VectorSelector]:
    if isinstance(expression, AggregateExpr):
        return
    if isinstance(expression, VectorSelector):
        yield expression
    for child in children(expression):
        yield from _bare(child)


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_second_kube_state_metrics_doubles_nothing(expression: str) -> None:
    assert not [name for name in _summed(parsed(expression)) if name.startswith("kube_")]


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_query_asks_for_the_chosen_service_alone(expression: str) -> None:
    for selector in selectors(parsed(expression)):
        if str(selector.name).startswith(_OF_THE_CLUSTER):
            continue
        matched = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        assert matched["namespace"] == VIEW.variables["namespace"], selector.name
        if selector.name != "ALERTS":
            assert any(VIEW.variables["job"] in value for value in matched.values()), selector.name


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_rate_is_taken_over_what_grafana_proposes(expression: str) -> None:
    """A fixed window is coarser than the graph, or shorter than two scrapes; a budget's windows are defined so."""
    windows = re.findall(r"\b(?:rate|increase)\([^\[\]]*\[([^\]]+)\]", expression)
    assert set(windows) <= {"$__rate_interval", "$__range"} or "objective" in expression or "ever" in expression


@pytest.mark.parametrize(("panel", "target"), QUERIES.values(), ids=QUERIES)
def test_the_unit_is_that_of_the_query(panel: Panel, target: Target) -> None:
    found = measured(parsed(target.expression))
    if found != NUMBER:
        assert SHOWN_IN[panel.override(target.legend, "unit") or panel.unit] == found


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        ("a_seconds{}", "seconds"),
        ("rate(a_seconds_total{}[5m])", "ratio"),
        ("sum(rate(a_bytes_total{}[5m]))", "bytes/s"),
        ("sum(rate(a_seconds_sum{}[5m])) / sum(rate(a_seconds_count{}[5m]))", "seconds"),
        ("1 - a_bytes{} / b_bytes{}", "ratio"),
        ("histogram_quantile(0.5, sum by (le) (rate(a_seconds_bucket{}[5m])))", "seconds"),
    ],
)
def test_units_are_distinguished(expression: str, unit: str) -> None:
    assert measured(promql_parser.parse(expression)) == unit


def test_what_is_not_of_one_kind_is_not_added() -> None:
    with pytest.raises(ValueError, match=r"seconds \+ bytes"):
        measured(promql_parser.parse("a_seconds{} + b_bytes{}"))
