"""Prometheus metrics: every name and label. docs/metrics.md says what each means; a test compares the two.

Nothing that a client or a page chooses becomes a label value: each is of an enumeration, HTTP's or the service's.
"""

import asyncio
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache, partial
from http import HTTPMethod, HTTPStatus
from itertools import product
from typing import Final

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from scrap import events
from scrap.admission import Admission, CPUUsage
from scrap.cache import Cache
from scrap.cache.shared_errors import SharedCacheErrorKind
from scrap.errors import Outcome, Reason
from scrap.fetch.verdict import GuardVerdict
from scrap.opengraph.document import Bound, FallbackReason
from scrap.telemetry.buckets import BYTES, LAG_SECONDS, REDIRECTS, SECONDS
from scrap.telemetry.sliding_maximum import SlidingMaximum
from scrap.telemetry.trace import current_trace

DURATION: Final = "scrap_request_duration_seconds"
OTHER: Final = "other"
_NONE: Final = "none"

_TEXT: Final = choose_encoder("")
_OPENMETRICS: Final = choose_encoder("application/openmetrics-text; version=1.0.0")
_METHODS: Final = frozenset(map(str, HTTPMethod))
_STATUSES: Final = {status: str(status) for status in (*map(int, HTTPStatus), 499)}  # 499 is nginx's: the client left
# Series that begin at 0.
_USUAL_STATUSES: Final = (200, 301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504)
_BLOCKING: Final = tuple(verdict for verdict in GuardVerdict if verdict.reason)

Clock = Callable[[], float]
Known = Iterable[tuple[str, ...]]
RequestSeries = tuple[prometheus.Counter, prometheus.Histogram, SlidingMaximum]


def method_label(method: str) -> str:
    """The method as a label value: a registered one, or "other"."""
    return method if method in _METHODS else OTHER


def status_label(status: int | None) -> str:
    """The status as a label value: a registered one or 499, or "other"; "none" where there is none."""
    return _NONE if status is None else _STATUSES.get(status, OTHER)


class StateCollector(Collector):
    """Values that admission, the CPU and the cache keep, read at each scrape."""

    def __init__(self, admission: Admission, cpu_usage: CPUUsage, cache: Cache) -> None:
        self._owners = admission, cpu_usage, cache

    def collect(self) -> Iterator[prometheus.Metric]:
        admission, cpu_usage, cache = self._owners
        writes = cache.shared_writes
        for name, means, value in (
            ("scrap_admission_in_flight", "Fetches that hold a slot.", admission.in_flight),
            ("scrap_admission_waiting", "Fetches that wait for a slot.", admission.waiting),
            ("scrap_admission_capacity", "Slots for fetches.", admission.capacity),
            ("scrap_admission_saturation_ratio", "How saturated the service is, from 0 to 1.", admission.saturation),
            ("scrap_cpu_limit_cores", "Cores that the process may use: 1, or less by its CPU limit.", cpu_usage.cores),
            ("scrap_cache_entries", "Pages in the memory level.", len(cache.memory)),
            ("scrap_cache_bytes", "Size of the memory level.", cache.memory.used),
            ("scrap_cache_shared_up", "1 while the shared level is in use, else 0.", cache.shared_up),
        ):
            if value is not None:  # else there is no shared level
                yield GaugeMetricFamily(name, means, value)
        for name, means, labels, counts in (
            ("scrap_admission_refused", "Fetches rejected: the service was overloaded.", "", {(): admission.rejected}),
            ("scrap_cache_lookups", "Cache look-ups, by level and state.", "level state", cache.lookups),
            ("scrap_cache_shared_writes", "Entries written to the shared level, by result.", "result", writes),
        ):
            if counts:  # likewise
                family = CounterMetricFamily(name, means, labels=labels.split())
                for label_values, count in list(counts.items()):  # another thread may add one
                    family.add_metric(label_values, count)
                yield family


class Metrics:
    """The service's metrics, in a registry of their own; `routes` are the API's templates. A sink; see `FanOut`."""

    def __init__(self, *, version: str, routes: Iterable[str] = (), clock: Clock = time.monotonic) -> None:
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series each, which nothing reads
        self.registry = prometheus.CollectorRegistry()
        self._clock = clock
        self._routes = frozenset(routes)
        self._counter = partial(prometheus.Counter, registry=self.registry)
        self._gauge = partial(prometheus.Gauge, registry=self.registry)
        self._histogram = partial(prometheus.Histogram, registry=self.registry)
        self._make_request_metrics()
        self._make_fetch_metrics()
        self._make_process_metrics(version)
        self.handlers: events.Handlers = {
            events.RequestStarted: self._request_started,
            events.RequestEnded: self._request_ended,
            events.FetchEnded: self._fetch_ended,
            events.TargetBlocked: lambda event: self._blocked(event.verdict).inc(),
            events.FlightJoined: lambda _: self._joined.inc(),
            events.SharedCacheFailed: lambda event: self._shared_failures(event.kind).inc(),
            events.BackgroundFailed: lambda _: self._background_failures.inc(),
        }

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Renders all metrics as (body, content type): OpenMetrics with exemplars if accepted, else the text format."""
        render, content_type = _OPENMETRICS if "application/openmetrics-text" in accept else _TEXT
        return render(self.registry), content_type

    def route_label(self, route: str) -> str:
        return route if route in self._routes else "unmatched"

    async def measure_lag(self, interval: float = 0.05) -> None:
        """Observes, until it is cancelled, by how many seconds the event loop runs a timer late."""
        while True:
            due = self._clock() + interval
            await asyncio.sleep(interval)
            self.note_lag(max(0.0, self._clock() - due))

    def note_lag(self, seconds: float) -> None:
        self._lag.observe(seconds)
        self._lag_max.observe(seconds)

    def note_failed_sink(self, name: str) -> None:
        self._sink_failures.labels(name).inc()

    def _children(self, name: str, means: str, labels: list[str], known: Known) -> Callable[..., prometheus.Counter]:
        """The children of a counter, looked up once; there are few, for label values come from short lists."""
        child = cache(self._counter(name, means, labels).labels)
        for values in known:  # PromQL sees no increase in a series that begins at 1
            child(*values)
        return child

    def _make_request_metrics(self) -> None:
        labels = ["route", "method", "status", "outcome", "fault"]
        self._requests = self._counter("scrap_requests", "Requests answered.", labels)
        self._in_flight = 0
        in_flight = self._gauge("scrap_requests_in_flight", "Requests being answered.")
        in_flight.set_function(lambda: self._in_flight)
        labels, means = ["route", "outcome"], "Seconds from a request's headers to its response's end."
        self._duration = self._histogram(DURATION, means, labels, buckets=SECONDS)
        means = "Longest request of the last minute, in seconds."
        self._longest = self._gauge("scrap_request_duration_max_seconds", means, labels)
        self._maximum_of = cache(self._new_maximum)
        self._series_of = lru_cache(maxsize=256)(self._request_series)  # limited: a client chooses the method
        for route, outcome in product(sorted(self._routes), Outcome):
            self._series_of(route, "GET", outcome.status, outcome)
        labels, known = ["reason", "outcome", "fault"], ((reason, reason.outcome, reason.fault) for reason in Reason)
        self._failures = self._children("scrap_failures", "Requests that failed.", labels, known)
        self._joined = self._counter("scrap_flights_joined", "Requests that shared the fetch of another request.")

    def _make_fetch_metrics(self) -> None:
        labels, means = ["phase"], "Seconds that a phase of a fetch took."
        phases = self._histogram("scrap_phase_duration_seconds", means, labels, buckets=SECONDS)
        self._phases = {phase: phases.labels(phase) for phase in events.PHASES}
        statuses = zip(map(status_label, (*_USUAL_STATUSES, None)))
        self._hops = self._children("scrap_hops", "Requests to pages' hosts, by response.", ["status"], statuses)
        self._redirects = self._histogram("scrap_fetch_redirects", "Redirects of a fetch.", buckets=REDIRECTS)
        self._received = self._histogram("scrap_fetch_received_bytes", "Size of a body as received.", buckets=BYTES)
        self._decoded = self._histogram("scrap_fetch_decoded_bytes", "Size of a body after decoding.", buckets=BYTES)
        self._truncated = self._counter("scrap_fetches_truncated", "Fetches whose body was not read to its end.")
        known = ("fast", _NONE), *(("reference", reason) for reason in FallbackReason)
        self._parsed = self._children("scrap_pages_parsed", "Pages parsed.", ["parser", "fallback_reason"], known)
        means = "Pages that exceeded a limit, so that a part was left out."
        self._bounded = self._children("scrap_pages_bounded", means, ["bound"], zip(Bound))
        means = "Targets that the guard blocked."
        self._blocked = self._children("scrap_targets_blocked", means, ["verdict"], zip(_BLOCKING))
        means, failures = "Failed operations of the shared level.", zip(SharedCacheErrorKind)
        self._shared_failures = self._children("scrap_cache_shared_failures", means, ["kind"], failures)

    def _make_process_metrics(self, version: str) -> None:
        means = "Seconds by which the event loop ran a timer late."
        self._lag = self._histogram("scrap_event_loop_lag_seconds", means, buckets=LAG_SECONDS)
        self._lag_max = SlidingMaximum(self._clock)
        means = "Largest lag of the last minute, in seconds."
        self._gauge("scrap_event_loop_lag_max_seconds", means).set_function(self._lag_max.value)
        self.lines_dropped = self._counter("scrap_log_lines_dropped", "Log lines dropped: stdout was read too slowly.")
        self._sink_failures = self._counter("scrap_telemetry_failures", "Events that a sink failed on.", ["sink"])
        self._background_failures = self._counter("scrap_background_failures", "Internal errors outside of requests.")
        build = prometheus.Info("scrap_build", "Version of the service and of Python.", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})
        prometheus.ProcessCollector(registry=self.registry)
        prometheus.GCCollector(registry=self.registry)

    def _request_started(self, _: events.RequestStarted) -> None:
        self._in_flight += 1

    def _request_ended(self, event: events.RequestEnded) -> None:
        requests, duration, maximum = self._series_of(event.route, event.method, event.status, event.outcome)
        requests.inc()
        self._in_flight -= 1
        if reason := event.reason:
            self._failures(reason, reason.outcome, reason.fault).inc()
        if event.fetch and (seconds := event.fetch.timings.shared_cache):
            self._phases["shared_cache"].observe(seconds)
        if event.seconds is not None:  # rejected before it was read: a zero would lower the mean and the quantiles
            trace = current_trace.get()
            duration.observe(event.seconds, trace.exemplar if trace else None)
            maximum.observe(event.seconds)

    def _request_series(self, route: str, method: str, status: int, outcome: Outcome) -> RequestSeries:
        route = self.route_label(route)
        labels = route, method_label(method), status_label(status), outcome, outcome.fault or _NONE
        return self._requests.labels(*labels), self._duration.labels(route, outcome), self._maximum_of(route, outcome)

    def _new_maximum(self, route: str, outcome: Outcome) -> SlidingMaximum:
        maximum = SlidingMaximum(self._clock)
        self._longest.labels(route, outcome).set_function(maximum.value)
        return maximum

    def _fetch_ended(self, event: events.FetchEnded) -> None:
        if event.queued is not None:
            self._phases["wait"].observe(event.queued)  # for a slot alone; the other queues are in lines
        for hop in event.hops:
            self._hops(status_label(hop.status)).inc()
            for phase in events.HOP_PHASES:
                if seconds := getattr(hop, phase):  # the zero of one that was not reached would lower the quantiles
                    self._phases[phase].observe(seconds)
        if content := event.content:
            self._redirects.observe(len(event.hops) - 1)
            self._received.observe(content.wire_bytes)
            self._decoded.observe(content.decoded_bytes)
            if content.seconds:  # else no body was wanted
                self._phases["body"].observe(content.seconds)
            if content.truncated:
                self._truncated.inc()
        if parse := event.parse:
            self._parsed(parse.parser, parse.fallback_reason or _NONE).inc()
            if parse.bound:
                self._bounded(parse.bound).inc()
            self._phases["parse"].observe(parse.seconds)
