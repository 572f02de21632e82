"""The metrics of calls: counted for every answer, so counted cheaply.

The library's counters take a lock each and its histogram walks its buckets: 2.5 µs a call here. These are plain numbers
that one thread at a time changes, in 0.15 µs a hit; a scrape in another thread reads each whole.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPMethod, HTTPStatus
from operator import itemgetter
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from scrap.errors import Outcome
from scrap.events import Ending, RequestEnded
from scrap.telemetry.peak import Peak
from scrap.telemetry.sinks import Hits
from scrap.telemetry.trace import Trace

# From a hit in memory (well under 1 ms) to the deadline (8 s); what was cut off at the deadline ends above 8.
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 8.0, 10.0)

DURATION: Final = "scrap_request_duration_seconds"
_DURATION_MEANS: Final = "Time from a call's head to its answer's end."
_METHODS: Final = frozenset(map(str, HTTPMethod))
_STATUSES: Final = frozenset(map(int, HTTPStatus)) | {499}  # nginx's number for a caller who left
_OTHER_STATUS: Final = 0
_BOUNDS: Final = [*map(str, SECONDS), "+Inf"]

_bucket_of: Final = partial(bisect_left, SECONDS)

_Kind = tuple[str, str, int, Outcome]  # route, method, status, outcome
Sampled = tuple[float, float, Trace]  # when a call ended, how long it took, and its trace


class Durations:
    """How long calls took."""

    __slots__ = ("buckets", "sampled", "total")

    def __init__(self) -> None:
        self.buckets = [0] * len(_BOUNDS)  # each by itself, not cumulative
        self.sampled: list[Sampled | None] = [None] * len(_BOUNDS)  # the last sampled call of each
        self.total = 0.0

    def note(self, seconds: float) -> None:
        """Notes a call that took so long."""
        self.buckets[_bucket_of(seconds)] += 1
        self.total += seconds

    def note_all(self, seconds: list[float]) -> None:
        """Notes several."""
        for bucket, count in Counter(map(_bucket_of, seconds)).items():
            self.buckets[bucket] += count
        self.total += sum(seconds)

    def add(self, other: "Durations") -> None:
        """Adds those of other calls."""
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]
        self.sampled = [_later(mine, its) for mine, its in zip(self.sampled, other.sampled, strict=True)]
        self.total += other.total

    def cumulative(self) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
        """The buckets as the exposition wants them."""
        count = 0
        for bound, inside, sampled in zip(_BOUNDS, self.buckets[:], self.sampled, strict=True):
            count += inside
            yield (bound, count, _exemplar(*sampled)) if sampled else (bound, count)


class Calls:
    """Calls that ended alike."""

    __slots__ = ("count", "durations", "peak")

    def __init__(self, peak: Peak) -> None:
        self.count = 0
        self.durations = Durations()
        self.peak = peak


def _later(one: Sampled | None, other: Sampled | None) -> Sampled | None:
    return max(filter(None, (one, other)), key=itemgetter(0), default=None)


def _exemplar(ended: float, seconds: float, trace: Trace) -> Exemplar:
    return Exemplar({"trace_id": trace.trace_id, "span_id": trace.span_id}, seconds, ended)


class CallMetrics(Collector):
    """Counts calls and their durations, and keeps the maximum.

    Args:
        routes: the route templates that the API has; any other is "unmatched".
        clock: the monotonic clock of the maximum.
    """

    def __init__(self, routes: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._routes = frozenset(routes)
        self._calls: dict[_Kind, Calls] = {}
        self._peaks: dict[tuple[str, Outcome], Peak] = {}
        # A series that begins at 1 has no increase that PromQL could see: the usual ones begin at 0.
        for route in sorted(self._routes):
            for outcome in Outcome:
                self._resolve(route, "GET", outcome.status, outcome)

    def note(self, event: RequestEnded, trace: Trace | None) -> None:
        """Counts a call that has just ended, or several that ended just so, unmeasured."""
        calls = self._calls_of(event.ending)
        calls.count += event.calls
        seconds = event.seconds
        if seconds is None:  # refused before it was a call: a zero would only pull the mean and the quantiles down
            return
        calls.durations.note(seconds)
        calls.peak.note(seconds, self._clock())
        if trace and trace.sampled:
            calls.durations.sampled[_bucket_of(seconds)] = event.ended, seconds, trace

    def note_hits(self, hits: Hits) -> None:
        """Counts hits that have just ended."""
        alike = {ending: self._calls_of(ending) for ending in set(hits.endings)}
        took: dict[Calls, list[float]] = {}
        if len(set(alike.values())) == 1:  # almost always: GET, 200, ok
            took[alike[hits.endings[0]]] = hits.seconds
        else:
            for ending, seconds in zip(hits.endings, hits.seconds, strict=True):
                took.setdefault(alike[ending], []).append(seconds)
        now = self._clock()
        for calls, times in took.items():
            calls.count += len(times)
            calls.durations.note_all(times)
            calls.peak.note(max(times), now)
        if any(hits.traces):
            for ending, _, seconds, at, trace in zip(*hits, strict=True):
                if trace and trace.sampled:
                    alike[ending].durations.sampled[_bucket_of(seconds)] = at, seconds, trace

    def _calls_of(self, ending: Ending) -> Calls:
        kind = ending.route, ending.method, ending.status, ending.outcome
        return self._calls.get(kind) or self._resolve(*kind)

    def _resolve(self, route: str, method: str, status: int, outcome: Outcome) -> Calls:
        """Bounds what a stranger chooses: a flood of other names ends in one series."""
        route = route if route in self._routes else "unmatched"
        method = method if method in _METHODS else "other"
        status = status if status in _STATUSES else _OTHER_STATUS
        peak = self._peaks.setdefault((route, outcome), Peak())
        return self._calls.setdefault((route, method, status, outcome), Calls(peak))

    def collect(self) -> Iterable[Metric]:
        """Yields the families, for the registry."""
        requests = CounterMetricFamily(
            "scrap_requests", "Calls answered.", labels=["route", "method", "status", "outcome", "fault"]
        )
        took: dict[tuple[str, Outcome], Durations] = {}
        for (route, method, status, outcome), calls in list(self._calls.items()):
            requests.add_metric([route, method, _code(status), outcome, outcome.fault or "none"], calls.count)
            took.setdefault((route, outcome), Durations()).add(calls.durations)
        yield requests

        labels = ["route", "outcome"]
        duration = HistogramMetricFamily(DURATION, _DURATION_MEANS, labels=labels)
        longest = GaugeMetricFamily(
            "scrap_request_duration_max_seconds", "The longest call that ended within the last minute.", labels=labels
        )
        now = self._clock()
        for (route, outcome), durations in took.items():
            duration.add_metric([route, outcome], list(durations.cumulative()), durations.total)
            longest.add_metric([route, outcome], self._peaks[route, outcome].value(now))
        yield duration
        yield longest

    def durations(self) -> Metric:
        """The durations with all labels that OpenTelemetry's conventions ask for: more series than a scrape needs."""
        labels = ["route", "method", "scheme", "status", "outcome", "error"]
        family = HistogramMetricFamily(DURATION, _DURATION_MEANS, labels=labels)
        for (route, method, status, outcome), calls in list(self._calls.items()):
            error = outcome if status >= 500 else ""
            durations = calls.durations
            buckets = list(durations.cumulative())
            family.add_metric([route, method, "http", _code(status), outcome, error], buckets, durations.total)
        return family


def _code(status: int) -> str:
    return "other" if status == _OTHER_STATUS else str(status)
