"""The Prometheus metrics over OTLP: the registry is read as a scrape reads it, and sent cumulatively.

Names that semantic conventions have are theirs; the others lose what OTLP carries elsewhere (`_total`, the unit), so
that a backend that makes Prometheus names of them makes the original names again.
"""

import logging
import threading
import time
from itertools import groupby, pairwise
from typing import Final

from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics import export as otlp
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Histogram, Metric
from prometheus_client.samples import Exemplar, Sample

from scrap.events import Handlers, RequestEnded
from scrap.telemetry.buckets import SECONDS
from scrap.telemetry.metrics import DURATION, OTHER, Metrics, method_label, status_label
from scrap.telemetry.otel.traces import OTHER_METHOD
from scrap.telemetry.trace import current_trace

log = logging.getLogger(__name__)

_CUMULATIVE: Final = otlp.AggregationTemporality.CUMULATIVE
_CONVENTIONS: Final = {
    "scrap_request_duration_seconds": ("http.server.request.duration", "s"),
    "scrap_requests_in_flight": ("http.server.active_requests", "{request}"),
    "process_cpu_seconds": ("process.cpu.time", "s"),
    "process_resident_memory_bytes": ("process.memory.usage", "By"),
    "process_virtual_memory_bytes": ("process.memory.virtual", "By"),
    "process_open_fds": ("process.unix.file_descriptor.count", "{file_descriptor}"),
    "python_gc_collections": ("cpython.gc.collections", "{collection}"),
    "python_gc_objects_collected": ("cpython.gc.collected_objects", "{object}"),
    "python_gc_objects_uncollectable": ("cpython.gc.uncollectable_objects", "{object}"),
}
_UNITS: Final = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}
_LABELS: Final = {
    "route": "http.route",
    "method": "http.request.method",
    "scheme": "url.scheme",
    "error": "error.type",
    "generation": "cpython.gc.generation",
}


class MetricsExport:
    """Sends a registry's metrics every `interval` seconds, from a thread of its own. A sink; see `FanOut`.

    The duration of requests is observed again, by the labels of its convention: too many series for a scrape.
    """

    def __init__(
        self, metrics: Metrics, exporter: otlp.MetricExporter, resource: Resource, version: str, interval: float
    ) -> None:
        self._metrics, self._exporter, self._resource, self._interval = metrics, exporter, resource, interval
        self._scope = InstrumentationScope("scrap", version)
        self._started = time.time_ns()
        labels = ["route", "method", "scheme", "status", "outcome", "error"]
        self._duration = Histogram(DURATION, "Duration of requests.", labels, buckets=SECONDS, registry=None)
        self.handlers: Handlers = {RequestEnded: self._request_ended}
        self._stopping = threading.Event()
        (thread := threading.Thread(target=self._run, name="otlp-metrics", daemon=True)).start()
        self._join = thread.join

    def shutdown(self) -> None:
        """Sends the last values and ends; waits for as long as the exporter does."""
        self._stopping.set()
        self._join()
        self._exporter.shutdown()

    def _request_ended(self, event: RequestEnded) -> None:
        if event.seconds is not None:
            route, method = self._metrics.route_label(event.route), method_label(event.method)
            error = event.outcome if event.status >= 500 else ""
            child = self._duration.labels(route, method, "http", status_label(event.status), event.outcome, error)
            trace = current_trace.get()
            child.observe(event.seconds, trace.exemplar if trace else None)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(self._interval)
            try:
                self._exporter.export(self._data())
            except Exception:
                log.exception("the metrics could not be sent")

    def _data(self) -> otlp.MetricsData:
        now = time.time_ns()
        families = [family for family in self._metrics.registry.collect() if family.name != DURATION]
        families += self._duration.collect()
        # One without a point makes Prometheus reject them all.
        metrics = [_converted(family, self._started, now) for family in families if family.samples]
        scope = otlp.ScopeMetrics(self._scope, metrics, schema_url="")
        return otlp.MetricsData([otlp.ResourceMetrics(self._resource, [scope], schema_url="")])


def _converted(family: Metric, started: int, now: int) -> otlp.Metric:
    full_name = f"{family.name}_info" if family.type == "info" else family.name
    name, unit = _CONVENTIONS.get(family.name) or _own_name(full_name)
    if family.type == "histogram":
        groups = groupby(family.samples, lambda sample: {k: v for k, v in sample.labels.items() if k != "le"})
        histogram = otlp.Histogram([_point(labels, list(of), started, now) for labels, of in groups], _CUMULATIVE)
        return otlp.Metric(name, family.documentation, unit, histogram)
    points = [otlp.NumberDataPoint(_attributes(s.labels), started, now, float(s.value)) for s in family.samples]
    is_sum = family.type == "counter" or family.name in _CONVENTIONS  # theirs are all sums: UpDownCounters
    data = otlp.Sum(points, _CUMULATIVE, family.type == "counter") if is_sum else otlp.Gauge(points)
    return otlp.Metric(name, family.documentation, unit, data)


def _own_name(name: str) -> tuple[str, str]:
    """scrap_cache_shared_up is scrap.cache_shared_up, and scrap_cache_bytes is scrap.cache in bytes."""
    unit = next((suffix for suffix in _UNITS if name.endswith(suffix)), "")
    return name.removesuffix(unit).replace("_", ".", 1), _UNITS.get(unit, "")


def _attributes(labels: dict[str, str]) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {_LABELS.get(name, name): value for name, value in labels.items() if value}
    if labels.get("method") == OTHER:
        attributes[_LABELS["method"]] = OTHER_METHOD
    if labels.get("status", "").isdecimal():
        attributes["http.response.status_code"] = int(attributes.pop("status"))
    return attributes


def _point(labels: dict[str, str], samples: list[Sample], started: int, now: int) -> otlp.HistogramDataPoint:
    buckets = [sample for sample in samples if sample.name.endswith("_bucket")]
    cumulative = [int(bucket.value) for bucket in buckets]
    return otlp.HistogramDataPoint(
        attributes=_attributes(labels),
        start_time_unix_nano=started,
        time_unix_nano=now,
        count=cumulative[-1],
        sum=next(sample.value for sample in samples if sample.name.endswith("_sum")),
        bucket_counts=[upper - lower for lower, upper in pairwise([0, *cumulative])],
        explicit_bounds=[float(bucket.labels["le"]) for bucket in buckets[:-1]],
        min=None,  # type: ignore[arg-type]  # not known, and optional in OTLP though not in the SDK's type
        max=None,  # type: ignore[arg-type]
        exemplars=[_exemplar(bucket.exemplar) for bucket in buckets if bucket.exemplar],
    )


def _exemplar(given: Exemplar) -> sdk.Exemplar:
    span_id, trace_id = int(given.labels["span_id"], 16), int(given.labels["trace_id"], 16)
    return sdk.Exemplar({}, given.value, int(float(given.timestamp or 0.0) * 1e9), span_id, trace_id)
