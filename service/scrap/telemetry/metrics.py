"""Prometheus metrics: every name, label and bucket. docs/metrics.md says what each means; a test compares the two.

Labels are bounded by construction: routes are those the API names, methods and statuses those that HTTP registers,
reasons and outcomes ours; words from elsewhere in the core are cut off at a fixed number of them. Nothing that a
stranger writes (host, URL, path, method, header) becomes a label.
"""

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import product
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Info,
    Metric,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from scrap.errors import Reason
from scrap.events import (
    BackgroundFailed,
    FetchAdmitted,
    FetchEnded,
    FlightJoined,
    HopEnded,
    PageParsed,
    RequestEnded,
    SharedCacheFailed,
    TargetBlocked,
)
from scrap.fetch.verdict import Verdict
from scrap.opengraph.document import Bound, Unsure
from scrap.telemetry.calls import DURATION, SECONDS, CallMetrics
from scrap.telemetry.fields import PHASES
from scrap.telemetry.histogram import Histogram
from scrap.telemetry.peak import Peak
from scrap.telemetry.sinks import Handlers, Hits
from scrap.telemetry.tally import Tally
from scrap.telemetry.trace import current_trace

_LAG_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_BYTES: Final = tuple(float(1024 << shift) for shift in (0, 2, 4, 6, 8, 10, 12))  # 1 KiB to 4 MiB

# The library would take the version from the scraper's header; these are the two that are understood everywhere.
_TEXT: Final = choose_encoder("")
_OPENMETRICS: Final = choose_encoder("application/openmetrics-text; version=1.0.0")

_STATUSES: Final = {int(status): str(int(status)) for status in HTTPStatus}
_OTHER: Final = "other"
_NONE: Final = "none"
# The words below begin at 0, for PromQL sees no increase in a series that begins at 1: what hosts usually answer, and
# of what the shared cache may fail (its own list would bring its whole library).
_USUAL_STATUSES: Final = (200, 301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504)
_TROUBLES: Final = ("timeout", "connection", "auth", "refused", "protocol", "backlog", "entry")


def _nothing() -> None:
    """Nothing is gathered."""


class Metrics:
    """The service's metrics, in a registry of their own. A sink; see `FanOut`.

    Args:
        version: the service's.
        routes: the route templates that the API has; any other is "unmatched".
        clock: the monotonic clock of the maxima.
    """

    name = "metrics"

    def __init__(
        self, *, version: str, routes: Iterable[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nothing here reads
        self.registry = CollectorRegistry()
        self._clock = clock
        self._settle: Callable[[], None] = _nothing
        self._calls = CallMetrics(routes, clock)
        self.registry.register(self._calls)
        self._make_call_metrics()
        self._make_fetch_metrics()
        self._make_cache_metrics()
        self._make_process_metrics(version)
        self.handlers: Handlers = {
            RequestEnded: self._request_ended,
            Hits: self._calls.note_hits,
            FetchAdmitted: self._fetch_admitted,
            HopEnded: self._hop_ended,
            FetchEnded: self._fetch_ended,
            TargetBlocked: self._target_blocked,
            PageParsed: self._page_parsed,
            FlightJoined: self._flight_joined,
            SharedCacheFailed: self._shared_cache_failed,
            BackgroundFailed: self._background_failed,
        }

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Renders all metrics, from any thread.

        Args:
            accept: the scraper's Accept header. OpenMetrics, with exemplars, where it is named there; else the text
                format 0.0.4.

        Returns:
            The body and its content type.
        """
        self._settle()
        render, content_type = _OPENMETRICS if "application/openmetrics-text" in accept else _TEXT
        return render(self.registry), content_type

    def collect(self) -> Iterator[Metric]:
        """All metrics for OTLP, whose conventions want a call's duration by method and status as well."""
        self._settle()
        for family in self.registry.collect():
            yield self._calls.durations() if family.name == DURATION else family

    def settle_first(self, settle: Callable[[], None]) -> None:
        """Has what was gathered elsewhere counted before anybody reads, so that nobody sees less than there was."""
        self._settle = settle

    # What is read when a scrape comes.

    def observe_calls(self, *, in_flight: Callable[[], float]) -> None:
        """Reads at each scrape how many calls are being answered."""
        self._in_flight.set_function(in_flight)

    def observe_admission(
        self,
        *,
        in_flight: Callable[[], float],
        waiting: Callable[[], float],
        capacity: Callable[[], float],
        refused: Callable[[], int],
        saturation: Callable[[], float],
    ) -> None:
        """Reads admission's state at each scrape: fetches under way, waiting and refused so far, places, and 0 to 1."""
        self._admission_in_flight.set_function(in_flight)
        self._admission_waiting.set_function(waiting)
        self._admission_capacity.set_function(capacity)
        self._admission_refused.show(lambda: {(): refused()})
        self._admission_saturation.set_function(saturation)

    def observe_cache(
        self, *, entries: Callable[[], float], size: Callable[[], float], lookups: dict[tuple[str, ...], int]
    ) -> None:
        """Reads the cache's state at each scrape.

        Args:
            entries: in the memory level.
            size: theirs, in bytes.
            lookups: how many there were, by level and state; who counts them goes on doing so.
        """
        self._cache_entries.set_function(entries)
        self._cache_bytes.set_function(size)
        self._cache_lookups.show(lambda: lookups)

    def observe_shared_cache(self, *, up: Callable[[], bool]) -> None:
        """Reads at each scrape whether the shared level is in use; without it there is no such series."""
        gauge = Gauge(
            "scrap_cache_shared_up",
            "1 while the shared level is in use, 0 while it is given up.",
            registry=self.registry,
        )
        gauge.set_function(lambda: float(up()))

    # What is noted as it happens, by who has no event for it.

    def note_lag(self, seconds: float) -> None:
        """Notes how late the event loop was."""
        self._lag.observe(seconds)
        self._lag_peak.note(seconds, self._clock())

    def note_dropped_lines(self, count: int) -> None:
        """Notes log lines that were lost; from any thread."""
        self._log_lines_dropped.inc(count)

    def note_failed_sink(self, name: str) -> None:
        """Notes that a sink raised."""
        self._sink_failures.add((name,))

    # The families.

    def _tally(self, name: str, meaning: str, labels: list[str], *known: tuple[str, ...]) -> Tally:
        tally = Tally(name, meaning, labels, known)
        self.registry.register(tally)
        return tally

    def _histogram(
        self, name: str, meaning: str, bounds: Sequence[float], label: str = "", words: Iterable[str] = ("",)
    ) -> Histogram:
        histogram = Histogram(name, meaning, bounds, label, words)
        self.registry.register(histogram)
        return histogram

    def _make_call_metrics(self) -> None:
        self._failures = Counter(
            "scrap_failures", "Calls that failed, by reason.", ["reason", "outcome", "fault"], registry=self.registry
        )
        self._in_flight = Gauge("scrap_requests_in_flight", "Calls being answered.", registry=self.registry)
        self._failed = {reason: self._failures.labels(reason, reason.outcome, reason.fault) for reason in Reason}

    def _make_fetch_metrics(self) -> None:
        phases = self._histogram(
            "scrap_phase_duration_seconds", "Time a phase of a fetch took.", SECONDS, "phase", PHASES
        )
        self._wait, self._dns, self._connect, self._first_byte, self._body, self._parse = map(phases.of, PHASES)
        self._hops = self._tally(
            "scrap_hops",
            "Requests to pages' hosts, by what they answered.",
            ["status"],
            *((str(status),) for status in (*_USUAL_STATUSES, _NONE)),
        )
        self._redirects = self._histogram(
            "scrap_fetch_redirects", "Redirects that a fetch followed.", tuple(map(float, range(6)))
        ).of()
        self._received = self._histogram(
            "scrap_fetch_received_bytes", "Body bytes of a fetch, as received.", _BYTES
        ).of()
        self._decoded = self._histogram("scrap_fetch_decoded_bytes", "Body bytes of a fetch, decoded.", _BYTES).of()
        self._truncated = Counter(
            "scrap_fetches_truncated",
            "Fetches whose body was not read to its end.",
            registry=self.registry,
        )
        self._blocked = self._tally(
            "scrap_targets_blocked",
            "Targets that the guard refused.",
            ["verdict"],
            *((verdict,) for verdict in Verdict if verdict.reason),
        )
        self._parsed = self._tally(
            "scrap_pages_parsed",
            "Pages read, by parser and why it was that one.",
            ["lane", "unsure"],
            ("express", _NONE),
            *(("html5lib", unsure) for unsure in Unsure),
        )
        self._bounded = self._tally(
            "scrap_pages_bounded",
            "Pages that exceeded a limit, so that a part was left out.",
            ["bound"],
            *((bound,) for bound in Bound),
        )
        self._admission_in_flight = Gauge(
            "scrap_admission_in_flight", "Fetches that have a place.", registry=self.registry
        )
        self._admission_waiting = Gauge("scrap_admission_waiting", "Fetches that wait for one.", registry=self.registry)
        self._admission_capacity = Gauge("scrap_admission_capacity", "Places there are.", registry=self.registry)
        self._admission_refused = self._tally(
            "scrap_admission_refused", "Fetches refused because all places were taken.", []
        )
        self._admission_saturation = Gauge(
            "scrap_admission_saturation_ratio", "How full the house is, from 0 to 1.", registry=self.registry
        )

    def _make_cache_metrics(self) -> None:
        self._cache_lookups = self._tally(
            "scrap_cache_lookups",
            "Look-ups in the cache, by level and what was there.",
            ["level", "state"],
            *product(("memory", "shared"), ("fresh", "stale", "miss")),
        )
        self._flights_joined = Counter(
            "scrap_flights_joined", "Calls that shared another call's fetch.", registry=self.registry
        )
        self._cache_entries = Gauge("scrap_cache_entries", "Pages in the memory level.", registry=self.registry)
        self._cache_bytes = Gauge("scrap_cache_bytes", "Size of the memory level.", registry=self.registry)
        self._shared_failures = self._tally(
            "scrap_cache_shared_failures",
            "Operations of the shared level that failed.",
            ["kind"],
            *((trouble,) for trouble in _TROUBLES),
        )

    def _make_process_metrics(self, version: str) -> None:
        self._lag = self._histogram(
            "scrap_event_loop_lag_seconds", "How much later than asked the event loop calls back.", _LAG_SECONDS
        ).of()
        self._lag_peak = Peak()
        lag_max = Gauge(
            "scrap_event_loop_lag_max_seconds",
            "The largest lag within the last minute.",
            registry=self.registry,
        )
        lag_max.set_function(lambda: self._lag_peak.value(self._clock()))
        self._log_lines_dropped = Counter(
            "scrap_log_lines_dropped", "Log lines lost because nobody read them.", registry=self.registry
        )
        self._sink_failures = self._tally(
            "scrap_telemetry_failures", "Events that a sink of telemetry failed on.", ["sink"]
        )
        self._background_failures = Counter(
            "scrap_background_failures", "Failures of our own that no call could tell of.", registry=self.registry
        )
        build = Info("scrap_build", "What is running.", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    # The events.

    def _request_ended(self, event: RequestEnded) -> None:
        self._calls.note(event, current_trace.get())
        if event.ending.reason:
            self._failed[event.ending.reason].inc(event.calls)

    def _fetch_admitted(self, event: FetchAdmitted) -> None:
        self._wait.observe(event.waited)

    def _hop_ended(self, event: HopEnded) -> None:
        status = _NONE if event.status is None else _STATUSES.get(event.status, _OTHER)
        self._hops.add((status,))
        # A phase that was not reached took no time; its zero would only pull the quantiles down.
        if event.dns:
            self._dns.observe(event.dns)
        if event.connect:
            self._connect.observe(event.connect)
        if event.first_byte:
            self._first_byte.observe(event.first_byte)

    def _fetch_ended(self, event: FetchEnded) -> None:
        self._redirects.observe(event.redirects)
        self._received.observe(event.wire_bytes)
        self._decoded.observe(event.decoded_bytes)
        self._body.observe(event.body)
        if event.truncated:
            self._truncated.inc()

    def _target_blocked(self, event: TargetBlocked) -> None:
        self._blocked.add((event.verdict,))

    def _page_parsed(self, event: PageParsed) -> None:
        self._parsed.add((event.lane, event.unsure or _NONE))
        if event.bound:
            self._bounded.add((event.bound,))
        self._parse.observe(event.seconds)

    def _background_failed(self, _: BackgroundFailed) -> None:
        self._background_failures.inc()

    def _flight_joined(self, event: FlightJoined) -> None:
        self._flights_joined.inc()

    def _shared_cache_failed(self, event: SharedCacheFailed) -> None:
        self._shared_failures.add((event.kind,))
