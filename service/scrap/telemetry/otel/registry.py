"""The Prometheus metrics over OTLP.

Counting everything twice would double its cost, and two counts never agree. So the registry is read as a scrape reads
it, and its families are sent as OTLP's, cumulative, from the process's start. Names that semantic conventions have are
theirs; ours lose what OTLP says elsewhere (`_total`, the unit), so that a backend that makes Prometheus names of them
makes our names again.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as OTelMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as PrometheusExemplar
from prometheus_client.samples import Sample

from scrap.telemetry.otel.conventions import OTHER_METHOD

log = logging.getLogger(__name__)

_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


@dataclass(frozen=True, slots=True)
class _Name:
    """What a family is called over OTLP.

    Attributes:
        adds: a gauge of ours that is a sum there: what several replicas say may be added.
    """

    name: str
    unit: str
    adds: bool = False


_CONVENTIONS: Final = {
    "scrap_request_duration_seconds": _Name("http.server.request.duration", "s"),
    "scrap_requests_in_flight": _Name("http.server.active_requests", "{request}", adds=True),
    "process_cpu_seconds": _Name("process.cpu.time", "s"),
    "process_resident_memory_bytes": _Name("process.memory.usage", "By", adds=True),
    "process_virtual_memory_bytes": _Name("process.memory.virtual", "By", adds=True),
    "process_open_fds": _Name("process.unix.file_descriptor.count", "{file_descriptor}", adds=True),
    "python_gc_collections": _Name("cpython.gc.collections", "{collection}"),
    "python_gc_objects_collected": _Name("cpython.gc.collected_objects", "{object}"),
    "python_gc_objects_uncollectable": _Name("cpython.gc.uncollectable_objects", "{object}"),
}
_UNITS: Final = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}
_LABELS: Final = {
    "route": "http.route",
    "method": "http.request.method",
    "scheme": "url.scheme",
    "error": "error.type",
    "generation": "cpython.gc.generation",
}
_CODE: Final = "http.response.status_code"


class RegistryExport:
    """Sends a registry's metrics, at intervals, from a thread of its own.

    Args:
        metrics: gives them, as to a scrape.
        exporter: sends them; may wait as long as it likes.
        resource: who sends.
        version: the service's.
        interval: seconds from one export to the next.
    """

    def __init__(
        self, metrics: Collector, exporter: MetricExporter, resource: Resource, version: str, interval: float
    ) -> None:
        self._metrics = metrics
        self._exporter = exporter
        self._resource = resource
        self._scope = InstrumentationScope("scrap", version)
        self._interval = interval
        self._started = time.time_ns()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Sends the last figures and ends; waits for as long as the exporter does."""
        self._ending.set()
        self._thread.join()
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._ending.wait(self._interval):
            self._export()
        self._export()

    def _export(self) -> None:
        try:
            self._exporter.export(self._data())
        except Exception:
            log.exception("the metrics could not be sent")

    def _data(self) -> MetricsData:
        now = time.time_ns()
        metrics = [_converted(family, self._started, now) for family in self._metrics.collect()]
        scope = ScopeMetrics(self._scope, metrics, schema_url="")
        return MetricsData([ResourceMetrics(self._resource, [scope], schema_url="")])


def _converted(family: Metric, started: int, now: int) -> OTelMetric:
    name = _CONVENTIONS.get(family.name) or _own_name(family.name)
    if family.type == "histogram":
        return OTelMetric(name.name, family.documentation, name.unit, _histogram(family, started, now))
    points = [NumberDataPoint(_attributes(s.labels), started, now, float(s.value)) for s in family.samples]
    if family.type == "counter":
        data: Sum | Gauge = Sum(points, _CUMULATIVE, is_monotonic=True)
    elif name.adds:
        data = Sum(points, _CUMULATIVE, is_monotonic=False)
    else:
        data = Gauge(points)
    return OTelMetric(name.name, family.documentation, name.unit, data)


def _own_name(name: str) -> _Name:
    """scrap_cache_shared_up is scrap.cache_shared_up, and scrap_cache_bytes is scrap.cache in bytes."""
    unit = next((suffix for suffix in _UNITS if name.endswith(suffix)), "")
    return _Name(name.removesuffix(unit).replace("_", ".", 1), _UNITS.get(unit, ""))


def _attributes(labels: dict[str, str]) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {_LABELS.get(name, name): value for name, value in labels.items() if value}
    if labels.get("method") == "other":
        attributes[_LABELS["method"]] = OTHER_METHOD
    status = labels.get("status", "")
    if status.isdecimal():
        del attributes["status"]
        attributes[_CODE] = int(status)
    return attributes


def _histogram(family: Metric, started: int, now: int) -> Histogram:
    points = [_histogram_point(dict(key), samples, started, now) for key, samples in _by_labels(family.samples)]
    return Histogram(points, _CUMULATIVE)


def _by_labels(samples: Iterable[Sample]) -> Iterator[tuple[tuple[tuple[str, str], ...], list[Sample]]]:
    """Groups a histogram's samples by their labels but the bound."""
    groups: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in samples:
        key = tuple((name, value) for name, value in sample.labels.items() if name != "le")
        groups.setdefault(key, []).append(sample)
    return iter(groups.items())


def _histogram_point(labels: dict[str, str], samples: list[Sample], started: int, now: int) -> HistogramDataPoint:
    buckets = [sample for sample in samples if sample.name.endswith("_bucket")]
    cumulative = [int(bucket.value) for bucket in buckets]
    total = next(sample.value for sample in samples if sample.name.endswith("_sum"))
    return HistogramDataPoint(
        attributes=_attributes(labels),
        start_time_unix_nano=started,
        time_unix_nano=now,
        count=cumulative[-1],
        sum=total,
        bucket_counts=[upper - lower for lower, upper in zip([0, *cumulative], cumulative, strict=False)],
        explicit_bounds=[float(bucket.labels["le"]) for bucket in buckets[:-1]],
        min=None,  # type: ignore[arg-type]  # not known, and optional in OTLP though not in the SDK's type
        max=None,  # type: ignore[arg-type]
        exemplars=[_exemplar(bucket.exemplar) for bucket in buckets if bucket.exemplar],
    )


def _exemplar(exemplar: PrometheusExemplar) -> Exemplar:
    return Exemplar(
        filtered_attributes={},
        value=exemplar.value,
        time_unix_nano=int(float(exemplar.timestamp or 0.0) * 1e9),
        span_id=int(exemplar.labels["span_id"], 16),
        trace_id=int(exemplar.labels["trace_id"], 16),
    )
