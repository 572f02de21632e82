"""Admission: slots, a short queue, and a fixed number of new fetches in each iteration of the event loop.

*Slots* bound the fetches that wait for the web. *Memory* is bounded by a budget (`Slot`). *The CPU*: one event loop
has one core, and where requests come faster than it can work, its iterations become longer. So in each iteration one
fetch begins. An iteration serves all that is ready of the fetches under way, so excess work waits in the queue, before
any of it is done, where it can be rejected. An iteration that is long for other reasons (cached responses, new
connections, rejections) lets one more begin for every `AdmissionLimits.iteration` seconds.

The queue is for bursts. A queue that stands only adds its length to every latency: after `max_wait` seconds without an
empty queue only `standing` fetches may wait. Once a request was rejected, as in CoDel (RFC 8289), the load shedder
admits none while the first in the queue has waited for more than `target`, and else as many in an iteration as may
begin in one. docs/decisions/0009-load-shedding.md has the figures, docs/caching.md those of the queue's order.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from scrap.admission.limits import AdmissionLimits
from scrap.admission.slot import MemoryBudget, Slot
from scrap.errors import Overloaded

_SATURATED_SECONDS = 5.0  # after a rejection, for scrapes


def _unused() -> float:
    return 0.0


class Admission:
    """The slots for fetches and the queue before them, first in, first out.

    Every operation takes constant time. A slot that is released goes to the first in the queue directly.

    Args:
        limits: how many and how long.
        cpu_usage: the share of the CPU that is in use, 0.0 to 1.0.
        clock: monotonic seconds.

    Attributes:
        in_flight: fetches that hold a slot.
        rejected: requests so far that got none. No event is emitted: in a flood it would cost more than they do.
    """

    def __init__(
        self,
        limits: AdmissionLimits,
        *,
        cpu_usage: Callable[[], float] = _unused,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.in_flight = 0
        self.rejected = 0
        self._limits = limits
        self._cpu_usage = cpu_usage
        self._clock = clock
        self._memory = MemoryBudget(
            own=limits.own_bytes, shared=limits.shared_bytes, step=limits.step_bytes, reject=self.reject
        )
        # In order, with the time when each came. The result is whether it has a slot (True) or waited too long (False).
        self._queue: OrderedDict[asyncio.Future[bool], float] = OrderedDict()
        self._may_begin = 1  # fetches, in this iteration of the event loop
        self._may_admit = 1  # requests, by the load shedder
        self._counting = False  # the next iteration is scheduled
        self._rejected_before = 0  # this iteration
        self._last_empty = float("-inf")  # when the queue was empty and no request rejected the last time
        self._last_rejection = float("-inf")

    @property
    def capacity(self) -> int:
        """Slots."""
        return self._limits.capacity

    @property
    def waiting(self) -> int:
        """Fetches in the queue."""
        return len(self._queue)

    @property
    def saturation(self) -> float:
        """The larger of the shares of slots and of the CPU that are in use, 0.0 to 1.0.

        Both are proportional to the load, so the value with one replica fewer is n / (n - 1) times as large, which an
        autoscaler needs. It is 1 for some seconds after a rejection: a process does not see what others take of its
        core.
        """
        if self._clock() - self._last_rejection < _SATURATED_SECONDS:
            return 1.0
        return max(self.in_flight / self._limits.capacity, self._cpu_usage())

    @property
    def is_saturated(self) -> bool:
        """Whether one more fetch would be rejected at once."""
        limits, waiting = self._limits, len(self._queue)
        if not waiting:
            return not limits.waiting and self.in_flight >= limits.capacity
        if waiting >= limits.waiting:
            return True
        return waiting >= limits.standing and self._clock() - self._last_empty > limits.max_wait

    @property
    def is_overloaded(self) -> bool:
        """Whether a request was rejected a moment ago, or would be now."""
        return self._clock() - self._last_rejection < self._limits.max_wait or self.is_saturated

    def admit(self) -> bool:
        """Whether a request may have a fetch, in an overload; to be asked once for each that needs one.

        It gets to `enter` some iterations later: without this all requests of an iteration would find the same queue.
        """
        if self._may_admit <= 0 or self.is_saturated:
            return False
        if self._queue and self._clock() - next(iter(self._queue.values())) > self._limits.target:
            return False
        self._may_admit -= 1
        self._count_iteration()
        return True

    def reject(self) -> Overloaded:
        """Counts a rejection; returns its error."""
        self._last_rejection = self._clock()
        self.rejected += 1
        self._count_iteration()
        return Overloaded(retry_after=self._limits.retry_after)

    def enter(self) -> Slot:
        """The slot for one fetch, as an asynchronous context manager.

        Entering raises `Overloaded` at once where the queue is full, or after `AdmissionLimits.max_wait` seconds.
        """
        return Slot(self, self._memory)

    def acquire_now(self) -> bool:
        """Takes a slot if it needs no wait."""
        if self._queue or not self._has_slot():
            return False
        now = self._clock()
        if now - self._last_rejection >= self._limits.max_wait:
            self._last_empty = now
        self._begin()
        return True

    async def acquire(self) -> None:
        """Waits for a slot; raises Overloaded where there is none in time."""
        if self.is_saturated or not await self._wait():
            raise self.reject()

    def release(self) -> None:
        """Returns a slot."""
        self.in_flight -= 1
        self._begin_next()

    def _has_slot(self) -> bool:
        """Whether a fetch may begin in this iteration."""
        return self.in_flight < self._limits.capacity and (self._may_begin > 0 or not self._limits.waiting)

    def _begin(self) -> None:
        self.in_flight += 1
        self._may_begin -= 1
        self._count_iteration()

    def _count_iteration(self) -> None:
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._next_iteration, self._clock())

    def _next_iteration(self, since: float) -> None:
        self._counting = False
        seconds, rejections = self._clock() - since, self.rejected - self._rejected_before
        self._rejected_before = self.rejected
        more = int(seconds / self._limits.iteration) + rejections // self._limits.rejections
        self._may_begin = self._may_admit = 1 + more
        self._begin_next()

    def _begin_next(self) -> None:
        """Lets the first in the queue begin."""
        while self._queue and self._has_slot():
            waiter, _ = self._queue.popitem(last=False)
            if not waiter.done():
                waiter.set_result(True)
                self._begin()

    async def _wait(self) -> bool:
        """Waits in the queue; returns whether there was a slot in time."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._queue[waiter] = self._clock()
        timer = loop.call_later(self._limits.max_wait, _expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                self.release()  # the slot came in the same iteration
            raise
        finally:
            timer.cancel()
            self._queue.pop(waiter, None)


def _expire(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
