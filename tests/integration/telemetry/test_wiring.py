"""The running service with the variables of OpenTelemetry and Sentry set."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from scrap import __version__
from tests import client, running
from tests.exposition import Exposition
from tests.integration.telemetry.receivers import Receiver, hanging, receiver

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
            headers = {"Content-Type": "text/html", "Cache-Control": "max-age=0"}
            self.answer(200, b'<meta property="og:title" content="A page">', headers)


@pytest.fixture
def web() -> Iterator[running.Origin]:
    asked.clear()
    with running.origin(Curious) as origin:
        yield origin


def test_a_real_call_is_a_trace_that_no_origin_receives(web: running.Origin) -> None:
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


def events(received: Receiver) -> list[dict[str, Any]]:
    """The events of Sentry that came."""
    items = [json.loads(line) for request in received.requests for line in request.body.splitlines()]
    return [item for item in items if "exception" in item]


def test_a_real_failure_of_our_own_is_reported_and_gives_nothing_away(web: running.Origin) -> None:
    with receiver() as sentry:
        dsn = sentry.url.replace("http://", "http://key@") + "/1"
        clients = {"SCRAP_LOG_CLIENTS": "full", "SCRAP_TRUSTED_PROXIES": "127.0.0.1"}
        settings = {"SENTRY_DSN": dsn, "SENTRY_ENVIRONMENT": "test", **clients}
        headers = {"X-Request-ID": "mine", "X-Forwarded-For": "198.51.100.1", "User-Agent": "a-private-name"}
        with running.service(settings, module="tests.integration.telemetry.broken") as service:
            answer = client.scrap(service.url, f"{web.url}/broken?token=secret", headers=headers)
            assert (answer.status, answer.json["reason"]) == (500, "internal")
            assert service.stop() == 0
        (event,) = events(sentry)
        bodies = b"".join(request.body for request in sentry.requests)
    assert (event["release"], event["environment"]) == (f"scrap@{__version__}", "test")
    assert event["tags"] == {
        "request_id": "mine",
        "route": "/api/v1/scrap",
        "method": "GET",
        "target_host": "127.0.0.1",
    }
    assert event["transaction"] == "GET /api/v1/scrap"
    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("RuntimeError", "no 127.0.0.1, no '?…', no example.org")
    for secret in (b"secret", b"token", b"ann:", b"/broken?", b"198.51.100.1", b"a-private-name"):
        assert secret not in bodies
    (line,) = (line for line in map(json.loads, service.log) if line.get("reason") == "internal")
    assert (line["client_address"], line["user_agent"]) == ("198.51.100.1", "a-private-name")
    assert "secret" not in json.dumps(line)


def test_a_refresh_that_fails_behind_a_stale_answer_is_reported(web: running.Origin) -> None:
    with receiver() as sentry:
        settings = {"SENTRY_DSN": sentry.url.replace("http://", "http://key@") + "/1", "SCRAP_CACHE_MIN": "0"}
        with running.service(settings, module="tests.integration.telemetry.broken") as service:
            for _ in range(2):
                assert client.scrap(service.url, f"{web.url}/breaking?token=secret").status == 200
            sentry.wait()
            found = Exposition(client.request(service.management, "/metrics").body.decode())
            assert service.stop() == 0
        (event,) = events(sentry)
    assert event["transaction"] == "background"
    assert b"secret" not in sentry.requests[0].body
    assert found.value("scrap_background_failures_total") == 1
    assert found.sum("scrap_requests_total", fault="service") == 0
    (line,) = (line for line in map(json.loads, service.log) if line["level"] == "error")
    assert "Work without a request failed" in line["message"]
    assert "secret" not in json.dumps(line)


@contextmanager
def dying() -> Iterator[str]:
    """A receiver that is shut down after its first requests."""
    with ExitStack() as stack:
        received = stack.enter_context(receiver())

        def stop() -> None:
            received.wait()
            stack.close()

        threading.Thread(target=stop).start()
        yield received.url


CALLS = 75  # of each kind


@pytest.mark.parametrize("lost", [hanging, dying])
def test_receivers_that_are_lost_cost_no_call_and_no_end(
    lost: Callable[[], AbstractContextManager[str]], web: running.Origin
) -> None:
    with lost() as collector, lost() as sentry:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_BLRP_SCHEDULE_DELAY": "50",
            "SENTRY_DSN": sentry.replace("http://", "http://key@") + "/1",
        }
        with running.service(settings, module="tests.integration.telemetry.broken") as service:
            for number in range(CALLS):
                assert client.scrap(service.url, f"{web.url}/page/{number}").status == 200
                assert client.scrap(service.url, f"{web.url}/broken/{number}").status == 500
            assert client.request(service.management, "/metrics").status == 200
            assert service.stop() == 0
    # A thread of the SDK that is left behind may still complain on stderr, when there is no log any more.
    lines = [json.loads(line) for line in service.log if line.startswith("{")]
    assert sum(line["event"] == "request" for line in lines) == 2 * CALLS
