"""Threads for work that takes long, and a fair queue before them."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")
_MOST_HOSTS: Final = 10_000  # whose seconds are remembered


class _Job(NamedTuple, Generic[T]):
    host: str
    size: int
    work: Callable[[], T]
    result: Future[T]


class Executor:
    """Runs work in threads, no more at once than there are threads.

    The next of the queue is work for the host that used the fewest seconds since the queue was empty; of equal hosts
    the smallest, of equal sizes the first. So neither a host with many slow pages nor a few large pages block others.
    """

    def __init__(self, threads: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="parser")
        self._clock = clock
        self._lock = threading.Lock()  # of the two below
        self.waiting: list[_Job[Any]] = []  # the queue
        self._seconds: dict[str, float] = {}  # that each host used

    async def run(self, work: Callable[[], T], *, host: str, size: int) -> T:
        """Runs work in a thread, to its end even if this is cancelled; raises RuntimeError where no thread starts."""
        job = _Job[T](host, size, work, Future())
        with self._lock:
            self.waiting.append(job)
        try:
            self._pool.submit(self._run_next)
            return await asyncio.wrap_future(job.result)
        finally:
            with self._lock, contextlib.suppress(ValueError):  # a thread took it
                self.waiting.remove(job)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _run_next(self) -> None:
        with self._lock:
            if not self.waiting:  # its client has left
                return
            job = min(self.waiting, key=lambda job: (self._seconds.get(job.host, 0.0), job.size))
            self.waiting.remove(job)
        if job.result.set_running_or_notify_cancel():
            try:
                job.result.set_result(self._timed(job))
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
                job.result.set_exception(error)

    def _timed(self, job: _Job[T]) -> T:
        started = self._clock()
        try:
            return job.work()
        finally:
            with self._lock:
                self._seconds[job.host] = self._seconds.get(job.host, 0.0) + self._clock() - started
                if not self.waiting or len(self._seconds) > _MOST_HOSTS:
                    self._seconds.clear()
