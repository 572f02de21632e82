"""The OpenTelemetry SDK, as its variables configure it: started for the signals that are on, ended in bounded time."""

import logging
import threading
import time
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from scrap.telemetry.metrics import Metrics
from scrap.telemetry.otel.logs import OTLPHandler
from scrap.telemetry.otel.metrics import MetricsExport
from scrap.telemetry.otel.signals import Signals
from scrap.telemetry.otel.traces import Traces
from scrap.telemetry.sinks import Sink


class Exporting:
    """Sends signals over OTLP until it is closed; `queries` shows queries of URLs in log records.

    The SDK queues spans and log records within limits, drops what exceeds them, and sends from its own threads. Nothing
    global of OpenTelemetry is set. `sinks` come before all others, which use a request's trace.
    """

    def __init__(self, signals: Signals, *, version: str, metrics: Metrics, queries: bool = False) -> None:
        given = OTELResourceDetector().detect().attributes
        resource = Resource.create({"service.name": "scrap", "service.version": version, **given})
        self.sinks: list[Sink] = []
        self.log_handlers: list[logging.Handler] = []
        # Of each signal: what sends all that is queued, however long that takes, and what aborts it.
        self._closings: list[tuple[Callable[[], None], Callable[[], None]]] = []
        if signals.traces:
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            span_exporter = OTLPSpanExporter()
            tracers.add_span_processor(BatchSpanProcessor(span_exporter))
            self.sinks.append(Traces(tracers.get_tracer("scrap", version)))
            self._closings.append((tracers.shutdown, span_exporter.shutdown))
        if signals.metrics:
            metric_exporter = OTLPMetricExporter()
            export = MetricsExport(metrics, metric_exporter, resource, version, signals.metric_interval)
            self.sinks.append(export)
            self._closings.append((export.shutdown, metric_exporter.shutdown))
        if signals.logs:
            loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
            log_exporter = OTLPLogExporter()
            loggers.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
            self.log_handlers.append(OTLPHandler(loggers.get_logger("scrap", version), queries=queries))
            self._closings.append((loggers.shutdown, log_exporter.shutdown))

    def close(self, timeout: float = 2.0) -> None:
        """Sends what is queued, for `timeout` seconds at most over all signals."""
        deadline = time.monotonic() + timeout
        closings, self._closings = self._closings, []
        threads = [threading.Thread(target=flush, daemon=True) for flush, _ in closings]
        for thread in threads:
            thread.start()
        for thread, (_, abort) in zip(threads, closings, strict=True):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                abort()
