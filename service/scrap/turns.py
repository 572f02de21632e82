"""Time on the event loop for work that is done in steps, in fair order."""

import asyncio
from collections import deque
from collections.abc import Callable

BUDGET = 0.008
"""Seconds of steps in one iteration of the event loop. More: connections, timers and cached responses wait longer
beside pages that cost much. Less: more iterations for the same work."""
GRANT = 0.001
"""Seconds of steps for a task that has waited."""


class Turns:
    """Gives all steps of work together a time budget in each iteration of the event loop.

    A step asks `is_free`, else waits (`wait` in a task, `call_soon` in a callback), runs, and `spend`s its time.

    A step does not wait as long as the budget lasts. After that steps wait in a queue, first in, first out. A task that
    gets a turn may do several steps in `GRANT` seconds, for each wait costs 20 µs. So an iteration takes no longer than
    the budget and one step.

    A step within another one counts its own time: the outer one subtracts what `spent` grew by.
    """

    def __init__(self, budget: float = BUDGET) -> None:
        self.is_free = True  # a step may run now
        self.spent = 0.0  # seconds, by all steps
        self._budget = budget
        self._limit = budget  # of `spent`, in this iteration
        self._granted = 0.0  # of `spent`, for the task whose turn it is
        self._queue: deque[Callable[[], None] | asyncio.Future[None]] = deque()
        self._counting = False  # `_begin` is scheduled

    async def wait(self) -> None:
        """Waits until a step may run."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call_soon(turn)
        await turn  # a task that is cancelled now is passed over, or loses this turn; the next iteration gives another

    def call_soon(self, step: Callable[[], None] | asyncio.Future[None]) -> None:
        """Calls a step when it may run; a future is done then."""
        self._queue.append(step)
        self.is_free = self.spent < min(self._limit, self._granted)
        self._count()

    def spend(self, seconds: float) -> None:
        self.spent = spent = self.spent + seconds
        self.is_free = spent < self._limit and (not self._queue or spent < self._granted)
        if not self._counting:
            self._count()

    def _count(self) -> None:
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._counting = False
        self._limit, self._granted = self.spent + self._budget, 0.0
        self.is_free = not self._queue
        try:
            while self._queue and self.spent < self._limit:
                turn = self._queue.popleft()
                self.is_free = not self._queue
                if not isinstance(turn, asyncio.Future):
                    turn()
                elif not turn.done():
                    turn.set_result(None)
                    self._granted, self.is_free = self.spent + GRANT, True
                    return  # its step runs later, and takes as long as it takes
        finally:
            if self._queue:
                self._count()
