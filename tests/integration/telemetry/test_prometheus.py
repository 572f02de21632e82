"""What Prometheus itself says of our metrics."""

import contextlib
import http.server
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from scrap.errors import Reason
from scrap.events import FlightJoined
from scrap.telemetry import FanOut, Metrics, close_together
from scrap.telemetry.otel import Signals
from scrap.telemetry.otel.exporting import Exporting
from scrap.telemetry.trace import Trace, current_trace
from tests.integration.telemetry.prometheus import prometheus
from tests.integration.telemetry.tools import tool
from tests.unit.telemetry.events import ENDED, EVENTS, FAILED
from tests.unit.telemetry.owners import FakeCache, observed
from tests.waiting import eventually

ROUTE = "/api/v1/scrap"


@contextlib.contextmanager
def serving(metrics: Metrics) -> Iterator[str]:
    """Serves /metrics on loopback."""

    class ExpositionHandler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, content_type = metrics.exposition(self.headers["Accept"])
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ExpositionHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize("used", [False, True])
def test_promtool_finds_nothing_to_say(used: bool) -> None:
    metrics = observed(Metrics(version="1", routes=[ROUTE]))
    emit = FanOut(pytest.fail, metrics=metrics.handlers)
    for event in EVENTS if used else ():
        emit(event)
    body, _ = metrics.exposition("")
    check = subprocess.run([tool("promtool"), "check", "metrics"], input=body, capture_output=True, check=False)
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")


@pytest.mark.servers
def test_a_real_prometheus_sees_exactly_what_happened(tmp_path: Path) -> None:
    cache = FakeCache()
    metrics = observed(Metrics(version="1.2.3", routes=[ROUTE]), cache=cache)
    emit = FanOut(pytest.fail, metrics=metrics.handlers)
    with serving(metrics) as target, prometheus(target, tmp_path) as server:
        # Known traffic: 30 good calls, each failure as often as its place in the list, one slow call.
        for _ in range(30):
            cache.lookups["memory", "fresh"] += 1
            emit(replace(ENDED, seconds=0.004))
        for times, reason in enumerate(Reason):
            for _ in range(times):
                emit(replace(FAILED, reason=reason, outcome=reason.outcome, status=reason.outcome.status, seconds=0.02))
        emit(FlightJoined())
        ids = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
        token = current_trace.set(Trace(ids, exemplar=ids))
        emit(replace(ENDED, seconds=3.25, ended=time.time()))  # where the exemplar is looked for
        current_trace.reset(token)
        metrics.note_lag(0.125)

        server.wait_for_scrapes(2)
        failures = sum(range(len(Reason)))
        seen = eventually(lambda: server.query("scrap_failures_total > 0"))
        assert {dict(labels)["reason"]: count for labels, count in seen.items()} == {
            reason: times for times, reason in enumerate(Reason) if times
        }
        expected = {
            "sum(scrap_requests_total)": 31 + failures,
            'sum(scrap_requests_total{fault="none"})': 31,
            'sum(scrap_requests_total{fault="service"})': sum(
                times for times, reason in enumerate(Reason) if reason.fault == "service"
            ),
            "sum(scrap_request_duration_seconds_count)": 31 + failures,
            'scrap_request_duration_seconds_bucket{outcome="ok",le="0.005"}': 30,
            'scrap_request_duration_seconds_sum{outcome="ok"}': 30 * 0.004 + 3.25,
            'scrap_request_duration_max_seconds{outcome="ok"}': 3.25,
            'scrap_request_duration_max_seconds{outcome="timeout"}': 0.02,
            'scrap_cache_lookups_total{level="memory",state="fresh"}': 30,
            "scrap_flights_joined_total": 1,
            "scrap_event_loop_lag_max_seconds": 0.125,
            'scrap_build_info{version="1.2.3"}': 1,
        }
        assert {promql: server.value(promql) for promql in expected} == pytest.approx(expected)
        assert server.exemplars("scrap_request_duration_seconds_bucket") == [
            {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
        ]

        # The peak is still there, many scrapes later; and a higher one replaces it.
        server.wait_for_scrapes(3)
        assert server.value('scrap_request_duration_max_seconds{outcome="ok"}') == 3.25
        emit(replace(ENDED, seconds=4.5))
        server.wait_for_scrapes(2)
        assert server.value("max(max_over_time(scrap_request_duration_max_seconds[1m]))") == 4.5


@pytest.mark.servers
def test_metrics_over_otlp_have_the_names_of_scraped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = observed(Metrics(version="1.2.3", routes=[ROUTE]))
    emit = FanOut(pytest.fail, metrics=metrics.handlers)
    for event in EVENTS:
        emit(event)
    with serving(metrics) as target, prometheus(target, tmp_path) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", server.otlp)
        export = Exporting(Signals(metrics=True), version="1.2.3", metrics=metrics)
        close_together(export.closings, 10)
        scraped, sent = (
            eventually(partial(server.names, f'job="scrap",instance{sign}"{target}"')) for sign in ("=", "!=")
        )
    conventional = {name for name in scraped if name.startswith("scrap_request_duration_seconds")}
    assert sent == scraped - conventional - {"scrap_requests_in_flight"}
