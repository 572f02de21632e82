"""Single flight: calls for one page at the same time are one piece of work."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from scrap.errors import Overloaded, Reason, ScrapError
from scrap.events import Emit, FlightJoined

T = TypeVar("T")
_JOINED = FlightJoined()


class _Flight(Generic[T]):
    """One piece of work and those who wait for it."""

    task: asyncio.Task[T]

    def __init__(self, *, unattended: bool) -> None:
        self.unattended = unattended  # nobody need wait for it
        self.waiters: set[asyncio.Future[T]] = set()
        self.lingering: asyncio.TimerHandle | None = None


class Flights(Generic[T]):
    """The work under way, one piece a key.

    The work runs in a task of its own, so no caller's cancellation reaches it or any other caller. When the last caller
    leaves, it may go on for `linger` seconds and is cancelled then: nearly finished work is saved for the caller's next
    try, and stuck work does not hold its slot for people who are gone.

    Args:
        linger: seconds that abandoned work may go on; a caller who comes in that time takes it over.
        emit: told of every caller who joined work under way.
    """

    def __init__(self, *, linger: float = 1.0, emit: Emit) -> None:
        self._linger = linger
        self._emit = emit
        self._flights: dict[str, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()  # a little more than the flights: those cancelled and not yet over

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    async def run(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Waits for the work under way for this key, or starts it.

        Args:
            key: what makes two calls the same.
            make: starts the work; it runs in the context (contextvars) of the caller who was first.

        Raises:
            Exception: whatever the work raised, to every caller who waits for it.
            Overloaded: with DRAINING; the work was cancelled by `aclose`.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, make, unattended=False)
        else:
            self._emit(_JOINED)
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        flight.waiters.add(waiter)
        if flight.lingering is not None:
            flight.lingering.cancel()
            flight.lingering = None
        try:
            return await waiter
        finally:
            flight.waiters.discard(waiter)
            if not (flight.waiters or flight.unattended or flight.task.done()):
                flight.lingering = waiter.get_loop().call_later(self._linger, self._abandon, key, flight)

    def launch(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> None:
        """Starts work that nobody waits for, unless some is under way for this key; callers may join it.

        Its ScrapErrors are dropped: `make` has said all there is to say of them. Another exception goes to the loop's
        exception handler.
        """
        if key not in self._flights:
            self._start(key, make, unattended=True)

    async def aclose(self) -> None:
        """Cancels all work and waits until it is over."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: str, make: Callable[[], Coroutine[Any, Any, T]], *, unattended: bool) -> _Flight[T]:
        flight: _Flight[T] = _Flight(unattended=unattended)
        flight.task = task = asyncio.create_task(self._fly(key, flight, make), name=f"flight {key}")
        self._flights[key] = flight
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    async def _fly(self, key: str, flight: _Flight[T], make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Does the work. A result is handed out from here: who waits for it need not wait for the task's end, too."""
        result = await make()
        self._forget(key, flight)
        for waiter in flight.waiters:
            if not waiter.done():
                waiter.set_result(result)
        return result

    def _abandon(self, key: str, flight: _Flight[T]) -> None:
        """Cancels work that is wanted by nobody; who comes from now on starts anew."""
        self._forget(key, flight)
        flight.task.cancel()

    def _land(self, key: str, flight: _Flight[T]) -> None:
        """Hands out why there is no result."""
        self._forget(key, flight)
        self._tasks.discard(flight.task)
        if flight.lingering is not None:
            flight.lingering.cancel()
        error = _error(flight.task)
        if error is not None and not flight.waiters:
            _report(flight.task, error)
        for waiter in flight.waiters:
            if waiter.done():  # cancelled, and not yet told so
                continue
            if error is None:
                waiter.set_result(flight.task.result())
            else:
                # All raise this one object; a future restores the traceback it was given, so it does not grow.
                waiter.set_exception(error)

    def _forget(self, key: str, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


def _error(task: asyncio.Task[Any]) -> BaseException | None:
    """What a finished task failed with; for who waits, work that was cancelled is an instance that shuts down."""
    return Overloaded(Reason.DRAINING) if task.cancelled() else task.exception()


def _report(task: asyncio.Task[Any], error: BaseException) -> None:
    """Tells the loop of an exception that no caller will see and that is none of the known ones."""
    if not isinstance(error, ScrapError):
        message = "Work that nobody waited for failed"
        task.get_loop().call_exception_handler({"message": message, "exception": error, "task": task})
