"""Counters for words of the core."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

_MAX_SERIES: Final = 64  # the longest list of words that the core has is half as long
_OTHER: Final = "other"


class Tally(Collector):
    """Counts events by words that the core takes from short fixed lists.

    Plain numbers that one thread at a time changes: an eighth of what the library's counter costs, which takes
    a lock. Should a list ever not be short, its later words count as "other".

    Args:
        name: without `_total`.
        meaning: the help text.
        labels: their names.
        known: words that begin at 0: PromQL sees no increase in a series that begins at 1.
    """

    def __init__(self, name: str, meaning: str, labels: list[str], known: Iterable[tuple[str, ...]] = ()) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = labels
        self._counts = dict.fromkeys(known, 0)
        self._shown: Callable[[], Mapping[tuple[str, ...], int]] = lambda: self._counts

    def add(self, words: tuple[str, ...]) -> None:
        """Counts an event."""
        counts = self._counts
        count = counts.get(words)
        if count is None:
            words = words if len(counts) < _MAX_SERIES else (_OTHER,) * len(words)
            count = counts.get(words, 0)
        counts[words] = count + 1

    def show(self, counts: Callable[[], Mapping[tuple[str, ...], int]]) -> None:
        """Shows at each scrape what somebody else counts."""
        self._shown = counts

    def collect(self) -> Iterable[Metric]:
        """Yields the family, for the registry."""
        family = CounterMetricFamily(self._name, self._meaning, labels=self._labels)
        for words, count in list(self._shown().items()):
            family.add_metric(words, count)
        yield family
