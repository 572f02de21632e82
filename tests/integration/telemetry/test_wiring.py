"""The running service with the variables of OpenTelemetry and Sentry set."""

import json
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests import client, running
from tests.integration.telemetry.receivers import receiver

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CONTEXT = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01", "tracestate": "vendor=1", "baggage": "who=me"}
asked: list[dict[str, str]] = []


class Curious(running.Answer):
    """Redirects once, and keeps the headers of whoever asks."""

    def do_GET(self) -> None:
        asked.append({name.lower(): value for name, value in self.headers.items()})
        if self.path == "/moved":
            self.answer(302, b"", {"Location": "/page"})
        else:
            self.answer(200, b'<meta property="og:title" content="A page">', {"Content-Type": "text/html"})


@pytest.fixture
def web() -> Iterator[running.Origin]:
    asked.clear()
    with running.origin(Curious) as origin:
        yield origin


def test_a_real_call_is_a_trace_that_no_origin_hears_of(web: running.Origin) -> None:
    with receiver() as collector:
        with running.service({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}) as service:
            assert client.scrap(service.url, f"{web.url}/moved", headers=CONTEXT).status == 200
            service.stop()
        spans: dict[str, list[Span]] = {}
        for request in collector.requests:
            if request.path == "/v1/traces":
                for span in ExportTraceServiceRequest.FromString(request.body).resource_spans[0].scope_spans[0].spans:
                    spans.setdefault(span.name, []).append(span)
        paths = {request.path for request in collector.requests}
    assert {name: len(found) for name, found in spans.items()} == {
        "GET": 2,  # two hops
        "read body": 1,
        "parse": 1,
        "GET /api/v1/scrap": 1,
    }
    (server,) = spans["GET /api/v1/scrap"]
    assert server.trace_id.hex() == TRACE_ID
    assert server.parent_span_id.hex() == "b7ad6b7169203331"
    for name in ("GET", "read body", "parse"):
        for span in spans[name]:
            assert span.parent_span_id == server.span_id
            assert server.start_time_unix_nano <= span.start_time_unix_nano + 2_000_000
            assert span.end_time_unix_nano <= server.end_time_unix_nano + 2_000_000
    assert paths == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    (line,) = (line for line in map(json.loads, service.log) if line["event"] == "request")
    assert (line["trace_id"], line["span_id"]) == (TRACE_ID, server.span_id.hex())
    assert len(asked) == 2
    assert not [name for headers in asked for name in headers if name in CONTEXT or name.startswith(("b3", "x-b3"))]


def test_a_real_call_is_a_transaction_of_sentry(web: running.Origin) -> None:
    with receiver() as sentry:
        dsn = sentry.url.replace("http://", "http://key@") + "/1"
        with running.service({"SENTRY_DSN": dsn, "SENTRY_TRACES_SAMPLE_RATE": "1"}) as service:
            assert client.scrap(service.url, f"{web.url}/page?token=secret").status == 200
            assert client.scrap(service.url, "http://10.0.0.1/").status == 403
            service.stop()
        bodies = [request.body for request in sentry.requests]
    items = [json.loads(line) for body in bodies for line in body.splitlines()]
    sent = [item for item in items if "transaction" in item]
    assert [item["transaction"] for item in sent] == ["GET /api/v1/scrap"] * 2
    assert [span["op"] for span in sent[0]["spans"]] == ["http.client", "http.client.body", "parse"]
    assert not [item for item in items if item.get("type") == "event" or "exception" in item]
    assert b"secret" not in b"".join(bodies)
