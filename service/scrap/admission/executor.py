"""Threads for work that takes long, and a fair queue before them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")
_MOST_HOSTS: Final = 10_000  # whose seconds are remembered


class _Waiter(NamedTuple):
    host: str
    size: int
    thread: asyncio.Future[None]


class Executor:
    """Runs work in threads, no more at once than there are threads.

    The next of the queue is work for the host that used the fewest seconds since the queue was empty; of equal hosts
    the smallest, of equal sizes the first. So neither a host with many slow pages nor a few large pages block others.
    """

    def __init__(self, threads: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="parser")
        self._free = threads
        self._clock = clock
        self._queue: list[_Waiter] = []
        self._seconds: dict[str, float] = {}  # that each host used

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def run(self, work: Callable[[], T], *, host: str, size: int) -> T:
        """Runs work in a thread, to its end even if this is cancelled; raises RuntimeError where no thread starts."""
        await self._acquire(host, size)
        try:
            done = self._pool.submit(work)
        except BaseException:
            self._release()
            raise
        loop, started = asyncio.get_running_loop(), self._clock()

        def finish(_: Future[T]) -> None:
            loop.call_soon_threadsafe(self._finish, host, started)

        done.add_done_callback(finish)
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def _acquire(self, host: str, size: int) -> None:
        if self._free:
            self._free -= 1
            return
        waiter = _Waiter(host, size, asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        try:
            await waiter.thread
        except asyncio.CancelledError:
            if not waiter.thread.cancelled():  # the thread came in the same iteration
                self._release()
            raise

    def _finish(self, host: str, started: float) -> None:
        self._seconds[host] = self._seconds.get(host, 0.0) + self._clock() - started
        self._release()

    def _release(self) -> None:
        """Passes a thread on to the next in the queue."""
        self._queue = [waiter for waiter in self._queue if not waiter.thread.done()]
        if not self._queue or len(self._seconds) > _MOST_HOSTS:
            self._seconds.clear()
        if not self._queue:
            self._free += 1
            return
        waiter = min(self._queue, key=lambda waiter: (self._seconds.get(waiter.host, 0.0), waiter.size))
        self._queue.remove(waiter)
        waiter.thread.set_result(None)
