"""Single flight: requests for one page at the same time are one piece of work."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

from scrap.errors import Overloaded, Reason, ScrapError
from scrap.events import Emit, FlightJoined

T = TypeVar("T")
Make = Callable[[], Coroutine[Any, Any, T]]
_JOINED = FlightJoined()


class Disconnect:
    """A client's disconnect: whether it `happened`; it is called when it happens, and calls `callback`."""

    __slots__ = ("callback", "happened")

    def __init__(self) -> None:
        self.happened = False
        self.callback: Callable[[], object] | None = None

    def __call__(self) -> None:
        self.happened = True
        if self.callback is not None:
            self.callback()


class _Flight(Generic[T]):
    """One piece of work, the task that does it, and the requests that joined."""

    __slots__ = ("is_abandoned", "is_wanted", "lingering", "task", "waiters")

    task: asyncio.Task[Any]

    def __init__(self) -> None:
        self.is_wanted = True  # even without waiters
        self.is_abandoned = False
        self.waiters: set[asyncio.Future[T]] = set()
        self.lingering: asyncio.TimerHandle | None = None


class Flights(Generic[T]):
    """The work under way, one piece a key.

    The request that comes first does the work in its own task; others join and wait. When the last client has left, the
    work goes on for `linger` seconds and is cancelled then: work that is nearly finished serves the client's next try,
    and work that is stuck does not hold its slot.

    Args:
        linger: seconds that abandoned work may go on; a request that comes in that time joins it.
        emit: receives an event of every request that joins.
    """

    def __init__(self, *, linger: float = 1.0, emit: Emit) -> None:
        self._linger = linger
        self._emit = emit
        self._is_closing = False
        self._flights: dict[str, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()  # of the flights, and of those cancelled and not yet over

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    async def run(self, key: str, make: Make[T], disconnect: Disconnect | None = None) -> T:
        """Joins the work under way for this key, or does it.

        Args:
            key: what makes two requests the same.
            make: does the work; it runs in the task of the request that came first.
            disconnect: of this request's client.

        Raises:
            Exception: what the work raised, for every request that waits for it.
            ScrapError: CALLER_LEFT; the client left before the work was over.
            Overloaded: DRAINING; the work was cancelled.
        """
        disconnect = disconnect or Disconnect()
        try:
            if not disconnect.happened:
                flight = self._flights.get(key)
                result = await (self._join(key, flight, disconnect) if flight else self._lead(key, make, disconnect))
        except (asyncio.CancelledError, ScrapError):
            if not disconnect.happened:
                raise
        finally:
            disconnect.callback = None
        if disconnect.happened:
            raise ScrapError(Reason.CALLER_LEFT)
        return result

    def launch(self, key: str, make: Make[T]) -> None:
        """Does work in a task of its own, unless some is under way for this key; requests may join it.

        Its ScrapErrors are dropped: `make` has emitted what there is to emit. Another exception goes to the event
        loop's exception handler, unless a request raises it.
        """
        if key not in self._flights:
            flight = self._flights[key] = _Flight()
            flight.task = asyncio.create_task(self._fly_alone(key, flight, make), name=f"flight {key}")
            self._tasks.add(flight.task)

    async def aclose(self) -> None:
        """Cancels all work and waits until it is over."""
        self._is_closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _lead(self, key: str, make: Make[T], disconnect: Disconnect) -> T:
        """Does the work in the current task."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        flight = self._flights[key] = _Flight()
        flight.task = task
        self._tasks.add(task)
        disconnect.callback = partial(self._leave, key, flight)
        return await self._fly(key, flight, make)

    async def _join(self, key: str, flight: _Flight[T], disconnect: Disconnect) -> T:
        """Waits for another task's work."""
        self._emit(_JOINED)
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        disconnect.callback = waiter.cancel
        flight.waiters.add(waiter)
        if flight.lingering is not None:
            flight.lingering.cancel()
        try:
            return await waiter
        finally:
            flight.waiters.discard(waiter)
            self._linger_unwanted(key, flight)

    async def _fly(self, key: str, flight: _Flight[T], make: Make[T]) -> T:
        """Does the work; its result or failure is that of the requests that joined, too."""
        try:
            result = await make()
        except BaseException as error:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            failure = Overloaded(Reason.DRAINING) if is_cancelled else error
            for waiter in flight.waiters:
                if not waiter.done():
                    # All raise this one object; a future restores the traceback it was given, so it does not grow.
                    waiter.set_exception(failure)
            if flight.is_abandoned:
                flight.task.uncancel()
            if is_cancelled and self._is_closing:
                raise failure from None
            raise
        else:
            for waiter in flight.waiters:
                if not waiter.done():
                    waiter.set_result(result)
            return result
        finally:
            self._forget(key, flight)
            self._tasks.discard(flight.task)
            if flight.lingering is not None:
                flight.lingering.cancel()

    async def _fly_alone(self, key: str, flight: _Flight[T], make: Make[T]) -> None:
        try:
            await self._fly(key, flight, make)
        except ScrapError:
            pass
        except Exception as error:  # noqa: BLE001 - it is reported
            if not flight.waiters:
                context = {"message": "Work without a request failed", "exception": error, "task": flight.task}
                flight.task.get_loop().call_exception_handler(context)

    def _leave(self, key: str, flight: _Flight[T]) -> None:
        """The client of the request that does the work has left."""
        flight.is_wanted = False
        self._linger_unwanted(key, flight)

    def _linger_unwanted(self, key: str, flight: _Flight[T]) -> None:
        if not (flight.waiters or flight.is_wanted or flight.task not in self._tasks):
            flight.lingering = flight.task.get_loop().call_later(self._linger, self._abandon, key, flight)

    def _abandon(self, key: str, flight: _Flight[T]) -> None:
        """Cancels work that no client waits for; a request that comes from now on starts anew."""
        self._forget(key, flight)
        flight.is_abandoned = True
        flight.task.cancel()

    def _forget(self, key: str, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
