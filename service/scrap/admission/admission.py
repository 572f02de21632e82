"""Admission: slots, a short queue before them, and few new fetches in each iteration of the event loop.

Where requests come faster than the one core of an event loop can work, its iterations become longer. So one fetch
begins in each: an iteration serves all that is ready of the fetches under way, and excess work waits in the queue,
where nothing is done yet and it can be rejected. A queue that stands only adds its length to every latency, so once a
request was rejected, the load shedder admits few in an iteration, and none while the first in the queue has waited for
more than `target`, as in CoDel (RFC 8289). docs/decisions/0009-load-shedding.md has the figures.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from scrap.admission.limits import AdmissionLimits
from scrap.errors import Overloaded, Reason

_SATURATED_SECONDS = 5.0  # after a rejection, for scrapes


class Slot:
    """The slot of one fetch, and the memory that it may hold: a context manager, whose end gives both back."""

    def __init__(self, admission: "Admission", own_bytes: int) -> None:
        self._own = self._limit = own_bytes  # that it may hold; those beyond `_own` are of the memory that all share
        self._admission = admission

    def __enter__(self) -> "Slot":
        return self

    def __exit__(self, *error: object) -> None:
        self._admission.release(self._limit - self._own)

    def hold(self, size: int) -> None:
        """Notes that the fetch holds so many bytes now; raises Overloaded where so many are not left."""
        while size > self._limit:
            self._limit += self._admission.take_memory()


class Admission:
    """The slots for fetches and the queue before them, first in, first out; every operation takes constant time."""

    def __init__(
        self,
        limits: AdmissionLimits,
        *,
        cpu_usage: Callable[[], float] = lambda: 0.0,  # the share that is in use, 0.0 to 1.0
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.capacity = limits.capacity
        self.in_flight = 0  # fetches that hold a slot
        self.rejected = 0  # so far. In a flood an event of each would cost more than a rejection
        self._limits = limits
        self._cpu_usage = cpu_usage
        self._clock = clock
        self._shared_bytes = limits.shared_bytes  # left
        self._queue: OrderedDict[asyncio.Future[None], float] = OrderedDict()  # in order, and when each came
        self._may_begin = 1  # fetches, in this iteration of the event loop
        self._may_admit = 2  # requests, by the load shedder
        self._is_scheduled = False  # the next iteration is scheduled
        self._rejected_before = 0  # this iteration
        self._last_rejection = float("-inf")

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def saturation(self) -> float:
        """The larger of the shares of slots and of the CPU that are in use; 1.0 for some seconds after a rejection.

        Both are proportional to the load: with one replica fewer it is n / (n - 1) times as large.
        """
        if self._clock() - self._last_rejection < _SATURATED_SECONDS:
            return 1.0
        return max(self.in_flight / self.capacity, self._cpu_usage())

    @property
    def is_full(self) -> bool:
        """Whether one more fetch would be rejected at once."""
        if self._limits.waiting:
            return len(self._queue) >= self._limits.waiting
        return self.in_flight >= self.capacity

    @property
    def is_overloaded(self) -> bool:
        """Whether a request was rejected a moment ago."""
        return self._clock() - self._last_rejection < self._limits.max_wait

    def admit(self) -> bool:
        """Whether a request may have a fetch in an overload; to be called once for each that needs one.

        It enters some iterations later: without a limit all requests of an iteration would find the same queue.
        """
        if self._may_admit <= 0 or self.is_full:
            return False
        if self._queue and self._clock() - next(iter(self._queue.values())) > self._limits.target:
            return False
        self._may_admit -= 1
        self._schedule_iteration()
        return True

    def reject(self) -> Overloaded:
        """Counts a rejection."""
        self._last_rejection = self._clock()
        self.rejected += 1
        self._schedule_iteration()
        return Overloaded(Reason.FULL)

    async def enter(self) -> Slot:
        """Returns a slot; raises `Overloaded` at once or after `AdmissionLimits.max_wait` seconds."""
        if self._queue or not self._has_slot():
            await self._wait()
        else:
            self._begin()
        return Slot(self, self._limits.own_bytes)

    async def _wait(self) -> None:
        if self.is_full:
            raise self.reject()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue[waiter] = self._clock()
        try:
            async with asyncio.timeout(self._limits.max_wait):
                await waiter
        except (TimeoutError, asyncio.CancelledError) as error:
            if waiter.done() and not waiter.cancelled():
                self.release()  # the slot came in the same iteration
            if isinstance(error, TimeoutError):
                raise self.reject() from None
            raise
        finally:
            self._queue.pop(waiter, None)

    def release(self, shared_bytes: int = 0) -> None:
        self._shared_bytes += shared_bytes
        self.in_flight -= 1
        if self._queue:
            self._begin_next()

    def take_memory(self) -> int:
        """Takes a step of the shared memory; returns its bytes, or raises `Overloaded`."""
        if self._limits.step_bytes > self._shared_bytes:
            raise self.reject()
        self._shared_bytes -= self._limits.step_bytes
        return self._limits.step_bytes

    def _has_slot(self) -> bool:
        return self.in_flight < self.capacity and (self._may_begin > 0 or not self._limits.waiting)

    def _begin(self) -> None:
        self.in_flight += 1
        self._may_begin -= 1
        self._schedule_iteration()

    def _begin_next(self) -> None:
        while self._queue and self._has_slot():
            waiter, _ = self._queue.popitem(last=False)
            if not waiter.done():
                waiter.set_result(None)
                self._begin()

    def _schedule_iteration(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._next_iteration, self._clock())

    def _next_iteration(self, since: float) -> None:
        self._is_scheduled = False
        seconds, rejections = self._clock() - since, self.rejected - self._rejected_before
        self._may_begin = 1 + int(seconds / self._limits.iteration) + rejections // self._limits.rejections
        # Without the one more, clients that could be served and retry at once are rejected on and on.
        self._may_admit = self._may_begin + (not self._queue)
        self._rejected_before = self.rejected
        if self._queue:
            self._begin_next()
