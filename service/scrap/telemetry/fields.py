"""What log lines say. No I/O.

docs/logs.md lists the fields; a test compares the two. The time is not among them: each look of a line has its own.
"""

import logging
import traceback
from operator import attrgetter
from typing import Any, Final

from scrap.errors import Fault, Outcome
from scrap.events import Detail, Ending, RequestEnded
from scrap.telemetry.redact import redact_text, without_query
from scrap.telemetry.trace import Trace

Fields = dict[str, Any]

_MAX_TEXT: Final = 16 * 1024  # characters of a message or a traceback
PHASES: Final = ("wait", "dns", "connect", "first_byte", "body", "parse")
_phases_of: Final = attrgetter(*PHASES)


def _level(outcome: Outcome) -> int:
    if outcome is Outcome.INTERNAL_ERROR:
        return logging.ERROR
    return logging.WARNING if outcome.fault is Fault.SERVICE else logging.INFO


# How much a call's end concerns us: the web's and the callers' failures are everyday life.
LEVELS: Final = {outcome: _level(outcome) for outcome in Outcome}


def request_fields(event: RequestEnded, trace: Trace | None, *, queries: bool) -> Fields:
    """The line of a call.

    Args:
        event: how the call ended.
        trace: the trace it belongs to.
        queries: show the query of the target's URL.
    """
    fields = ending_fields(event.ending, queries)
    fields["request_id"] = event.request_id
    if event.seconds is not None:
        fields["seconds"] = _micros(event.seconds)
    if event.calls != 1:
        fields["calls"] = event.calls
    if event.detail:
        fields |= _detail_fields(event.detail, queries)
    if trace:
        fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return fields


def ending_fields(ending: Ending, queries: bool) -> Fields:
    """What the lines of calls that ended alike have in common."""
    reason = ending.reason
    return {
        "level": logging.getLevelName(LEVELS[ending.outcome]).lower(),
        "event": "request",
        "method": ending.method,
        "route": ending.route,
        "status": ending.status,
        "outcome": ending.outcome.value,
        "cache": ending.cache,
        **({"reason": reason.value, "fault": reason.fault.value} if reason else {}),
        "target": ending.target if queries else without_query(ending.target),
        "target_host": ending.target_host,
    }


def _detail_fields(detail: Detail, queries: bool) -> Fields:
    fields: Fields = {}
    if detail.upstream_status is not None:
        fields["upstream_status"] = detail.upstream_status
    phases = zip(PHASES, _phases_of(detail.timings), strict=True)
    fields |= {phase: _micros(took) for phase, took in phases if took}
    if detail.notes and any(detail.notes):
        fields |= {name: said for name, said in detail.notes._asdict().items() if said}
    if detail.internal:
        fields["internal"] = _clip(detail.internal if queries else redact_text(detail.internal))
    if detail.error is not None:
        fields["exception"] = _exception(detail.error)
    return fields


def record_fields(record: logging.LogRecord, trace: Trace | None) -> Fields:
    """The line of a record of the standard logging."""
    fields: Fields = {
        "level": record.levelname.lower(),
        "event": "log",
        "logger": record.name,
        "message": _clip(redact_text(record.getMessage())),
    }
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = _exception(record.exc_info[1])
    if trace:
        fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return fields


def _micros(seconds: float) -> float:
    """Seconds to the microsecond; `round` takes three times as long."""
    return int(seconds * 1e6 + 0.5) / 1e6


def _exception(error: BaseException) -> str:
    text = redact_text("".join(traceback.format_exception(error)))
    return text if len(text) <= _MAX_TEXT else "…" + text[-_MAX_TEXT:]  # the end of a traceback says what it was


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
