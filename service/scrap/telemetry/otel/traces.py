"""Traces: a server span for each request, and under it one for each hop, the body and the parse.

Their parent is that of OpenTelemetry's context, which a fetch inherits; a fetch that several requests share belongs to
the first of them. Trace context (W3C) is read from the client's request and never sent to a page's host.
"""

from typing import Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from scrap.events import HOP_PHASES, FetchEnded, Handlers, Hop, RequestEnded, RequestStarted
from scrap.telemetry.log_lines import exception_text
from scrap.telemetry.metrics import OTHER, method_label
from scrap.telemetry.redact import redact_text, without_query
from scrap.telemetry.trace import Trace, current_trace

OTHER_METHOD: Final = "_OTHER"  # the conventions' value for a method that HTTP does not register
_ROOT: Final = Context()

Attributes = dict[str, AttributeValue]


class Traces:
    """Makes spans. A sink; see `FanOut`."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()
        self.handlers: Handlers = {
            RequestStarted: self._request_started,
            FetchEnded: self._fetch_ended,
            RequestEnded: self._request_ended,
        }

    def _request_started(self, event: RequestStarted) -> None:
        carrier = {"traceparent": event.traceparent, "tracestate": event.tracestate}
        client = self._propagator.extract(carrier, _ROOT) if event.traceparent else _ROOT
        span = self._tracer.start_span("request", client, SpanKind.SERVER, start_time=_nanoseconds(event.started))
        context.attach(trace.set_span_in_context(span, _ROOT))  # not detached: it ends with the request's task
        ids = span.get_span_context()
        texts = {"trace_id": trace.format_trace_id(ids.trace_id), "span_id": trace.format_span_id(ids.span_id)}
        current_trace.set(Trace(texts, texts if ids.trace_flags.sampled else None))

    def _request_ended(self, event: RequestEnded) -> None:
        span = trace.get_current_span()
        if not span.is_recording():
            return
        method = OTHER_METHOD if method_label(event.method) == OTHER else event.method
        span.update_name(f"{method} {event.route}")
        span.set_attributes({"http.request.method": method, **_request_attributes(event)})
        end = _nanoseconds(event.ended)
        if error := event.error:
            names = {"exception.type": type(error).__qualname__, "exception.message": redact_text(str(error))}
            span.add_event("exception", {**names, "exception.stacktrace": exception_text(error)}, end)
        if event.status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def _fetch_ended(self, event: FetchEnded) -> None:
        current = current_trace.get()
        if not (current and current.exemplar):
            return
        for hop in event.hops:
            self._add("GET", SpanKind.CLIENT, hop.started, hop.seconds, _hop_attributes(hop))
        if content := event.content:
            attributes: Attributes = {
                "http.response.body.size": content.wire_bytes,
                "scrap.decoded_bytes": content.decoded_bytes,
                "scrap.redirects": len(event.hops) - 1,
                "scrap.truncated": content.truncated,
            }
            self._add("read body", SpanKind.INTERNAL, content.ended - content.seconds, content.seconds, attributes)
        if parse := event.parse:
            names = ("parser", "fallback_reason", "bound")
            attributes = {f"scrap.{name}": value for name in names if (value := getattr(parse, name))}
            self._add("parse", SpanKind.INTERNAL, parse.started, parse.seconds, attributes)

    def _add(self, name: str, kind: SpanKind, start: float, seconds: float, attributes: Attributes) -> None:
        """Adds a span of the past under the current request's."""
        began = _nanoseconds(start)
        span = self._tracer.start_span(name, None, kind, attributes, start_time=began)
        if "error.type" in attributes:
            span.set_status(StatusCode.ERROR)
        span.end(began + _nanoseconds(seconds))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _hop_attributes(hop: Hop) -> Attributes:
    attributes: Attributes = {
        "http.request.method": "GET",
        "server.address": hop.host,
        "server.port": hop.port,
        "url.full": without_query(hop.url),
    }
    attributes |= {f"scrap.{phase}.duration": getattr(hop, phase) for phase in HOP_PHASES}
    if hop.status:
        attributes["http.response.status_code"] = hop.status
    if hop.status is None or hop.status >= 400:
        attributes["error.type"] = str(hop.status or hop.reason or "cancelled")
    return attributes


def _request_attributes(event: RequestEnded) -> Attributes:
    reason = event.reason
    attributes: dict[str, AttributeValue | None] = {
        "http.route": event.route,
        "http.response.status_code": event.status,
        "url.scheme": "http",
        "url.path": event.path,
        "client.address": event.client_address,
        "user_agent.original": event.user_agent,
        "scrap.outcome": event.outcome,
        "scrap.request_id": event.request_id,
        "scrap.target.host": event.target_host,
        "scrap.cache": event.cache,
        "scrap.shared_cache.duration": event.fetch.timings.shared_cache if event.fetch else None,
        "scrap.reason": reason,
        "scrap.fault": reason and reason.fault,
        "error.type": reason if event.status >= 500 else None,
    }
    return {name: value for name, value in attributes.items() if value}
