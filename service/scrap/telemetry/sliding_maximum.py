"""The maximum over a sliding minute."""

import time
from collections.abc import Callable
from typing import Final

_SLOT: Final = 5.0  # seconds
_SLOTS: Final = 13  # the one being filled and the twelve before it


class SlidingMaximum:
    """The largest of the values observed in the last 60 to 65 seconds; observed and read in any thread.

    Every slot of five seconds keeps its own maximum; reading takes the largest of the last thirteen and resets nothing.
    So with a scrape every 30 seconds each value is seen twice, by any number of scrapers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._maxima: dict[int, float] = {}

    def observe(self, value: float) -> None:
        slot = int(self._clock() // _SLOT)
        if slot not in self._maxima:
            self._maxima = {**{old: self._maxima[old] for old in self._maxima if old > slot - _SLOTS}, slot: value}
        elif value > self._maxima[slot]:
            self._maxima[slot] = value

    def value(self) -> float:
        slot = int(self._clock() // _SLOT)
        return max((value for old, value in self._maxima.copy().items() if old > slot - _SLOTS), default=0.0)
