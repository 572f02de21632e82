"""Admission: so many at once, one a turn of the event loop, few waiting; everybody else hears "full" at once.

Three things can run out. *Places*: fetches that wait for the web cost sockets, so there are only so many. *Memory*:
most pages are small and few are read to their limit, so a place comes with some bytes of its own, and a page that needs
more takes a large step of a memory that all share; when none is left, it is rejected, and not the small ones.
*The CPU*: one event loop has one core, and when calls come faster than it can work, nothing happens but that its
turns get longer. So in each turn of the loop one call begins. A turn serves all that is ready of the calls under way,
so work that was begun comes before work that was not: what is too much gathers here, in front of the work, where it
can be seen and refused, and the calls under way go on as if it were not there. (Where a turn is long for other
reasons, thousands of answers from the cache or of new connections, one more begins for every `turn` that it took:
those must not keep everybody else out.)

The waiting room is for bursts. A queue that stands is of no use to anybody: it only adds its length to every call. So
once people have been waiting without a pause for `patience`, only `standing` of them may wait; and once somebody was
refused, as in CoDel (RFC 8289, here at the door instead of at the head), nobody is let in while the first in the
queue has waited for more than `target`, and the others one by one at the `Pace` that the core can bear, until a while
has passed without refusals. A few dozen callers who each wait for their answer before they ask again are no overload,
and never see any of it.

First come, first served. Last come, first served is the usual cure for a long queue whose head is out of time already;
this queue is short and time-bound instead, so the cure has nothing to heal, and it would make those wait longest who
are refused in the end. docs/caching.md has the figures.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from scrap.admission.busy import Busy
from scrap.admission.executor import Executor
from scrap.admission.pace import Pace
from scrap.errors import Overloaded

__all__ = ["Admission", "AdmissionLimits", "Busy", "Executor", "Slot"]

_REMEMBERED = 5.0  # seconds for which a refusal is held to say that the house is full


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """How much work is taken on."""

    # Pieces of work at once. More: more memory, 116 KiB each for pages within `own_bytes`, 252 where they are zstd,
    # whose decoder holds them once more. Fewer: stuck origins, each of which holds its place to its deadline, crowd out
    # the others sooner.
    capacity: int = 256
    # Callers who may wait. More: larger bursts are smoothed. 0: no waiting room, and no pacing.
    waiting: int = 128
    # Seconds that a caller of a burst waits at most; a queue that stands for longer is no burst.
    patience: float = 0.25
    # Callers who may wait on and on. Fewer: steady callers on so many connections are refused without need.
    standing: int = 64
    # Seconds that the first in the queue may have waited while others are let in, once somebody was refused. More: an
    # overload is felt as slowness as well. Less than a piece of work takes of the CPU: an idle moment now and then.
    target: float = 0.025
    # Seconds of a turn of the event loop for which one more may begin in the next. It has to be much more than a piece
    # of work takes of the CPU, else long turns make longer ones; more lets fewer in beside a flood of other things.
    turn: float = 0.025
    # Seconds after which a refused caller is asked to come back (Retry-After), whole.
    retry_after: int = 1
    # Bytes of memory that each may hold in any case. More: the worst case, times `capacity`, needs more memory. Less:
    # more pages need the shared memory; 91 % of real ones have said all within 64 KiB.
    own_bytes: int = 64 * 1024
    # Bytes that all together may hold beyond; then a page that needs more is rejected. More: more large pages at once.
    # Less than `step_bytes`: pages beyond `own_bytes` are rejected always.
    shared_bytes: int = 24 * 1024 * 1024
    # Bytes that a page beyond `own_bytes` takes of it at once: as many as a page may have, so that those that begin can
    # end. In smaller steps many would grow together until none can.
    step_bytes: int = 1024 * 1024

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.waiting < 0 or self.patience < 0 or self.retry_after < 1:
            raise ValueError(f"impossible limits of admission: {self}")
        if self.target < 0 or self.turn <= 0 or self.own_bytes < 0 or self.shared_bytes < 0 or self.step_bytes < 1:
            raise ValueError(f"impossible limits of admission: {self}")


def _never() -> float:
    return 0.0


class Slot:
    """One piece of work's place, and the memory that comes with it."""

    __slots__ = ("_admission", "_held", "beyond")

    def __init__(self, admission: "Admission") -> None:
        self.beyond = 0  # bytes of the shared memory
        self._held = admission.own_bytes  # bytes that it may hold
        self._admission = admission

    def hold(self, size: int) -> None:
        """Notes that it holds so many bytes now.

        Raises:
            Overloaded: there are not so many left.
        """
        while size > self._held:
            step = self._admission.spend_step()
            if not step:
                raise self._admission.reject()
            self.beyond += step
            self._held += step


class Admission:
    """The places for work and the waiting room before them.

    Entering, leaving and giving up take constant time. A place that comes free goes to the first in the waiting room
    directly, so nobody overtakes.

    Args:
        limits: how many and how long.
        busy: the share of the CPU that is in use, 0.0 to 1.0.
        clock: monotonic seconds.

    Attributes:
        in_flight: pieces of work that have a place.
        refused: callers so far who got none. No event tells of them: in a flood it would cost more than they do.
    """

    def __init__(
        self,
        limits: AdmissionLimits,
        *,
        busy: Callable[[], float] = _never,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.in_flight = 0
        self.refused = 0
        self._limits = limits
        self._busy = busy
        self._clock = clock
        # In order, and when each came; each is told True (a place is yours) or False (you have waited long enough).
        self._queue: OrderedDict[asyncio.Future[bool], float] = OrderedDict()
        self._shared = limits.shared_bytes
        self._left = 1  # how many may still begin in this turn of the event loop
        self._turn_ends = False  # somebody has begun in it, so we are told
        self._calm = float("-inf")  # when there was no queue and no trouble the last time
        self._refused = float("-inf")  # when somebody was refused the last time
        self._pace = Pace()

    @property
    def capacity(self) -> int:
        """Pieces of work at once."""
        return self._limits.capacity

    @property
    def own_bytes(self) -> int:
        """Bytes that come with every place."""
        return self._limits.own_bytes

    def spend_step(self) -> int:
        """Takes a step of the shared memory; returns its bytes, 0 where there are not so many left."""
        step = self._limits.step_bytes
        if step > self._shared:
            return 0
        self._shared -= step
        return step

    @property
    def waiting(self) -> int:
        """Callers in the waiting room."""
        return len(self._queue)

    @property
    def saturation(self) -> float:
        """How full the house is, 0.0 to 1.0: the larger of the shares of places and of the CPU that are in use.

        Both are proportional to the load, so "with one replica fewer" is this times n / (n - 1), which an autoscaler
        must be able to say. Where somebody was refused within the last seconds it is 1, whatever the shares say: a
        process does not see what others take of its core.
        """
        if self._clock() - self._refused < _REMEMBERED:
            return 1.0
        return max(self.in_flight / self._limits.capacity, self._busy())

    @property
    def is_full(self) -> bool:
        """Whether one more caller would be refused at once."""
        limits = self._limits
        if not self._queue:
            return not limits.waiting and not self._has_room()
        if len(self._queue) >= limits.waiting:
            return True
        return len(self._queue) >= limits.standing and self._clock() - self._calm > limits.patience

    @property
    def is_overloaded(self) -> bool:
        """Whether somebody had to be refused a moment ago, or would have to be now."""
        return self._refused_lately(self._clock()) or self.is_full

    def admit(self) -> bool:
        """Lets a caller of a strained house in who will `enter` some turns later, if it is time for one.

        Without it, a turn's worth of callers would find the same short queue, and all come in.
        """
        if self.is_full:
            return False
        now = self._clock()
        if self._is_late(now) or not self._pace.take(now):
            return False
        self._await_turn()
        return True

    def reject(self) -> Overloaded:
        """Notes that somebody is refused; gives the error that says so."""
        self._refused = self._clock()
        self.refused += 1
        return Overloaded(retry_after=self._limits.retry_after)

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Slot]:
        """Takes a place for the length of the `async with` block.

        Raises:
            Overloaded: at once where the queue is full, or after `AdmissionLimits.patience` seconds in the queue.
        """
        await self._take()
        place = Slot(self)
        try:
            yield place
        finally:
            self._shared += place.beyond
            self._give()

    async def _take(self) -> None:
        if not self._queue and self._has_room():
            now = self._clock()
            if not self._refused_lately(now):
                self._calm = now
            self._begin()
        elif self.is_full or not await self._wait():
            raise self.reject()

    def _refused_lately(self, now: float) -> bool:
        return now - self._refused < self._limits.patience

    def _is_late(self, now: float) -> bool:
        """Whether the first in the queue has waited for longer than it should once people are refused."""
        return bool(self._queue) and now - next(iter(self._queue.values())) > self._limits.target

    def _has_room(self) -> bool:
        """Whether somebody may begin in this turn."""
        return self.in_flight < self._limits.capacity and (self._left > 0 or not self._limits.waiting)

    def _begin(self) -> None:
        """Takes a place, the only one that may be taken in this turn, as a rule."""
        self.in_flight += 1
        self._left -= 1
        self._pace.begin()
        self._await_turn()

    def _await_turn(self) -> None:
        if not self._turn_ends:
            self._turn_ends = True
            asyncio.get_running_loop().call_soon(self._turn, self._clock())

    def _turn(self, since: float) -> None:
        """A new turn of the event loop."""
        self._turn_ends = False
        now = self._clock()
        self._left = 1 + int((now - since) / self._limits.turn)
        self._pace.look(now, strained=self._refused_lately(now), late=self._is_late(now))
        self._call_in()

    def _call_in(self) -> None:
        """Lets the first begin who still waits, if one may."""
        while self._queue and self._has_room():
            turn, _ = self._queue.popitem(last=False)
            if _tell(turn, True):
                self._begin()

    async def _wait(self) -> bool:
        """Waits for a place; False: none came in time."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._queue[turn] = self._clock()
        timer = loop.call_later(self._limits.patience, _tell, turn, False)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._give()  # the place came in the same instant
            raise
        finally:
            timer.cancel()
            self._queue.pop(turn, None)

    def _give(self) -> None:
        """Gives a place back; it goes to the first who waits."""
        self.in_flight -= 1
        self._call_in()


def _tell(turn: asyncio.Future[bool], word: bool) -> bool:
    """Tells a waiter, unless it was told before or has left."""
    if turn.done():
        return False
    turn.set_result(word)
    return True
