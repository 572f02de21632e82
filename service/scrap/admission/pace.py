"""How fast a strained house lets callers in."""

import time
from collections.abc import Callable
from typing import Final

_WINDOW: Final = 0.1  # seconds between two looks
_USED: Final = 0.95  # the share of the core that is aimed at; more, and there is always a queue
_FASTER: Final = 1.5  # the most by which a look changes the pace, up
_SLOWER: Final = 0.9  # and down
_SLOWEST: Final = 50.0  # callers a second; the house learns from those who come in
_FORGIVEN: Final = 0.0005  # seconds by which one may come too late without making the next one late


class Pace:
    """Lets so many callers in a second as keep the core busy, at even distances.

    Whoever lets people in whenever a hand is free lets many in while there is little to do; their pages all come at
    the same time, a moment later, and while those are read nobody is let in, so that there is little to do again.
    Even distances end it, at a pace that leaves a little of the core free: what comes by chance finds a short queue.
    DESIGN.md has the figures.

    Who is let in is seen in the share of the core that the event loop uses, and the pace follows that, ten times a
    second. It begins with what the house did before. Where there is core to spare it grows fast, until nobody has to
    be refused; where a core is never to be had whole (other processes use it, or html5lib in its threads), that people
    wait for long says that the pace is too high.

    Args:
        used: seconds of CPU that the event loop's thread, which calls this, has used.
    """

    def __init__(self, used: Callable[[], float] = time.thread_time) -> None:
        self._used = used
        self._rate = _SLOWEST
        self._credit = 1.0  # callers who may come in now
        self._credited = 0.0  # when that was counted
        self._since = float("-inf")  # what follows is of the time since then
        self._used_before = 0.0
        self._begun = 0
        self._paced = False

    def begin(self) -> None:
        """Notes that a piece of work begins."""
        self._begun += 1

    def look(self, now: float, *, strained: bool, late: bool) -> None:
        """Adjusts the pace, where it is time to; to be called often.

        Args:
            now: monotonic seconds.
            strained: callers have to ask `take` from now on.
            late: who was let in waits for too long.
        """
        seconds = now - self._since
        if seconds < _WINDOW:
            return
        used = self._used()
        if not self._paced:
            self._rate = self._begun / seconds
        else:
            share = max(0.01, (used - self._used_before) / seconds)
            self._rate *= _SLOWER if late else min(_FASTER, max(_SLOWER, (1 + _USED / share) / 2))
        self._rate = max(_SLOWEST, self._rate)
        self._paced = strained
        self._since, self._used_before, self._begun = now, used, 0

    def take(self, now: float) -> bool:
        """Lets one in, if it is time for one; `now` in monotonic seconds."""
        self._credit = min(1 + self._rate * _FORGIVEN, self._credit + (now - self._credited) * self._rate)
        self._credited = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True
