"""The server spans of calls."""

import traceback
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from opentelemetry.sdk.trace import Event
from opentelemetry.trace import SpanKind

from scrap.events import Ending, RequestEnded
from scrap.telemetry.otel.conventions import method_of
from scrap.telemetry.otel.encoding import Encoded, put, text_of
from scrap.telemetry.otel.span import Attributes, Common, Span
from scrap.telemetry.otel.spans import Recorded
from scrap.telemetry.redact import redact_text
from scrap.telemetry.sinks import Handlers, Hits
from scrap.telemetry.trace import current_trace

_MEMORABLE: Final = 512  # characters: what is remembered of calls is bounded


class CallSpans:
    """Makes the spans of calls, of what `Spans` began. A sink of its own: nothing about it is urgent.

    Args:
        end: takes a span that is over.
        queue: takes one that is encoded already.
    """

    name = "traces"

    def __init__(self, end: Callable[[Span], None], queue: Callable[[Encoded], None]) -> None:
        self._end = end
        self._queue = queue
        self.handlers: Handlers = {RequestEnded: self._request_ended, Hits: self._hits}

    def _hits(self, hits: Hits) -> None:
        if any(hits.traces):
            for ending, request_id, seconds, at, trace in zip(*hits, strict=True):
                if isinstance(trace, Recorded):
                    said = _of(ending)[1].encoded.get(trace.is_remote)
                    if said is None or trace.state:
                        self._add(ending, request_id, seconds, at, trace)
                    else:  # without a Span in between, which takes as long as the rest
                        now = int(at * 1e9)
                        of = trace.trace_number, trace.span_number, trace.parent_number, now - int(seconds * 1e9), now
                        self._queue(put(*of, said, text_of("scrap.request_id", request_id)))

    def _request_ended(self, event: RequestEnded) -> None:
        trace = current_trace.get()
        if isinstance(trace, Recorded):
            error = event.detail.error if event.detail else None
            self._add(event.ending, event.request_id, event.seconds or 0.0, event.ended, trace, error)

    def _add(
        self,
        ending: Ending,
        request_id: str,
        seconds: float,
        ended: float,
        trace: Recorded,
        error: BaseException | None = None,
    ) -> None:
        name, common = _of(ending)
        now = int(ended * 1e9)
        self._end(
            Span(
                name,
                trace.trace_number,
                trace.span_number,
                trace.parent_number,
                trace.is_remote,
                trace.state,
                now - int(seconds * 1e9),
                now,
                {"scrap.request_id": request_id},
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


def _of(ending: Ending) -> tuple[str, Common]:
    return (_remembered if len(ending.path) + len(ending.target_host) <= _MEMORABLE else _alike)(ending)
