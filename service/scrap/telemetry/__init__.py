"""Signals out: what the core's events become. The only place that knows a metric's, span's or log field's name.

    metrics   Prometheus, scraped from the management port
    logs      a line a request on stdout, and what the standard logging says
    otel      traces, the same metrics and the same lines over OTLP
    errors    our own unexpected failures, to Sentry

Each is a sink; `FanOut` makes them one `Emit`, and `Gathering` spares the calls most of their work. None of them waits
for anything, and none can lose a request: a collector that hangs or is gone costs nothing but its own data.
"""

from scrap.telemetry.closing import close_together
from scrap.telemetry.gathering import Gathering
from scrap.telemetry.lag import LoopLag
from scrap.telemetry.logs import LogSettings, RequestLog, capture_logging, lines_for
from scrap.telemetry.metrics import Metrics
from scrap.telemetry.sinks import FanOut, Sink
from scrap.telemetry.writer import LineWriter

__all__ = [
    "FanOut",
    "Gathering",
    "LineWriter",
    "LogSettings",
    "LoopLag",
    "Metrics",
    "RequestLog",
    "Sink",
    "capture_logging",
    "close_together",
    "lines_for",
]
