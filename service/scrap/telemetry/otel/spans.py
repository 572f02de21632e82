"""Traces: a server span for a call, and under it one a hop, one for the body and one for the parse.

Every span is made when it is over, from the times that events tell: the core knows nothing of spans, and a call that
is not sampled costs one random number. They find their call by a context variable, which a fetch inherits; a fetch
that several calls share belongs to the one that began it.

Trace context is read from the caller (W3C Trace Context) and never written to a page's host.
"""

import random
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.trace.sampling import Decision, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanContext, SpanKind, TraceState, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from scrap.events import Ending, FetchEnded, HopEnded, PageParsed, RequestEnded, RequestStarted
from scrap.telemetry.otel.conventions import method_of
from scrap.telemetry.otel.span import Attributes, Common, Span
from scrap.telemetry.redact import redact_text, without_query
from scrap.telemetry.sinks import Ended, Handlers
from scrap.telemetry.trace import Trace, current_trace

_ROOT: Final = Context()
_MEMORABLE: Final = 512  # characters: what is remembered of calls is bounded
_LARGEST_BOUND: Final = TraceIdRatioBased.get_bound_for_rate(1.0)
_ids: Final = random.Random()  # noqa: S311 - ids tell spans apart; nothing is secret about them


@dataclass(slots=True)
class _Recorded(Trace):
    """The trace of a call that is recorded, with its numbers; see `Span`."""

    trace_number: int
    span_number: int
    parent_number: int
    is_remote: bool
    state: TraceState | None
    started: int


def bound_of(environment: Mapping[str, str]) -> int:
    """The bound below which the low half of a new trace's id has to be for it to be sampled.

    For samplers that decide by the id alone (OpenTelemetry specification, TraceIdRatioBased); any other is to be
    asked about every call.
    """
    if environment.get("OTEL_TRACES_SAMPLER", "") not in {"traceidratio", "parentbased_traceidratio"}:
        return _LARGEST_BOUND
    try:
        return TraceIdRatioBased(float(environment.get("OTEL_TRACES_SAMPLER_ARG", ""))).bound
    except ValueError:  # the SDK has said so, and samples everything
        return _LARGEST_BOUND


class Spans:
    """Begins traces, and makes the spans within a call. A sink; see `FanOut`.

    Args:
        end: takes a span that is over.
        sampler: decides which traces are recorded.
        bound: see `bound_of`: spares the sampler most of its work.
    """

    name = "traces"

    def __init__(self, end: Callable[[Span], None], sampler: Sampler, bound: int) -> None:
        self._end = end
        self._sampler = sampler
        self._bound = bound
        self._is_sure = bound < _LARGEST_BOUND  # a ratio's yes is as sure as its no
        self._propagator = TraceContextTextMapPropagator()
        self.handlers: Handlers = {
            RequestStarted: self._request_started,
            HopEnded: self._hop_ended,
            FetchEnded: self._fetch_ended,
            PageParsed: self._page_parsed,
        }

    def _request_started(self, event: RequestStarted) -> None:
        low = _ids.getrandbits(64)
        if event.traceparent:
            carrier = {"traceparent": event.traceparent, "tracestate": event.tracestate}
            caller = self._propagator.extract(carrier, _ROOT)
            parent = get_current_span(caller).get_span_context()
            if parent.is_valid:
                self._begin(parent.trace_id, caller, parent)
                return
        if low < self._bound:
            self._begin(_ids.getrandbits(64) << 64 | low or 1, _ROOT, None)
        elif current_trace.get():  # of a call before on the same connection
            current_trace.set(None)

    def _begin(self, trace_id: int, caller: Context, parent: SpanContext | None) -> None:
        state: TraceState | None = None
        is_recorded = True
        if parent or not self._is_sure:
            sampling = self._sampler.should_sample(caller, trace_id, "call", SpanKind.SERVER)
            state = sampling.trace_state
            is_recorded = sampling.decision is Decision.RECORD_AND_SAMPLE
        span_id = _ids.getrandbits(64) or 1
        names = f"{trace_id:032x}", f"{span_id:016x}"
        if is_recorded:
            parent_id, is_remote = (parent.span_id, parent.is_remote) if parent else (0, False)
            current_trace.set(
                _Recorded(*names, True, trace_id, span_id, parent_id, is_remote, state or None, time.time_ns())
            )
        else:
            current_trace.set(Trace(*names, sampled=False) if parent else None)

    def _hop_ended(self, event: HopEnded) -> None:
        attributes: Attributes = {
            "http.request.method": "GET",
            "server.address": event.host,
            "server.port": event.port,
            "url.full": without_query(event.url),
        }
        for phase in ("dns", "connect", "first_byte"):
            attributes[f"scrap.{phase}.duration"] = getattr(event, phase)
        error: str | None = event.reason or "cancelled"
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
            error = str(event.status) if event.status >= 400 else None
        self._add("GET", event.started, event.seconds, attributes, kind=SpanKind.CLIENT, error=error)

    def _fetch_ended(self, event: FetchEnded) -> None:
        attributes: Attributes = {
            "http.response.body.size": event.wire_bytes,
            "scrap.decoded_bytes": event.decoded_bytes,
            "scrap.redirects": event.redirects,
            "scrap.truncated": event.truncated,
        }
        self._add("read body", time.time() - event.body, event.body, attributes)

    def _page_parsed(self, event: PageParsed) -> None:
        attributes: Attributes = {"scrap.lane": event.lane}
        if event.unsure:
            attributes["scrap.unsure"] = event.unsure
        if event.bound:
            attributes["scrap.bound"] = event.bound
        self._add("parse", event.started, event.seconds, attributes)

    def _add(
        self,
        name: str,
        started: float,
        seconds: float,
        attributes: Attributes,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        error: str | None = None,
    ) -> None:
        """Adds a span under the current call's, with times of the past."""
        trace = current_trace.get()
        if not isinstance(trace, _Recorded):
            return
        if error is not None:
            attributes["error.type"] = error
        start = int(started * 1e9)
        self._end(
            Span(
                name,
                trace.trace_number,
                _ids.getrandbits(64) or 1,
                trace.span_number,
                False,
                trace.state,
                start,
                start + int(seconds * 1e9),
                attributes,
                kind,
                error is not None,
            )
        )


class CallSpans:
    """Makes the spans of calls, of what `Spans` began. A sink of its own: nothing about it is urgent.

    Args:
        end: takes a span that is over.
    """

    name = "traces"

    def __init__(self, end: Callable[[Span], None]) -> None:
        self._end = end
        self.handlers: Handlers = {RequestEnded: self._request_ended, Ended: self._requests_ended}

    def _request_ended(self, event: RequestEnded) -> None:
        self._requests_ended(Ended([event], [current_trace.get()]))

    def _requests_ended(self, ended: Ended) -> None:
        for event, trace in zip(*ended, strict=True):
            if isinstance(trace, _Recorded):
                self._add(event, trace)

    def _add(self, event: RequestEnded, trace: _Recorded) -> None:
        now = max(trace.started, int(event.ended * 1e9))
        ending = event.ending
        name, common = (_remembered if len(ending.path) + len(ending.target_host) <= _MEMORABLE else _alike)(ending)
        error = event.detail.error if event.detail else None
        self._end(
            Span(
                name,
                trace.trace_number,
                trace.span_number,
                trace.parent_number,
                trace.is_remote,
                trace.state,
                trace.started,
                now,
                {"scrap.request_id": event.request_id},
                SpanKind.SERVER,
                ending.status >= 500,
                _exception(error, now) if error else None,
                common,
            )
        )


def _exception(error: BaseException, now: int) -> Event:
    attributes: Attributes = {
        "exception.type": type(error).__qualname__,
        "exception.message": redact_text(str(error)),
        "exception.stacktrace": redact_text("".join(traceback.format_exception(error))),
    }
    return Event("exception", attributes, now)


def _alike(ending: Ending) -> tuple[str, Common]:
    """The name of a call's span, and its attributes that other calls have as well."""
    method = method_of(ending.method)
    attributes: Attributes = {
        "http.request.method": method,
        "http.route": ending.route,
        "http.response.status_code": ending.status,
        "url.scheme": "http",
        "scrap.outcome": ending.outcome,
    }
    if ending.path:
        attributes["url.path"] = ending.path
    if ending.target_host:
        attributes["scrap.target.host"] = ending.target_host
    if ending.cache:
        attributes["scrap.cache"] = ending.cache
    if ending.reason:
        attributes["scrap.reason"] = ending.reason
        attributes["scrap.fault"] = ending.reason.fault
        if ending.status >= 500:
            attributes["error.type"] = ending.reason
    return f"{method} {ending.route}", Common(attributes)


_remembered = lru_cache(256)(_alike)
