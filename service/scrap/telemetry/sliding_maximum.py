"""The maximum over a sliding minute."""

import time
from collections.abc import Callable
from typing import Final

_SLOT: Final = 5.0  # seconds
_SLOTS: Final = 13  # the one being filled and the twelve before it


class SlidingMaximum:
    """The largest of the values, 0.0 and more, of the last 60 to 65 seconds; observed in one thread, read in any.

    Every slot of five seconds keeps its own maximum, and reading resets nothing: with a scrape every 30 seconds each
    value is seen twice, by any number of scrapers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._maxima: dict[int, float] = {}

    def observe(self, value: float) -> None:
        slot = int(self._clock() // _SLOT)
        if value > self._maxima.get(slot, 0.0):
            self._maxima = {**self._recent(slot), slot: value}  # a new one, for another thread may read the old

    def value(self) -> float:
        return max(self._recent(int(self._clock() // _SLOT)).values(), default=0.0)

    def _recent(self, slot: int) -> dict[int, float]:
        return {old: value for old, value in self._maxima.items() if old > slot - _SLOTS}
