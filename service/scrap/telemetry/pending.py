"""Events of every call, until they are counted."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from prometheus_client import Metric
from prometheus_client.registry import Collector

from scrap.events import CacheLookup, RequestStarted
from scrap.telemetry.calls import Ended

T = TypeVar("T")

_MANY: Final = 64


class Pending(Collector):
    """Keeps the events that every call has until there are many, or until somebody reads the metrics.

    Between two calls, which leave nothing of it in the processor's caches, it takes 11 µs to count what one call
    brings; in a batch 1 µs, and to keep it for the batch 2. As the first collector of a registry it lets no reader
    see less than there was.

    Args:
        count: counts a batch: how many calls began, which look-ups there were how often, and the calls that ended.
            Never called in two threads at once.

    Attributes:
        started, looked, ended: what waits; to append to one of them from one thread is all that an event costs.
    """

    def __init__(self, count: Callable[[int, Counter[CacheLookup], list[Ended]], None]) -> None:
        self._count = count
        self._counting = threading.Lock()
        # Their ends are safe to use from different threads.
        self.started: deque[RequestStarted] = deque()
        self.looked: deque[CacheLookup] = deque()
        self.ended: deque[Ended] = deque()

    def end(self, ended: Ended) -> None:
        """Keeps the end of a call, and counts what waits if that is much."""
        self.ended.append(ended)
        if len(self.ended) >= _MANY:
            self.settle()

    def settle(self) -> None:
        """Counts what waits."""
        with self._counting:
            ended = _taken(self.ended)  # first: who has ended has begun
            self._count(len(_taken(self.started)), Counter(_taken(self.looked)), ended)

    def collect(self) -> Iterable[Metric]:
        """Counts what waits, and yields nothing."""
        self.settle()
        return ()


def _taken(things: deque[T]) -> list[T]:
    return [things.popleft() for _ in range(len(things))]
