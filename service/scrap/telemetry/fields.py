"""What log lines say. No I/O.

docs/logs.md lists the fields; a test compares the two. The time is not among them: each look of a line has its own.
"""

import logging
import traceback
from typing import Any, Final

from scrap.errors import Fault, Outcome, Reason
from scrap.events import RequestEnded
from scrap.telemetry.redact import redact_text, without_query
from scrap.telemetry.trace import Trace

Fields = dict[str, Any]

_MAX_TEXT: Final = 16 * 1024  # characters of a message or a traceback
FRESH: Final = "fresh"  # of a call whose answer was kept: no phase was gone through for it
PHASES: Final = ("wait", "dns", "connect", "first_byte", "body", "parse")


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
    return {
        **kind_fields(event.outcome, event.method, event.route, event.status, event.cache, event.reason),
        **target_fields(event.target, event.target_host, queries),
        **own_fields(event, trace, queries),
    }


def kind_fields(outcome: Outcome, method: str, route: str, status: int, cache: str, reason: Reason | None) -> Fields:
    """What the lines of calls that went alike have in common."""
    fields: Fields = {
        "level": logging.getLevelName(LEVELS[outcome]).lower(),
        "event": "request",
        "method": method,
        "route": route,
        "status": status,
        "outcome": outcome.value,
        "cache": cache,
    }
    if reason:
        fields |= {"reason": reason.value, "fault": reason.fault.value}
    return fields


def target_fields(target: str, host: str, queries: bool) -> Fields:
    """What the lines of calls for one page have in common."""
    return {"target": target if queries else without_query(target), "target_host": host}


def own_fields(event: RequestEnded, trace: Trace | None, queries: bool) -> Fields:
    """What no other call's line says."""
    fields: Fields = {"request_id": event.request_id}
    seconds = event.seconds
    if seconds is not None:
        fields["seconds"] = int(seconds * 1e6 + 0.5) / 1e6  # `_micros`, without its call: every line has one
    if event.calls != 1:
        fields["calls"] = event.calls
    if event.upstream_status is not None:
        fields["upstream_status"] = event.upstream_status
    if event.cache != FRESH:
        fields |= {phase: _micros(took) for phase in PHASES if (took := getattr(event.timings, phase))}
    if event.notes:
        fields |= {name: said for name, said in event.notes._asdict().items() if said}
    if event.internal:
        fields["internal"] = _clip(event.internal if queries else redact_text(event.internal))
    if event.error is not None:
        fields["exception"] = _exception(event.error)
    if trace:
        fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
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
