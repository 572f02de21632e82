"""The SDK, put together: what is wanted is started here, and ended in bounded time."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client.registry import Collector

from scrap.telemetry.logs import LogSettings
from scrap.telemetry.otel.call_spans import CallSpans
from scrap.telemetry.otel.encoding import Encoded, Encoder, SpanExporter
from scrap.telemetry.otel.records import Records
from scrap.telemetry.otel.registry import RegistryExport
from scrap.telemetry.otel.signals import Signals
from scrap.telemetry.otel.span import Span
from scrap.telemetry.otel.spans import Spans, bound_of
from scrap.telemetry.sinks import Sink


class _End(NamedTuple):
    """How a signal ends."""

    flush: Callable[[], None]  # sends what waits, for as long as that takes
    give_up: Callable[[], None]  # tells the exporter to try no more


class Exporting:
    """Sends signals over OTLP until it is closed.

    The SDK queues spans and log records within bounds and sends them from threads of its own; a queue that is full
    drops what comes. Nothing global of OpenTelemetry is set.

    Args:
        signals: what is wanted.
        version: the service's.
        metrics: gives the metrics to send.
        logs: which log lines to send, and what of them.

    Attributes:
        first: the sinks it brings that follow a call while it goes on; see `FanOut`.
        sinks: those that may be told later; see `Gathering`.
        log_handlers: for the standard logging; see `capture_logging`.
    """

    def __init__(self, signals: Signals, *, version: str, metrics: Collector, logs: LogSettings) -> None:
        resource = _resource(version)
        self.first: list[Sink] = []
        self.sinks: list[Sink] = []
        self.log_handlers: list[logging.Handler] = []
        self._ends: list[_End] = []
        if signals.traces:
            sampler = TracerProvider(shutdown_on_exit=False).sampler  # what the variables say
            encoder = Encoder(resource, version)
            span_exporter = SpanExporter(encoder)
            waiting, together = batch_sizes(os.environ)
            processor = BatchSpanProcessor(span_exporter, max_queue_size=waiting, max_export_batch_size=together)
            queue = cast("Callable[[Encoded], None]", processor.on_end)  # it only hands on what it is given

            def end(span: Span) -> None:
                queue(encoder.encode(span))  # here, and not in the exporter's thread, which would want the interpreter

            self.first.append(Spans(end, sampler, bound_of(os.environ)))
            self.sinks.append(CallSpans(end, queue))
            self._ends.append(_End(processor.shutdown, span_exporter.shutdown))
        if signals.metrics:
            metric_exporter = OTLPMetricExporter()
            export = RegistryExport(metrics, metric_exporter, resource, version, signals.metric_interval)
            self._ends.append(_End(export.shutdown, metric_exporter.shutdown))
        if signals.logs:
            loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
            log_exporter = OTLPLogExporter()
            loggers.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
            records = Records(loggers.get_logger("scrap", version), logs)
            self.sinks.append(records)
            self.log_handlers.append(records.handler)
            self._ends.append(_End(loggers.shutdown, log_exporter.shutdown))

    def close(self, timeout: float = 2.0) -> None:
        """Sends what waits, for `timeout` seconds at most over all signals."""
        deadline = time.monotonic() + timeout
        ends, self._ends = self._ends, []
        threads = [threading.Thread(target=end.flush, daemon=True) for end in ends]
        for thread in threads:
            thread.start()
        for thread, end in zip(threads, ends, strict=True):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                end.give_up()


def batch_sizes(environment: Mapping[str, str]) -> tuple[int | None, int | None]:
    """How many spans may wait, and how many are sent at once; None: what the variables say.

    Most of what a request costs does not depend on how many spans are in it.
    """
    if environment.keys() & {"OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}:
        return None, None
    return 8192, 2048


def _resource(version: str) -> Resource:
    """Who sends: OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, over our own name and version."""
    given = OTELResourceDetector().detect().attributes
    return Resource.create({"service.name": "scrap", "service.version": version, **given})
