"""The time limits of a fetch, on one timer."""

import asyncio
from collections.abc import Callable

from scrap.errors import DeadlineExceeded, Reason

_FIRST = 2.0  # seconds until the timer runs at first: of a fetch that ends before, no phase has moved it


class Deadline:
    """A context around a fetch, in the fetch's task: so many seconds for all of it, and fewer for a phase.

    The task is cancelled when the time is over, as by `asyncio.timeout`; the end raises DeadlineExceeded.
    """

    def __init__(self, seconds: float) -> None:
        self.exceeded: Reason | None = None  # the limit: TIMEOUT_TOTAL or a phase's
        # Ends the reading of a page, in place of a first cancellation: what was read may be of use.
        self.stop: Callable[[], None] | None = None
        self._seconds = seconds
        self._grace = 0.25  # seconds to parse what was read of a page, when all the time is over
        self._reason = Reason.TIMEOUT_TOTAL

    def __enter__(self) -> "Deadline":
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a fetch is awaited
        self._task = task
        self._cancelling = task.cancelling()
        self._loop = task.get_loop()
        now = self._loop.time()
        self._end = self._when = now + self._seconds
        self._armed = min(self._end, now + _FIRST)
        self._timer = self._loop.call_at(self._armed, self._expire)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self.exceeded and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise DeadlineExceeded(self.exceeded) from None

    def begin(self, reason: Reason, seconds: float) -> None:
        """Begins a phase that has so many seconds; it ends with the next one, or with `end_phase`."""
        when = self._loop.time() + seconds
        self._reason, self._when = (reason, when) if when < self._end else (Reason.TIMEOUT_TOTAL, self._end)
        if self._when < self._armed:
            self._timer.cancel()
            self._arm()

    def end_phase(self) -> None:
        """Ends a phase: what is left of all the time counts."""
        self._reason, self._when = Reason.TIMEOUT_TOTAL, self._end

    def _arm(self) -> None:
        self._armed = self._when
        self._timer = self._loop.call_at(self._when, self._expire)

    def _expire(self) -> None:
        if self.stop and self._grace and self._when <= self._armed:
            self.stop()
            self._end = self._when = self._end + self._grace
            self._grace = 0.0
        if self._when > self._armed:  # the limit moved; the timer did not, for that costs more than it saves
            self._arm()
        else:
            self.exceeded = self._reason
            self._task.cancel()
