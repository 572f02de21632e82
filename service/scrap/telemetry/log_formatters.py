"""The two formats of log lines. No I/O."""

import json
import logging

import orjson

from scrap.telemetry.log_fields import Fields, fields_of
from scrap.telemetry.trace import current_trace


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `queries` shows the queries of targets' URLs."""

    def __init__(self, *, queries: bool) -> None:
        super().__init__()
        self.queries = queries

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record, current_trace.get(), queries=self.queries)
        try:
            return orjson.dumps(fields).decode()
        except TypeError:  # a lone surrogate, which UTF-8 cannot encode; JSON's escapes can
            return json.dumps(fields)


class TextFormatter(JsonFormatter):
    """A line for a person, and those of its traceback; nothing in it can steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record, current_trace.get(), queries=self.queries)
        time, level, event = map(fields.pop, ("time", "level", "event"))
        exception = fields.pop("exception", "")
        text = _request_text(fields) if event == "request" else f"{fields.pop('logger')}: {fields.pop('message')}"
        rest = (f"{name}={value}" for name, value in fields.items())
        first = " ".join([time[11:23], f"{level:<7}", _printable(text), *map(_printable, rest)])
        return "\n".join([first, *(f"    {_printable(line)}" for line in exception.splitlines())])


def _request_text(fields: Fields) -> str:
    took = f"{fields.pop('seconds') * 1000:8.1f} ms" if "seconds" in fields else " " * 11
    names = ("status", "outcome", "method", "route", "target", "target_host")
    status, outcome, method, route, target, _ = map(fields.pop, names)
    return f"{status} {outcome:<14} {took}  {method} {target or route}"


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
