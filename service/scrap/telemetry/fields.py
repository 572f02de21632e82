"""The fields of log lines but for the time; docs/logs.md lists them, and a test compares the two. No I/O."""

import logging
import traceback
from operator import attrgetter
from typing import Any, Final

from scrap.errors import Fault, Outcome
from scrap.events import RequestEnded
from scrap.telemetry.redact import redact_text, without_query
from scrap.telemetry.trace import Trace

Fields = dict[str, Any]

_MAX_TEXT: Final = 16 * 1024  # characters of a message or a traceback
PHASES: Final = ("wait", "dns", "connect", "first_byte", "body", "parse")
_SAME: Final = ("request_id", "method", "route", "status", "outcome", "cache", "target_host")
_phases_of: Final = attrgetter(*PHASES)
_same_of: Final = attrgetter(*_SAME)


def fields_of(record: logging.LogRecord, trace: Trace | None, *, queries: bool) -> Fields:
    """The fields of a record's line; a request's record has its `RequestEnded` as the attribute `request`."""
    event: RequestEnded | None = getattr(record, "request", None)
    fields = {"level": record.levelname.lower()}
    fields |= _request_fields(event, queries) if event else _record_fields(record)
    if trace:
        fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return fields


def level_of(outcome: Outcome) -> int:
    """The level of a request's line: failures of the web and of clients are everyday life."""
    if outcome is Outcome.INTERNAL_ERROR:
        return logging.ERROR
    return logging.WARNING if outcome.fault is Fault.SERVICE else logging.INFO


def _request_fields(event: RequestEnded, queries: bool) -> Fields:
    reason = event.reason
    fields: Fields = dict(zip(_SAME, _same_of(event), strict=True))
    fields["event"] = "request"
    fields["target"] = event.target if queries else without_query(event.target)
    if event.seconds is not None:
        fields["seconds"] = _microseconds(event.seconds)
    if reason:
        fields |= {"reason": reason.value, "fault": reason.fault.value}
    if event.upstream_status is not None:
        fields["upstream_status"] = event.upstream_status
    fields |= {
        phase: _microseconds(took) for phase, took in zip(PHASES, _phases_of(event.timings), strict=True) if took
    }
    if event.notes:
        fields |= {name: value for name, value in event.notes._asdict().items() if value}
    if event.internal:
        fields["internal"] = _clip(event.internal if queries else redact_text(event.internal))
    if event.error is not None:
        fields["exception"] = _exception(event.error)
    return fields


def _microseconds(seconds: float) -> float:
    return int(seconds * 1e6 + 0.5) / 1e6  # `round` takes three times as long


def _record_fields(record: logging.LogRecord) -> Fields:
    fields: Fields = {"event": "log", "logger": record.name, "message": _clip(redact_text(record.getMessage()))}
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = _exception(record.exc_info[1])
    return fields


def _exception(error: BaseException) -> str:
    text = redact_text("".join(traceback.format_exception(error)))
    return text if len(text) <= _MAX_TEXT else "…" + text[-_MAX_TEXT:]  # the end of a traceback names the error


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
