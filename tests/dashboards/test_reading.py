"""What the preview and the cluster test make of a dashboard's JSON and of Prometheus' answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.dashboards.prometheus import Prometheus, QueryError, Series
from scripts.dashboards.reading import Target, View, panels
from scripts.dashboards.values import shown
from tests.dashboards.boards import BOARDS, PANELS


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (90, "s", "1.5 min"),
        (0, "s", "0 µs"),
        (0.0034, "percentunit", "0.34 %"),
        (536870912, "bytes", "512 MiB"),
        (1500, "Bps", "1.5 kB/s"),
        (12.345, "reqps", "12.3 /s"),
        (1234567.8, "locale", "1,234,568"),
        (14.4, "suffix:x", "14.4 x"),
        (103.07, "suffix: times", "103 times"),
        (-0.02, "percentunit", "-2 %"),
        (4321, "none", "4,321"),
    ],
)
def test_a_value_is_shown_with_its_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_decimals_are_kept() -> None:
    assert shown(0.12345, "percentunit", 1) == "12.3 %"


@pytest.mark.parametrize(
    ("step", "scrape", "window"),
    [(15, 15, 60), (300, 15, 315), (15, 30, 120)],
    ids=["four scrapes at least", "a wide range: a point and a scrape", "a slow scrape"],
)
def test_a_rate_is_taken_as_grafana_takes_it(step: float, scrape: float, window: int) -> None:
    view = View({}, 0, 3600, step, scrape)
    assert view.fill("rate(a[$__rate_interval])") == f"rate(a[{window}s])"


def test_variables_are_filled_in_and_groups_of_a_pattern_are_not() -> None:
    view = View({"job": "scrap"}, 0, 3600)
    assert view.fill('a{job="$job"}[$__range] "$1"') == 'a{job="scrap"}[3600s] "$1"'


def test_a_variable_that_nobody_has_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="nobody"):
        View({}, 0, 1).fill("$nobody")


def test_a_legend_has_the_labels_of_its_series() -> None:
    target = Target("A", "up", "{{pod}} in {{namespace}}{{nothing}}", instant=False)
    assert target.name(Series({"pod": "a", "namespace": "b"}, ())) == "a in b"


def test_rows_are_headings() -> None:
    assert [panel.title for panel in panels(BOARDS["operator"]) if panel.kind == "row"] == [
        "Health",
        "Decisions",
        "Conditions and source",
    ]


def test_what_is_set_for_one_series_is_found() -> None:
    panel = PANELS["overview: Errors, by fault"]
    assert panel.override("service", "color") == {"mode": "fixed", "fixedColor": "red"}
    assert panel.override("service", "unit") is None
    assert panel.override("nobody", "color") is None


def test_what_is_set_for_a_pattern_of_series_is_found() -> None:
    panel = PANELS["nodes: Disk growth per hour"]
    assert panel.override("node-1 /dev/sda unusual", "color") == {"mode": "fixed", "fixedColor": "red"}
    assert panel.override("node-1 /dev/sda", "color") is None


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = parse_qs(split.query).get("query", [""])[0]
        status, body = (
            200,
            {
                "/api/v1/query": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2.5"]}]},
                "/api/v1/query_range": {
                    "resultType": "matrix",
                    "result": [{"metric": {}, "values": [[1, "1"], [2, "NaN"]]}],
                },
                "/api/v1/label/__name__/values": ["up"],
            }[split.path],
        )
        answer: object = {"data": body}
        if query == "1":
            answer = {"data": {"resultType": "scalar", "result": [1, "1"]}}
        if query == "(":
            status, answer = 400, {"error": "parse error"}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def source() -> Iterator[Prometheus]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Prometheus(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


def test_answers_become_series(source: Prometheus) -> None:
    assert source.instant("up", 1) == [Series({"a": "b"}, ((1, 2.5),))]
    assert source.instant("1", 1) == [Series({}, ((1, 1),))]
    assert source.metrics() == {"up"}


def test_what_is_no_number_is_left_out(source: Prometheus) -> None:
    assert source.range("up", 0, 2, 1) == [Series({}, ((1, 1),))]


def test_an_error_is_reported(source: Prometheus) -> None:
    with pytest.raises(QueryError, match="parse error"):
        source.instant("(", 1)
