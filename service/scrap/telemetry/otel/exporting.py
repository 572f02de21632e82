"""The OpenTelemetry SDK, as its variables configure it, for the signals that are on."""

import logging
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from scrap.events import Handlers
from scrap.telemetry.metrics import Metrics
from scrap.telemetry.otel import Signals
from scrap.telemetry.otel.logs import OTLPHandler
from scrap.telemetry.otel.metrics import MetricsExport
from scrap.telemetry.otel.traces import Traces


class Exporting:
    """Sends signals over OTLP; `queries` shows queries of URLs in log records.

    The SDK queues spans and log records within limits, drops what exceeds them, and sends from its own threads. Nothing
    global of OpenTelemetry is set. `sinks` come before all others, which use a request's trace. `closings` send what is
    queued, and take as long as that takes.
    """

    def __init__(self, signals: Signals, *, version: str, metrics: Metrics, queries: bool = False) -> None:
        given = OTELResourceDetector().detect().attributes
        resource = Resource.create({"service.name": "scrap", "service.version": version, **given})
        self.sinks: dict[str, Handlers] = {}
        self.log_handlers: list[logging.Handler] = []
        self.closings: list[Callable[[], None]] = []
        if signals.traces:
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            self.sinks["traces"] = Traces(tracers.get_tracer("scrap", version)).handlers
            self.closings.append(tracers.shutdown)
        if signals.metrics:
            export = MetricsExport(metrics, OTLPMetricExporter(), resource, version, signals.metric_interval)
            self.sinks["otel_metrics"] = export.handlers
            self.closings.append(export.shutdown)
        if signals.logs:
            loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
            loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
            self.log_handlers.append(OTLPHandler(loggers.get_logger("scrap", version), queries=queries))
            self.closings.append(loggers.shutdown)
