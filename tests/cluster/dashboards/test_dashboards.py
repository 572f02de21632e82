"""Every query of every panel, on the real Prometheus of a real cluster, while calls come in."""

import time
from collections.abc import Callable, Iterator

import promql_parser
import pytest

from scripts.dashboards.prometheus import Prometheus, Series
from scripts.dashboards.reading import Panel, View
from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import Namespace, hurry, start_web, until
from tests.cluster.dashboards.scene import WEB, DashboardLoad, called, prometheus, values
from tests.cluster.intervals import Intervals, asked
from tests.dashboards.boards import ANNOTATIONS, BOARDS, PANELS, QUERIES, VARIABLES
from tests.dashboards.units import selectors

pytestmark = pytest.mark.usefixtures("inside")

# What has every right to be empty here, and why.
EMPTY = {
    "overview: Firing alerts A": "nothing fires yet",
    "overview: Writes to the shared cache, by result A": "there is no shared cache",
    "nodes: Disk growth per hour B": "what is usual for a disk takes half an hour to be known",
}
# Without a HorizontalPodAutoscaler nothing has its bounds, without a shared cache nothing is written to it, and what is
# usual for a disk takes half an hour.
ABSENT = {
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_spec_min_replicas",
    "scrap_cache_shared_writes_total",
    "scrap:node_filesystem_fill:usual",
}
PATIENCE = 240  # seconds; rules come to Prometheus within a minute or so, and the totals are added up once a minute

Answers = dict[str, list[Series]]


def ask(source: Prometheus, view: View) -> Answers:
    """What each query gives."""
    return {title: view.ask(source, target) for title, (_, target) in QUERIES.items()}


def empty(answers: Answers) -> set[str]:
    """The queries that gave no number at all."""
    return {title for title, found in answers.items() if not any(series.points for series in found)}


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """One that never was: what Prometheus remembers of an earlier one would be in the totals, and rightly so."""
    found = Namespace(f"dashboards-{time.time():.0f}")
    found.create()
    yield found
    found.delete()


@pytest.fixture(scope="module")
def source() -> Prometheus:
    return Prometheus(prometheus())


@pytest.fixture(scope="module")
def load(namespace: Namespace) -> Iterator[DashboardLoad]:
    start_web(namespace, WEB)
    namespace.install(values(namespace))
    with called(namespace) as found:
        yield found


@pytest.fixture(scope="module")
def intervals(namespace: Namespace) -> Intervals:
    return asked(Stack(), namespace.name)


@pytest.fixture(scope="module")
def answers(load: DashboardLoad, namespace: Namespace, source: Prometheus, intervals: Intervals) -> Answers:
    """What they give as soon as all but the listed ones give something, or at last."""
    begun = time.time()
    variables = {**VARIABLES, "namespace": namespace.name}
    while True:
        now = time.time()
        found = ask(source, View(variables, now - 300, now, step=5, scrape=round(intervals.scrape)))
        if empty(found) <= set(EMPTY) or now - begun > intervals.patience(PATIENCE):
            return found
        hurry()
        time.sleep(1)


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_returns_data(title: str, answers: Answers) -> None:
    if title not in EMPTY:
        assert any(series.points for series in answers[title])


def bounds(namespace: Namespace, source: Prometheus, low: int, high: int) -> None:
    """Has the operator scale the pods, which it does into these bounds at once, until Prometheus has seen it.

    An earlier scaling would do for the annotation: without waiting, the next change undoes what was never done.
    """
    change = f'{{"spec": {{"minReplicas": {low}, "maxReplicas": {high}}}}}'
    namespace.kubectl("patch", "alertscaler", "scrap", "--type=merge", "--patch", change)

    def scaled() -> bool:
        wanted = f'kube_deployment_spec_replicas{{namespace="{namespace.name}", deployment="scrap"}}'
        (found,) = source.instant(wanted, time.time())
        return low <= found.points[0][1] <= high

    until(f"{low} to {high} pods are wanted", scaled)


# What makes each happen. The install was a rollout. The first scaling, from one pod to the minimum, may have come
# before the first scrape, and is not relied upon.
HAPPENS: dict[str, Callable[[Namespace, Prometheus], None]] = {
    "Rollout": lambda *_: None,
    "Scaled out": lambda namespace, source: bounds(namespace, source, 3, 4),
    "Scaled in": lambda namespace, source: bounds(namespace, source, 2, 2),
}


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_an_annotation_marks_what_happened(
    name: str, answers: Answers, namespace: Namespace, source: Prometheus, intervals: Intervals
) -> None:
    def marked() -> bool:
        now = time.time()
        view = View({**VARIABLES, "namespace": namespace.name}, now - 300, now, step=5, scrape=round(intervals.scrape))
        return bool(view.ask(source, ANNOTATIONS[name]))

    HAPPENS[name](namespace, source)
    until(f"{name} is marked", marked, intervals.patience(60))


def test_every_metric_that_is_named_is_there(answers: Answers, source: Prometheus) -> None:
    view = View(VARIABLES, 0, 300)
    expressions = [target.expression for target in (*(target for _, target in QUERIES.values()), *ANNOTATIONS.values())]
    named = {found.name for text in expressions for found in selectors(promql_parser.parse(view.fill(text)))}
    assert named - ABSENT <= source.metrics()


# What a share, a time or a size can be at all here: a wrong unit is off by a thousand.
POSSIBLE = {
    "percentunit": (0, 1),
    "s": (0, 60),
    "bytes": (2**20, 2**40),
    "Bps": (-(2**40), 2**40),  # what goes out is drawn below the line
    "reqps": (0, 1000),
    "pps": (0, 10_000),
    "cpm": (0, 1000),
    "locale": (0, 100_000),
    "short": (0, 100),
    "none": (0, 1000),
    "suffix:x": (0, 1000),
    "suffix: times": (0, 1000),
}
# A disk that is tidied up is below zero, and anywhere.
ANYWHERE = {
    "nodes: Disk growth per hour A",
    "nodes: Nodes, now H",
}


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_values_fit_their_unit(panel: Panel, answers: Answers) -> None:
    for title, (other, target) in QUERIES.items():
        unit = panel.override(target.legend, "unit") or panel.unit
        if other is panel and title not in ANYWHERE:
            low, high = POSSIBLE[unit]
            values_there = [value for series in answers[title] for _, value in series.points]
            assert all(low <= value <= high for value in values_there), title


def test_since_installation_is_every_call(
    load: DashboardLoad, namespace: Namespace, source: Prometheus, intervals: Intervals
) -> None:
    """Pods have come and one has gone; what it counted between its last scrape and its end is lost, and no more."""
    load.stop()
    lost = load.rate * intervals.scrape  # at most: it was one of three
    variables = {**VARIABLES, "namespace": namespace.name}

    def ever() -> float:
        now = time.time()
        view = View(variables, now - 300, now)
        (found,) = view.ask(source, QUERIES["overview: Total requests B"][1])
        return found.points[-1][1]

    until("the last call is added up", lambda: load.answered - lost <= ever() <= load.made, intervals.patience(90))


def test_the_chart_brings_them(namespace: Namespace, answers: Answers) -> None:
    found = namespace.get("configmaps", "-l", "grafana_dashboard=1")["items"]
    assert len(found) == len(BOARDS)
