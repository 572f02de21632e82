"""Log lines over OTLP: the records that stdout gets, with the same fields."""

import logging
from typing import Final

from opentelemetry._logs import Logger, SeverityNumber

from scrap.telemetry.log_lines import fields_of

# What semantic conventions have a name for; any other field is scrap.FIELD.
_NAMES: Final = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "exception": "exception.stacktrace",
    "client_address": "client.address",
    "user_agent": "user_agent.original",
}
_SEVERITIES: Final = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
# A failed export logs that it failed; sent the same way, that would be the next to fail.
_EXPORTERS: Final = ("opentelemetry", "urllib3", "requests")


class OTLPHandler(logging.Handler):
    """Sends records; `queries` shows the queries of targets' URLs. The trace is that of OpenTelemetry's context."""

    def __init__(self, logger: Logger, *, queries: bool) -> None:
        super().__init__()
        self._logger, self._queries = logger, queries
        self.addFilter(lambda record: not record.name.startswith(_EXPORTERS))

    def emit(self, record: logging.LogRecord) -> None:
        """Sends a record; reports on stderr, as the handlers of `logging` do, one that cannot be formatted."""
        try:
            fields = fields_of(record, None, queries=self._queries)
            del fields["time"], fields["level"]
            self._logger.emit(
                timestamp=int(record.created * 1e9),
                severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
                severity_text=record.levelname.upper(),
                body=fields.pop("message", None) or record.getMessage(),
                attributes={_NAMES.get(name, f"scrap.{name}"): value for name, value in fields.items()},
            )
        except Exception:  # noqa: BLE001 - whoever logs is not to blame
            self.handleError(record)
