"""OTLP to a receiver that decodes the real protobuf, and to some that do not answer."""

import contextvars
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource

from scrap.errors import Outcome, Reason
from scrap.events import Content, Emit, Event, FetchEnded, Hop, Parse, RequestEnded, RequestStarted
from scrap.telemetry import FanOut, LogSettings, Metrics, RequestLog, capture_logging, close_together
from scrap.telemetry.otel import Signals, signals_of
from scrap.telemetry.otel.exporting import Exporting
from scrap.telemetry.otel.metrics import MetricsExport
from tests.integration.telemetry.receivers import Receiver, gone, hanging, receiver
from tests.unit.telemetry.events import ENDED, FAILED, HOP
from tests.unit.telemetry.owners import observed

ROUTE = "/api/v1/scrap"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
CALL: tuple[Event, ...] = (
    RequestStarted(),
    FetchEnded(
        hops=[
            replace(HOP, status=302),
            replace(
                HOP,
                host="www.example.org",
                port=8443,
                url="https://www.example.org:8443/page",
                started=1_700_000_000.01,
            ),
        ],
        content=Content(900, 5000, 0.004, truncated=False, ended=1_700_000_000.02),
        parse=Parse("reference", "foreign", 1_700_000_000.02, 0.04),
    ),
    ENDED,
)


@contextmanager
def exporting(url: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[tuple[Emit, Exporting]]:
    """Telemetry with OTLP to an address; closed at the end, so that all is sent."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    metrics = observed(Metrics(version="1.2.3", routes=[ROUTE]))
    otel = Exporting(signals_of(os.environ) or Signals(), version="1.2.3", metrics=metrics)
    try:
        with capture_logging(LogSettings(), *otel.log_handlers):
            yield FanOut(pytest.fail, **otel.sinks, metrics=metrics.handlers, log=RequestLog().handlers), otel
    finally:
        close_together(otel.closings, 10)


def call(emit: Emit, *events: Event) -> None:
    """Emits the events of a call in a context of its own, as the task of a request is."""
    context = contextvars.copy_context()
    for event in events:
        context.run(emit, event)


def plain(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")


def attributes(pairs: Iterator[KeyValue] | Any) -> dict[str, Any]:
    return {pair.key: plain(pair.value) for pair in pairs}


def spans(received: Receiver) -> list[Span]:
    """All spans that came, in their order."""
    found: list[Span] = []
    for request in received.requests:
        if request.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
    return found


def metrics_of(received: Receiver) -> dict[str, Metric]:
    """The metrics that came last, by name."""
    request = [request for request in received.requests if request.path == "/v1/metrics"][-1]
    (resource,) = ExportMetricsServiceRequest.FromString(request.body).resource_metrics
    return {metric.name: metric for metric in resource.scope_metrics[0].metrics}


def test_a_call_is_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        with exporting(received.url, monkeypatch) as (emit, _):
            call(emit, *CALL)
        hop, redirected, body, parse, server = spans(received)
    assert (server.name, server.kind) == (f"GET {ROUTE}", Span.SPAN_KIND_SERVER)
    assert server.parent_span_id == b""
    assert attributes(server.attributes) == {
        "http.request.method": "GET",
        "http.route": ROUTE,
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": ROUTE,
        "client.address": "192.0.2.0/24",
        "user_agent.original": "curl/8.14.1",
        "scrap.outcome": "ok",
        "scrap.request_id": "r-1",
        "scrap.target.host": "example.org",
        "scrap.cache": "miss",
    }
    for child in (hop, redirected, body, parse):
        assert child.trace_id == server.trace_id
        assert child.parent_span_id == server.span_id
    assert (hop.name, hop.kind) == ("GET", Span.SPAN_KIND_CLIENT)
    assert attributes(hop.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 302,
        "server.address": "example.org",
        "server.port": 443,
        "url.full": "https://example.org/page?…",
        "scrap.dns.duration": 0.001,
        "scrap.connect.duration": 0.002,
        "scrap.first_byte.duration": 0.003,
    }
    assert attributes(redirected.attributes)["url.full"] == "https://www.example.org:8443/page"
    assert redirected.start_time_unix_nano == pytest.approx(1_700_000_000_010_000_000, abs=1000)
    assert redirected.end_time_unix_nano - redirected.start_time_unix_nano == 6_000_000
    assert (body.name, parse.name) == ("read body", "parse")
    assert attributes(parse.attributes) == {"scrap.parser": "reference", "scrap.fallback_reason": "foreign"}


def test_a_request_joins_its_clients_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        with exporting(received.url, monkeypatch) as (emit, _):
            call(emit, RequestStarted(f"00-{TRACE_ID}-{PARENT_ID}-01", "vendor=1"), ENDED)
            call(emit, RequestStarted(f"00-{TRACE_ID}-{PARENT_ID}-00"), ENDED)  # not sampled by the client
            call(emit, RequestStarted("nonsense", "=,;"), ENDED)
        joined, own = spans(received)
    assert (joined.trace_id.hex(), joined.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert joined.trace_state == "vendor=1"
    assert own.trace_id.hex() != TRACE_ID
    assert own.parent_span_id == b""


def test_calls_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        with exporting(received.url, monkeypatch) as (emit, _):
            first, second = contextvars.copy_context(), contextvars.copy_context()
            for event in CALL:
                first.run(emit, event)
                second.run(emit, event)
        found = spans(received)
    assert len(found) == 10
    traces = {span.trace_id for span in found}
    assert len(traces) == 2
    for trace in traces:
        server = next(s for s in found if s.trace_id == trace and s.kind == Span.SPAN_KIND_SERVER)
        assert all(s.parent_span_id == server.span_id for s in found if s.trace_id == trace and s is not server)


def test_what_is_not_sampled_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    with receiver() as received:
        with exporting(received.url, monkeypatch, **environment) as (emit, _):
            call(emit, *CALL)
            call(emit, RequestStarted(f"00-{TRACE_ID}-{PARENT_ID}-01"), ENDED)
        assert [span.trace_id.hex() for span in spans(received)] == [TRACE_ID]


def test_a_share_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    with receiver() as received:
        with exporting(received.url, monkeypatch, **environment) as (emit, _):
            for _ in range(1000):
                call(emit, RequestStarted(), ENDED)
        found = spans(received)
    assert 170 < len(found) < 330  # six standard deviations: a run in a thousand million is outside
    assert len({span.trace_id for span in found}) == len(found)


def test_what_conventions_require_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP's conventions 1.23 and later: spans and `http.server.request.duration`."""
    cancelled = Hop("example.org", 443, "https://example.org/", 1_700_000_000.0, 0.1, 0.1)
    with receiver() as received:
        with exporting(received.url, monkeypatch) as (emit, _):
            call(emit, RequestStarted(), FetchEnded(hops=[HOP, cancelled]), FAILED)
            call(emit, RequestStarted(), replace(ENDED, method="HEAD"))
            call(emit, RequestStarted(), replace(ENDED, method="M-SEARCH"))
        good, stopped, failed, head, odd = (attributes(span.attributes) for span in spans(received))
        metric = metrics_of(received)["http.server.request.duration"]
    client = {"http.request.method", "server.address", "server.port", "url.full"}
    server = {"http.request.method", "url.path", "url.scheme", "http.route", "http.response.status_code"}
    assert client | {"http.response.status_code"} <= good.keys()
    assert client <= stopped.keys()
    assert (good.get("error.type"), stopped["error.type"]) == (None, "cancelled")
    for span in (failed, head, odd):
        assert server <= span.keys()
    assert (failed["error.type"], head.get("error.type")) == ("dns_failed", None)
    assert (head["http.request.method"], odd["http.request.method"]) == ("HEAD", "_OTHER")
    points = [attributes(point.attributes) for point in metric.histogram.data_points if point.count]
    for point in points:
        assert {"http.request.method", "url.scheme", "http.route", "http.response.status_code"} <= point.keys()
    assert {(p["http.request.method"], p["http.response.status_code"], p.get("error.type")) for p in points} == {
        ("GET", 502, "upstream_error"),
        ("HEAD", 200, None),
        ("_OTHER", 200, None),
    }


def test_failures_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(HOP, status=404)
    refused = replace(HOP, connect=0.0, first_byte=0.0, status=None, reason=Reason.DNS_FAILED)
    error = RuntimeError("cannot read https://example.org/?token=secret")
    internal = replace(FAILED, outcome=Outcome.INTERNAL_ERROR, reason=Reason.INTERNAL, status=500, error=error)
    unreadable = replace(FAILED, outcome=Outcome.CALLER_ERROR, reason=Reason.URL_MISSING, status=400, target_host="")
    with receiver() as received:
        with exporting(received.url, monkeypatch) as (emit, _):
            call(emit, RequestStarted(), FetchEnded(hops=[refused, missing]), FAILED)
            call(emit, RequestStarted(), FetchEnded(parse=Parse("fast", None, 1_700_000_000.0, 0.001)), internal)
            call(emit, RequestStarted(), replace(unreadable, cache=""))
        hop, not_found, web, parse, ours, clients_fault = spans(received)
    assert attributes(hop.attributes)["error.type"] == "dns_failed"
    assert attributes(not_found.attributes)["error.type"] == "404"
    assert attributes(web.attributes)["error.type"] == "dns_failed"
    assert [span.status.code for span in (hop, not_found, web, ours, clients_fault)] == [2, 2, 2, 2, 0]
    assert attributes(parse.attributes) == {"scrap.parser": "fast"}
    assert "error.type" not in attributes(clients_fault.attributes)
    assert attributes(clients_fault.attributes)["scrap.reason"] == "url_missing"
    exception = attributes(ours.events[0].attributes)
    assert exception["exception.type"] == "RuntimeError"
    assert exception["exception.message"] == "cannot read https://example.org/?…"
    assert "secret" not in exception["exception.stacktrace"]


def test_the_pod_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        environment = {"OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=scrap-0,k8s.namespace.name=web"}
        with exporting(received.url, monkeypatch, **environment) as (emit, _):
            call(emit, *CALL)
        request = next(r for r in received.requests if r.path == "/v1/traces")
    resource = attributes(ExportTraceServiceRequest.FromString(request.body).resource_spans[0].resource.attributes)
    assert resource["service.name"] == "scrap"
    assert resource["service.version"] == "1.2.3"
    assert resource["k8s.pod.name"] == "scrap-0"


def test_an_operator_may_name_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        with exporting(received.url, monkeypatch, OTEL_SERVICE_NAME="previews") as (emit, _):
            call(emit, *CALL)
        request = next(r for r in received.requests if r.path == "/v1/traces")
    resource = attributes(ExportTraceServiceRequest.FromString(request.body).resource_spans[0].resource.attributes)
    assert resource["service.name"] == "previews"


def test_the_metrics_are_those_of_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received, exporting(received.url, monkeypatch) as (emit, _):
        for seconds in (0.004, 0.004, 3.25):
            call(emit, RequestStarted(), replace(ENDED, seconds=seconds))
        call(emit, RequestStarted())
    metrics = metrics_of(received)
    requests = {
        attributes(point.attributes)["http.response.status_code"]: point.as_double
        for point in metrics["scrap.requests"].sum.data_points
        if attributes(point.attributes)["outcome"] == "ok"
    }
    assert requests == {200: 3}
    assert metrics["scrap.requests"].sum.is_monotonic
    duration = metrics["http.server.request.duration"]
    point = next(p for p in duration.histogram.data_points if attributes(p.attributes)["outcome"] == "ok")
    assert duration.unit == "s"
    assert attributes(point.attributes)["http.route"] == ROUTE
    assert (point.count, point.sum) == (3, pytest.approx(3.258))
    filled = {i: n for i, n in enumerate(point.bucket_counts) if n}
    assert {point.explicit_bounds[i]: n for i, n in filled.items()} == {0.005: 2, 5.0: 1}
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert not point.HasField("max")
    server = {s.trace_id: s for s in spans(received)}
    assert {exemplar.trace_id for exemplar in point.exemplars} <= set(server)
    assert len(point.exemplars) == 2
    assert metrics["http.server.active_requests"].sum.data_points[0].as_double == 1
    assert not metrics["http.server.active_requests"].sum.is_monotonic
    assert metrics["scrap.request_duration_max"].unit == "s"
    assert metrics["process.memory.usage"].sum.data_points[0].as_double > 1e6


def test_metrics_go_out_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        receiver() as received,
        exporting(received.url, monkeypatch, OTEL_METRIC_EXPORT_INTERVAL="10", OTEL_LOGS_EXPORTER="none"),
    ):
        received.wait()
        received.wait()
        assert {request.path for request in received.requests} == {"/v1/metrics"}


def test_the_log_lines_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        with exporting(received.url, monkeypatch) as (emit, otel):
            call(emit, RequestStarted(), ENDED)
            logging.getLogger("somebody").warning("look at %s", "this")
            own = logging.getLogger("opentelemetry.exporter").makeRecord("opentelemetry.x", 40, "", 0, "no", (), None)
            otel.log_handlers[0].handle(own)  # would be sent the way that it says is broken
        request = next(r for r in received.requests if r.path == "/v1/logs")
        server = spans(received)[0]
    records = ExportLogsServiceRequest.FromString(request.body).resource_logs[0].scope_logs[0].log_records
    assert [record.body.string_value for record in records] == [f"GET {ROUTE} 200 ok", "look at this"]
    line, said = records
    assert (line.trace_id, line.span_id) == (server.trace_id, server.span_id)
    assert line.severity_text == "INFO"
    assert attributes(line.attributes)["http.response.status_code"] == 200
    assert attributes(line.attributes)["client.address"] == "192.0.2.0/24"
    assert attributes(line.attributes)["user_agent.original"] == "curl/8.14.1"
    assert attributes(line.attributes)["scrap.target"] == "https://example.org/page?…"
    assert (said.severity_text, attributes(said.attributes)["scrap.logger"]) == ("WARNING", "somebody")
    assert said.trace_id == b""


def test_a_record_that_cannot_be_formatted_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with receiver() as received:
        with exporting(received.url, monkeypatch):
            somebody = logging.getLogger("somebody")
            somebody.warning("%d", "no number")
            somebody.log(25, "a level without a name")
        (request,) = (r for r in received.requests if r.path == "/v1/logs")
    (record,) = ExportLogsServiceRequest.FromString(request.body).resource_logs[0].scope_logs[0].log_records
    assert (record.body.string_value, record.severity_text) == ("a level without a name", "LEVEL 25")
    assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_UNSPECIFIED
    assert capfd.readouterr().err.count("--- Logging error ---") == 1


@contextmanager
def failing() -> Iterator[str]:
    """A receiver that is overloaded."""
    with receiver(status=lambda: 503) as received:
        yield received.url


@pytest.mark.parametrize("lost", [hanging, gone, failing])
def test_a_receiver_that_is_lost_costs_only_its_data(
    lost: Callable[[], AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    timeout = 4  # seconds: longer than a busy machine stops a call; the threads that are left behind end soon
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", str(timeout))
    queue = {"OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "32", "OTEL_BSP_SCHEDULE_DELAY": "1"}
    with lost() as url, exporting(url, monkeypatch, OTEL_METRIC_EXPORT_INTERVAL="10", **queue) as (emit, otel):
        slowest = 0.0
        for _ in range(500):
            started = time.perf_counter()
            call(emit, *CALL)
            slowest = max(slowest, time.perf_counter() - started)
        assert slowest < timeout
        gc.collect()
        assert sum(isinstance(thing, RequestEnded) for thing in gc.get_objects()) < 100
        started = time.perf_counter()
        close_together(otel.closings, 0.3)
        assert time.perf_counter() - started < 3
        otel.closings.clear()


class BrokenExporter(MetricExporter):
    """An exporter with a mistake in it."""

    def __init__(self) -> None:
        super().__init__()
        self.called = threading.Semaphore(0)

    def export(self, *_: Any, **__: Any) -> MetricExportResult:
        self.called.release()
        raise RuntimeError("no")

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **_: Any) -> None: ...


def test_a_broken_exporter_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    broken = BrokenExporter()
    export = MetricsExport(Metrics(version="1"), broken, Resource.create(), "1", 0.001)
    assert broken.called.acquire(timeout=30)
    assert broken.called.acquire(timeout=30)
    export.shutdown()
    assert "the metrics could not be sent" in caplog.text


def test_lines_below_the_level_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        metrics = Metrics(version="1")
        otel = Exporting(Signals(logs=True), version="1", metrics=metrics)
        with capture_logging(LogSettings(level="error"), *otel.log_handlers):
            call(FanOut(pytest.fail, log=RequestLog().handlers), ENDED, FAILED)
        close_together(otel.closings)
    assert received.requests == []


def test_nothing_is_started_that_nobody_asked_for() -> None:
    otel = Exporting(Signals(), version="1", metrics=Metrics(version="1"))
    assert (otel.sinks, otel.log_handlers, otel.closings) == ({}, [], [])
