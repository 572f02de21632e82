"""Signals out: what the core's events become. The only place that knows a metric's, span's or log field's name.

`metrics` is Prometheus, `logs` is stdout, `otel` sends traces and the same metrics and lines over OTLP, `sentry` sends
internal errors. Each is a sink; `FanOut` makes them one `Emit`. An event is handled when it happens, and no handler
waits: a collector that hangs or is gone costs its own data and no request.
"""

from scrap.telemetry.lag import measure_lag
from scrap.telemetry.log_queue import log_queue
from scrap.telemetry.logs import LogSettings, RequestLog, capture_logging, formatter_for
from scrap.telemetry.metrics import Metrics
from scrap.telemetry.sinks import FanOut, Sink

__all__ = ["FanOut", "LogSettings", "Metrics", "RequestLog", "Sink"]
__all__ += ["capture_logging", "formatter_for", "log_queue", "measure_lag"]
