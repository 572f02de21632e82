"""Callers who do not wait for each other: calls come at their times, whatever became of those before (an open loop).

wrk's closed loop slows down with the server and so never overloads it. Here a call that finds no connection free waits
for one, and is counted from the time it was due.
"""

import asyncio
import random
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

Path = Callable[[], str]


@dataclass
class Tally:
    """What callers saw. Times are in milliseconds.

    Attributes:
        since: calls that were due before have no time here: they met the warm-up.
    """

    since: float = 0.0
    seconds: float = 0.0
    sent: int = 0
    lost: int = 0  # no answer at all
    answers: Counter[int] = field(default_factory=Counter)  # by status
    times: dict[int, list[float]] = field(default_factory=dict)  # likewise
    late: list[float] = field(default_factory=list)  # by how much the generator itself was late

    def count(self, status: int = 200) -> int:
        return self.answers[status]

    def per_second(self, status: int = 200) -> float:
        return self.count(status) / self.seconds

    def percentile(self, percent: int, status: int = 200) -> float:
        times = self.times.get(status, [])
        return statistics.quantiles(times, n=100, method="inclusive")[percent - 1] if len(times) > 1 else float("nan")

    @property
    def lateness(self) -> float:
        """By how much the generator itself was late, 99th percentile; a closed loop's never is."""
        return statistics.quantiles(self.late, n=100, method="inclusive")[98] if len(self.late) > 1 else 0.0

    @property
    def others(self) -> Counter[int]:
        """Answers that are neither a page nor a refusal."""
        return Counter({status: count for status, count in self.answers.items() if status not in {200, 503}})


class _Caller(asyncio.Protocol):
    """One kept connection; one call at a time."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd
        self._due: float | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._crowd.free(self)

    def ask(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        fields = head.lower()
        length = int(fields.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if len(body) < length or self._due is None:
            return
        self._crowd.answered(int(head[9:12]), self._due)
        self._due, self._data = None, b""
        if b"connection: close" in fields:
            self._transport.close()
        else:
            self._crowd.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.gone(self, lost=self._due is not None)


class Crowd:
    """Callers of one server, on at most so many connections.

    Args:
        base: the server.
        path: gives the next call's path.
        connections: how many at once.
    """

    def __init__(self, base: str, path: Path, *, connections: int = 256) -> None:
        split = urlsplit(base)
        self._host, self._port = split.hostname or "", split.port or 80
        self._path = path
        self._most = connections
        self._callers: set[_Caller] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._idle: deque[_Caller] = deque()
        self._due: deque[float] = deque()
        self._closed_loop = False
        self.tally = Tally()

    async def at(self, rate: float, seconds: float, *, warm: float = 0.5) -> Tally:
        """Calls so many times a second at random (a Poisson process), after `warm` seconds that are not counted."""
        rng = random.Random(1)  # noqa: S311 - the same times every time
        began = due = time.perf_counter()
        counted = False
        while due < began + warm + seconds:
            now = time.perf_counter()
            if not counted and now >= began + warm:
                counted, self.tally = True, Tally(now)
            while due <= now:
                self.tally.late.append((now - due) * 1000)
                self._call(due)
                due += rng.expovariate(rate)
            await asyncio.sleep(max(0.0, min(due - time.perf_counter(), 0.001)))
        return await self._end(seconds)

    async def at_most(self, callers: int, seconds: float, *, warm: float = 0.5) -> Tally:
        """So many callers, each of whom calls as soon as it was answered: a closed loop."""
        self._closed_loop = True
        for _ in range(callers):
            self._call(time.perf_counter())
        await asyncio.sleep(warm)
        began = time.perf_counter()
        self.tally = Tally(began)
        await asyncio.sleep(seconds)
        self._closed_loop = False
        return await self._end(time.perf_counter() - began)

    async def _end(self, seconds: float) -> Tally:
        tally, self.tally = self.tally, Tally()
        tally.seconds = seconds
        self._due.clear()
        for caller in list(self._callers):
            caller.close()
        await asyncio.sleep(0.2)
        return tally

    def _call(self, due: float) -> None:
        self.tally.sent += 1
        self._due.append(due)
        if self._idle:
            self._next(self._idle.pop())
        elif len(self._callers) + len(self._opening) < self._most:
            task = asyncio.ensure_future(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _Caller(self), self._host, self._port)
        except OSError:
            self.tally.lost += 1

    def _next(self, caller: _Caller) -> None:
        caller.ask(f"GET {self._path()} HTTP/1.1\r\nHost: scrap\r\nAccept: */*\r\n\r\n".encode(), self._due.popleft())

    # What a caller says.

    def free(self, caller: _Caller) -> None:
        self._callers.add(caller)
        if self._closed_loop and not self._due:
            self.tally.sent += 1
            self._due.append(time.perf_counter())
        if self._due:
            self._next(caller)
        else:
            self._idle.append(caller)

    def answered(self, status: int, due: float) -> None:
        self.tally.answers[status] += 1
        if due >= self.tally.since:
            self.tally.times.setdefault(status, []).append((time.perf_counter() - due) * 1000)

    def gone(self, caller: _Caller, *, lost: bool) -> None:
        self.tally.lost += lost
        self._callers.discard(caller)
        if caller in self._idle:
            self._idle.remove(caller)
