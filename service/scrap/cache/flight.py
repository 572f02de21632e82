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
    """Whether a client's disconnect `happened`; it is called when it happens, and calls `callback`."""

    happened = False
    callback: Callable[[], object] | None = None

    def __call__(self) -> None:
        self.happened = True
        if self.callback is not None:
            self.callback()


class _Flight(Generic[T]):
    """One piece of work, the task that does it, and the requests that joined."""

    task: asyncio.Task[Any]
    clients = 1  # that wait for it; a task of the service's own counts as one
    is_abandoned = False
    lingering: asyncio.TimerHandle | None = None

    def __init__(self) -> None:
        self.waiters: set[asyncio.Future[T]] = set()


class Flights(Generic[T]):
    """The work under way, one piece a key.

    The request that comes first does the work in its own task; others join and wait. When the last client has left, the
    work goes on for `linger` seconds, in which a request may join it, and is cancelled then: work that is nearly
    finished serves the client's next try, and work that is stuck does not hold its slot.
    """

    def __init__(self, *, linger: float = 1.0, emit: Emit) -> None:
        self._linger = linger
        self._emit = emit
        self._flights: dict[str, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()  # of the flights, and of those cancelled and not yet over

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    async def run(self, key: str, make: Make[T], disconnect: Disconnect | None = None) -> T:
        """Joins the work under way for this key, or does it in the current task.

        Raises what the work raised; ScrapError (CALLER_LEFT) where the client left before the work was over; Overloaded
        (DRAINING) where the request that did the work was cancelled.
        """
        disconnect = disconnect or Disconnect()
        try:
            if not disconnect.happened:
                if flight := self._flights.get(key):
                    result = await self._join(key, flight, disconnect)
                else:
                    flight = self._flights[key] = _Flight()
                    disconnect.callback = partial(self._leave, key, flight)
                    result = await self._fly(key, flight, make)
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
            self._tasks.add(asyncio.create_task(self._fly_alone(key, flight, make), name=f"flight {key}"))

    async def aclose(self) -> None:
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, key: str, flight: _Flight[T], disconnect: Disconnect) -> T:
        self._emit(_JOINED)
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        disconnect.callback = waiter.cancel
        flight.waiters.add(waiter)
        flight.clients += 1
        if flight.lingering is not None:
            flight.lingering.cancel()
        try:
            return await waiter
        finally:
            flight.waiters.discard(waiter)
            self._leave(key, flight)

    async def _fly(self, key: str, flight: _Flight[T], make: Make[T]) -> T:
        """Does the work; its result or failure is that of the requests that joined, too."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        flight.task = task
        self._tasks.add(task)
        try:
            result = await make()
        except BaseException as error:
            failure = Overloaded(Reason.DRAINING) if isinstance(error, asyncio.CancelledError) else error
            for waiter in flight.waiters:
                if not waiter.done():
                    # All raise this one object; a future restores the traceback it was given, so it does not grow.
                    waiter.set_exception(failure)
            if flight.is_abandoned:
                task.uncancel()
            raise
        else:
            for waiter in flight.waiters:
                if not waiter.done():
                    waiter.set_result(result)
            return result
        finally:
            if not flight.is_abandoned:
                del self._flights[key]
            self._tasks.discard(task)
            if flight.lingering is not None:
                flight.lingering.cancel()

    async def _fly_alone(self, key: str, flight: _Flight[T], make: Make[T]) -> None:
        try:
            await self._fly(key, flight, make)
        except ScrapError:
            pass
        except Exception as error:  # noqa: BLE001 - it is reported
            if not flight.waiters:
                # Without the task: from Python 3.12 on its context would be entered, in which this runs.
                context = {"message": "Work without a request failed", "exception": error}
                flight.task.get_loop().call_exception_handler(context)

    def _leave(self, key: str, flight: _Flight[T]) -> None:
        flight.clients -= 1
        if not flight.clients and flight.task in self._tasks:
            flight.lingering = flight.task.get_loop().call_later(self._linger, self._abandon, key, flight)

    def _abandon(self, key: str, flight: _Flight[T]) -> None:
        """Cancels work that no client waits for; a request that comes from now on starts anew."""
        del self._flights[key]
        flight.is_abandoned = True
        flight.task.cancel()
