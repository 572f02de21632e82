"""Log lines: their fields and their two formats. docs/logs.md lists the fields; a test compares the two. No I/O."""

import json
import logging
import time
import traceback
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import orjson

from scrap.errors import Fault, Outcome
from scrap.events import PHASES, RequestEnded
from scrap.telemetry.redact import redact_text, without_query
from scrap.telemetry.trace import Trace, current_trace

Fields = dict[str, Any]

_phases_of: Final = attrgetter(*PHASES)
# The level of a request's line: failures of the web and of clients are no warnings.
LEVELS: Final = {outcome: logging.WARNING if outcome.fault is Fault.SERVICE else logging.INFO for outcome in Outcome}
LEVELS[Outcome.INTERNAL_ERROR] = logging.ERROR
_MAX_TEXT: Final = 16 * 1024  # characters of a message or a traceback
_RECORD: Final = vars(logging.makeLogRecord({"name": "scrap.requests", "msg": "%s %s %s %s"}))


class RequestRecord(logging.LogRecord):
    """The record of a request: it has no file and line, which the standard one takes apart for each."""

    def __init__(self, event: RequestEnded) -> None:
        level = LEVELS[event.outcome]
        self.__dict__ = _RECORD | {"levelno": level, "levelname": logging.getLevelName(level)}
        self.args = event.method, event.route, event.status, event.outcome
        self.created = event.ended
        self.event, self.trace = event, current_trace.get()


def trace_of(record: logging.LogRecord) -> Trace | None:
    """The trace of a request's record; of any other, the one that it is logged in."""
    return record.trace if isinstance(record, RequestRecord) else current_trace.get()


def fields_of(record: logging.LogRecord, trace: Trace | None, *, queries: bool) -> Fields:
    """The fields of a record's line."""
    second = _second(int(record.created))
    fields: Fields = {"time": f"{second}.{int(record.created % 1 * 1000):03}Z", "level": record.levelname.lower()}
    if isinstance(record, RequestRecord):
        _add_request(fields, record.event, queries)
    else:
        fields |= {"event": "log", "logger": record.name, "message": _clip(redact_text(record.getMessage()))}
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = exception_text(record.exc_info[1])
    if trace:
        fields |= trace.ids
    return fields


@lru_cache(maxsize=1)  # most lines are of the same second as the one before
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _add_request(fields: Fields, event: RequestEnded, queries: bool) -> None:
    target = event.target
    fields |= {
        "request_id": event.request_id,
        "method": event.method,
        "route": event.route,
        "status": event.status,
        "outcome": event.outcome,
        "cache": event.cache,
        "target_host": event.target_host,
        "event": "request",
        "target": target if queries or "?" not in target else without_query(target),
    }
    if event.seconds is not None:
        fields["seconds"] = round(event.seconds * 1e6) / 1e6  # round(…, 6) writes digits, and takes twice as long
    if reason := event.reason:
        fields["reason"], fields["fault"] = reason, reason.fault
    if event.upstream_status is not None:
        fields["upstream_status"] = event.upstream_status
    if fetch := event.fetch:
        for phase, took in zip(PHASES, _phases_of(fetch.timings), strict=True):
            if took:
                fields[phase] = round(took * 1e6) / 1e6
        if fetch.content and fetch.content.truncated:
            fields["truncated"] = True
        if parse := fetch.parse:
            if parse.fallback_reason:
                fields["fallback_reason"] = parse.fallback_reason
            if parse.bound:
                fields["bound"] = parse.bound
    if event.internal:
        fields["internal"] = _clip(event.internal if queries else redact_text(event.internal))
    if event.client_address:
        fields["client_address"] = event.client_address
    if event.user_agent:
        fields["user_agent"] = event.user_agent
    if event.error is not None:
        fields["exception"] = exception_text(event.error)


def exception_text(error: BaseException) -> str:
    """The traceback of an error, limited."""
    text = redact_text("".join(traceback.format_exception(error)))
    return text if len(text) <= _MAX_TEXT else "…" + text[-_MAX_TEXT:]  # the end of a traceback names the error


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `queries` shows the queries of targets' URLs."""

    def __init__(self, *, queries: bool) -> None:
        super().__init__()
        self.queries = queries

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record, trace_of(record), queries=self.queries)
        try:
            return orjson.dumps(fields).decode()
        except TypeError:  # a lone surrogate, which UTF-8 cannot encode; JSON's escapes can
            return json.dumps(fields)


class TextFormatter(JsonFormatter):
    """A line for a person, and those of its traceback; nothing in it can steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record, trace_of(record), queries=self.queries)
        time, level, event = map(fields.pop, ("time", "level", "event"))
        exception = fields.pop("exception", "")
        if event == "request":
            took = f"{fields.pop('seconds') * 1000:8.1f} ms" if "seconds" in fields else " " * 11
            names = ("status", "outcome", "method", "route", "target", "target_host")
            status, outcome, method, route, target, _ = map(fields.pop, names)
            text = f"{status} {outcome:<14} {took}  {method} {target or route}"
        else:
            text = f"{fields.pop('logger')}: {fields.pop('message')}"
        rest = (f"{name}={value}" for name, value in fields.items())
        first = " ".join([time[11:23], f"{level:<7}", _printable(text), *map(_printable, rest)])
        return "\n".join([first, *(f"    {_printable(line)}" for line in exception.splitlines())])


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
