"""How fast a strained house lets callers in."""

import time
from collections.abc import Callable
from typing import Final

_WINDOW: Final = 0.1  # seconds between two looks
_IDLE: Final = 0.5  # seconds; where nobody asked to look for so long, there was nothing to do
_KEPT: Final = 0.8  # what a look leaves of what was known before: a page's cost is that of the last half second
_USED: Final = 0.96  # the share of the core that is aimed at; more, and there is always a queue
_LESS: Final = 0.98  # what is left of that share where somebody waits for too long
_MORE: Final = 1.02  # and how it comes back
_LEAST: Final = 0.1  # of the core
_SLOWEST: Final = 50.0  # callers a second; the house learns from those who come in
_FORGIVEN: Final = 0.01  # seconds by which one may come too late without making the next one late


class Pace:
    """Lets so many callers in a second as keep the core busy, at even distances.

    Whoever lets people in whenever a hand is free lets many in while there is little to do; their pages all come at
    the same time, a moment later, and while those are read nobody is let in, so that there is little to do again.
    Even distances end it, at a pace that leaves a little of the core free: what comes by chance finds a short queue.
    docs/decisions/0009-load-shedding.md has the figures.

    What a page costs is the CPU of the last half second, for everything, by the pages that were begun; the pace is
    what the core can pay. Where a core is never to be had whole, for other processes use it, that people wait for long
    says that less of it is ours.

    Args:
        used: seconds of CPU that the process has used. Its threads have one core together, for they share the
            interpreter.
    """

    def __init__(self, used: Callable[[], float] = time.process_time) -> None:
        self._used = used
        self._rate = _SLOWEST
        self._credit = 1.0  # callers who may come in now
        self._credited = 0.0  # when that was counted
        self._share = _USED
        self._cpu = 0.0  # seconds of it that pages have cost, those of long ago counted less
        self._pages = 0.0  # how many they were, likewise
        self._since = float("-inf")  # what follows is of the time since then
        self._used_before = 0.0
        self._begun = 0

    def begin(self) -> None:
        """Notes that a piece of work begins."""
        self._begun += 1

    def look(self, now: float, *, strained: bool, late: bool) -> None:
        """Adjusts the pace, where it is time to; to be called often, while there is work.

        Args:
            now: monotonic seconds.
            strained: callers have to ask `take`; else they wait as long as they like.
            late: who was let in waits for too long.
        """
        seconds = now - self._since
        if seconds < _WINDOW:
            return
        used = self._used()
        if seconds < _IDLE:
            self._cpu = self._cpu * _KEPT + used - self._used_before
            self._pages = self._pages * _KEPT + self._begun
            self._share = max(_LEAST, self._share * _LESS) if strained and late else min(_USED, self._share * _MORE)
            self._rate = max(_SLOWEST, self._pages * self._share / max(self._cpu, 1e-9))
        self._since, self._used_before, self._begun = now, used, 0

    def take(self, now: float) -> bool:
        """Lets one in, if it is time for one; `now` in monotonic seconds."""
        self._credit = min(1 + self._rate * _FORGIVEN, self._credit + (now - self._credited) * self._rate)
        self._credited = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True
