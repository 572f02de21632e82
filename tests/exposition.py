"""What /metrics says, for tests and the demonstration."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_DURATION = "scrap_request_duration_seconds"


class Exposition:
    """A scrape in the text format.

    Args:
        text: the body.
    """

    def __init__(self, text: str) -> None:
        self.families: dict[str, Metric] = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples: dict[str, list[Sample]] = {}
        for family in self.families.values():
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append(sample)

    def samples(self, name: str, **labels: str) -> Iterator[Sample]:
        """The samples of that name that have these labels, and maybe more."""
        return (sample for sample in self._samples.get(name, ()) if labels.items() <= sample.labels.items())

    def sum(self, name: str, **labels: str) -> float:
        """Their values, added; 0 where there is none."""
        return sum(sample.value for sample in self.samples(name, **labels))

    def value(self, name: str, **labels: str) -> float:
        """The value of the only one.

        Raises:
            LookupError: there is none, or there are several.
        """
        found = list(self.samples(name, **labels))
        if len(found) != 1:
            raise LookupError(f"{len(found)} samples of {name} with {labels}")
        return found[0].value

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """A histogram's cumulative buckets, added over its other labels."""
        counts: dict[float, float] = {}
        for sample in self.samples(f"{name}_bucket", **labels):
            bound = float(sample.labels["le"])
            counts[bound] = counts.get(bound, 0.0) + sample.value
        return dict(sorted(counts.items()))


def quantile(q: float, buckets: dict[float, float]) -> float:
    """What PromQL's histogram_quantile says of cumulative buckets; NaN where they are empty."""
    total = buckets.get(math.inf, 0.0)
    if not total:
        return math.nan
    rank = q * total
    for (low, below), (high, until) in pairwise([(0.0, 0.0), *buckets.items()]):
        if until >= rank:
            return low if math.isinf(high) else low + (high - low) * (rank - below) / (until - below)
    raise AssertionError("the last bucket holds all")


@dataclass(frozen=True)
class Figures:
    """What a person asks of a service; durations in seconds.

    Attributes:
        calls: answered between the two scrapes.
        failures: of these, by whose fault: "caller", "web", "service".
        longest: within the last minute, which may begin before the first scrape.
        total: calls since the process began.
    """

    calls: int
    failures: dict[str, int]
    median: float
    mean: float
    p99: float
    longest: float
    total: int


def figures(after: str, before: str = "", *, route: str) -> Figures:
    """Reads the figures from one scrape, or from what came between two.

    Args:
        after: a scrape's text.
        before: an earlier one's; without it, all since the process began.
        route: of the calls that count.
    """
    new, old = Exposition(after), Exposition(before)

    def grown(name: str, **labels: str) -> float:
        return new.sum(name, route=route, **labels) - old.sum(name, route=route, **labels)

    earlier = old.buckets(_DURATION, route=route)
    buckets = {bound: count - earlier.get(bound, 0.0) for bound, count in new.buckets(_DURATION, route=route).items()}
    calls, measured = grown("scrap_requests_total"), grown(f"{_DURATION}_count")
    return Figures(
        calls=int(calls),
        failures={fault: int(grown("scrap_requests_total", fault=fault)) for fault in ("caller", "web", "service")},
        median=quantile(0.5, buckets),
        mean=grown(f"{_DURATION}_sum") / measured if measured else math.nan,
        p99=quantile(0.99, buckets),
        longest=max((s.value for s in new.samples("scrap_request_duration_max_seconds", route=route)), default=0.0),
        total=int(new.sum("scrap_requests_total", route=route)),
    )
