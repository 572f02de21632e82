"""How late the event loop is."""

import asyncio
import time
from collections.abc import Callable


class LoopLag:
    """Measures how much later than asked the loop calls back, all the time.

    A callback that holds the loop for 300 ms delays every request by up to 300 ms, and no request's own duration
    tells which one it was. A timer every 50 ms sees each such hold, short by 50 ms at most.

    Args:
        note: takes each lag, in seconds.
        interval: seconds from one look to the next; 20 looks a second cost about 0.02 % of a core.
        clock: a monotonic clock; not the loop's own, which uvloop reads once an iteration.
    """

    def __init__(
        self, note: Callable[[float], None], *, interval: float = 0.05, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._note = note
        self._interval = interval
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to measure the running loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._interval, self._look, loop, self._clock() + self._interval)

    def stop(self) -> None:
        """Ends it."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = self._clock()
        self._note(max(0.0, now - due))
        self._timer = loop.call_later(self._interval, self._look, loop, now + self._interval)
