"""Log lines as OTLP records: the same that stdout gets."""

import logging
from typing import Final

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from scrap.events import RequestEnded
from scrap.telemetry.fields import LEVELS, Fields, record_fields, request_fields
from scrap.telemetry.logs import LogSettings
from scrap.telemetry.sinks import Handlers
from scrap.telemetry.trace import Trace, current_trace

_SEVERITIES: Final = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
# What semantic conventions have a name for; any other field is scrap.FIELD.
_NAMES: Final = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "exception": "exception.stacktrace",
}
_ROOT: Final = Context()
# A failed export says so in the log; sent by the same way, that would be the next to fail.
_OWN: Final = ("opentelemetry", "urllib3", "requests")


class Records:
    """Sends a record for each log line. A sink; see `FanOut`.

    Args:
        logger: takes the records.
        settings: which lines, and what of them.

    Attributes:
        handler: takes what the standard logging says.
    """

    name = "otel_logs"

    def __init__(self, logger: Logger, settings: LogSettings) -> None:
        self._logger = logger
        self._queries = settings.queries
        self._level = logging.getLevelNamesMapping()[settings.level.upper()]
        self.handler: logging.Handler = _Handler(self)
        self.handlers: Handlers = {RequestEnded: self._request_ended}

    def _request_ended(self, event: RequestEnded) -> None:
        ending = event.ending
        if LEVELS[ending.outcome] >= self._level:
            trace = current_trace.get()
            fields = request_fields(event, None, queries=self._queries)
            self.send(event.ended, fields, f"{ending.method} {ending.route} {ending.status} {ending.outcome}", trace)

    def send(self, now: float, fields: Fields, body: str, trace: Trace | None) -> None:
        """Queues a record; its time is in seconds since the epoch."""
        level = fields.pop("level")
        self._logger.emit(
            timestamp=int(now * 1e9),
            context=_context(trace),
            severity_number=_SEVERITIES.get(level, SeverityNumber.UNSPECIFIED),
            severity_text=level.upper(),
            body=body,
            attributes={_NAMES.get(name, f"scrap.{name}"): value for name, value in fields.items()},
        )


class _Handler(logging.Handler):
    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = records
        self.addFilter(lambda record: not record.name.startswith(_OWN))

    def emit(self, record: logging.LogRecord) -> None:
        fields = record_fields(record, None)
        self._records.send(record.created, fields, fields.pop("message"), current_trace.get())


def _context(trace: Trace | None) -> Context:
    if not trace:
        return _ROOT
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    context = SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(context), _ROOT)
