"""Traces: a server span for a call (see `CallSpans`), and under it one a hop, one for the body and one for the parse.

Every span is made when it is over, from the times that events tell: the core knows nothing of spans, and a call that
is not sampled costs one random number. They find their call by a context variable, which a fetch inherits; a fetch
that several calls share belongs to the one that began it.

Trace context is read from the caller (W3C Trace Context) and never written to a page's host.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanContext, SpanKind, TraceState, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from scrap.events import FetchEnded, HopEnded, PageParsed, RequestStarted
from scrap.telemetry.otel.span import Attributes, Span
from scrap.telemetry.redact import without_query
from scrap.telemetry.sinks import Handlers
from scrap.telemetry.trace import Trace, current_trace

_ROOT: Final = Context()
_LARGEST_BOUND: Final = TraceIdRatioBased.get_bound_for_rate(1.0)
_random: Final = random.Random().getrandbits  # noqa: S311 - ids tell spans apart; nothing is secret about them


@dataclass(slots=True)
class Recorded(Trace):
    """The trace of a call that is recorded; see `Span`."""

    parent_number: int = 0
    is_remote: bool = False
    state: TraceState | None = None


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
        self._started = self._beginning()
        self.handlers: Handlers = {
            RequestStarted: self._started,
            HopEnded: self._hop_ended,
            FetchEnded: self._fetch_ended,
            PageParsed: self._page_parsed,
        }

    def _beginning(self) -> Callable[[RequestStarted], Trace | None]:
        """Takes `RequestStarted`: a function that looks nothing up, for all calls begin and few are recorded."""
        draw, bound, current, begin, join = _random, self._bound, current_trace, self._begin, self._join

        def request_started(event: RequestStarted) -> Trace | None:
            if event.traceparent:
                return join(event)
            low = draw(64)
            if low < bound:
                return begin(low)
            if current.get():  # of a call before on the same connection
                current.set(None)
            return None

        return request_started

    def _begin(self, low: int) -> Trace | None:
        """Begins a trace, of whose id this is the low half."""
        trace_id = _random(64) << 64 | low or 1
        if not self._is_sure:
            return self._ask(trace_id, _ROOT, None)
        trace = Recorded(trace_id, _random(64) or 1, True)
        current_trace.set(trace)
        return trace

    def _join(self, event: RequestStarted) -> Trace | None:
        """Goes on with the caller's trace (W3C Trace Context), or begins one where what it says is none."""
        carrier = {"traceparent": event.traceparent, "tracestate": event.tracestate}
        caller = self._propagator.extract(carrier, _ROOT)
        parent = get_current_span(caller).get_span_context()
        return self._ask(parent.trace_id, caller, parent) if parent.is_valid else self._started(RequestStarted())

    def _ask(self, trace_id: int, caller: Context, parent: SpanContext | None) -> Trace | None:
        sampling = self._sampler.should_sample(caller, trace_id, "call", SpanKind.SERVER)
        span_id = _random(64) or 1
        trace: Trace | None = None
        if sampling.decision is Decision.RECORD_AND_SAMPLE:
            parent_id, is_remote = (parent.span_id, parent.is_remote) if parent else (0, False)
            trace = Recorded(trace_id, span_id, True, parent_id, is_remote, sampling.trace_state or None)
        elif parent:
            trace = Trace(trace_id, span_id, sampled=False)
        current_trace.set(trace)
        return trace

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
        if not isinstance(trace, Recorded):
            return
        if error is not None:
            attributes["error.type"] = error
        start = int(started * 1e9)
        self._end(
            Span(
                name,
                trace.trace_number,
                _random(64) or 1,
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
