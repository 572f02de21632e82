"""Metrics, logs, traces and error reports, made from the core's events. No other package names a metric, span or field.

`metrics` is Prometheus; `logs` says what is logged, `log_lines` how, and `log_queue` writes it to stdout; `otel` sends
traces and the same metrics and lines over OTLP, `sentry` internal errors. Each is a sink; `FanOut` makes them one
`Emit`. An event is handled when it happens, and no handler waits: a collector that hangs or is gone costs its own data
and no request.
"""

from scrap.telemetry.closing import close_together
from scrap.telemetry.log_queue import log_queue
from scrap.telemetry.logs import LogSettings, RequestLog, capture_logging, formatter_for
from scrap.telemetry.metrics import Metrics, StateCollector
from scrap.telemetry.sinks import FanOut

__all__ = ["FanOut", "LogSettings", "Metrics", "RequestLog", "StateCollector"]
__all__ += ["capture_logging", "close_together", "formatter_for", "log_queue"]
