"""A load generator: an open loop, whose requests are sent at their times however slow others are, or a closed one.

wrk's closed loop slows down with the server and so never overloads it. Here a request that finds no connection free
waits for one, and its latency counts from the time when it was due.
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
class LoadResult:
    """The responses. Times are in milliseconds.

    Attributes:
        since: requests that were due before belong to the warm-up and have no time here.
    """

    since: float = 0.0
    seconds: float = 0.0
    sent: int = 0
    lost: int = 0  # no response at all
    responses: Counter[int] = field(default_factory=Counter)  # by status
    times: dict[int, list[float]] = field(default_factory=dict)  # likewise
    late: list[float] = field(default_factory=list)  # by how much the generator itself was late

    def count(self, status: int = 200) -> int:
        return self.responses[status]

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
        """Responses that are neither a page nor a rejection."""
        return Counter({status: count for status, count in self.responses.items() if status not in {200, 503}})


class _LoadConnection(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self, generator: "LoadGenerator") -> None:
        self._generator = generator
        self._due: float | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._generator.free(self)

    def send(self, request: bytes, due: float) -> None:
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
        self._generator.responded(int(head[9:12]), self._due)
        self._due, self._data = None, b""
        if b"connection: close" in fields:
            self._transport.close()
        else:
            self._generator.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._generator.closed(self, lost=self._due is not None)


class LoadGenerator:
    """Sends requests to one server.

    Args:
        base: the server.
        path: gives the next request's path.
        connections: how many at once.
    """

    def __init__(self, base: str, path: Path, *, connections: int = 256) -> None:
        split = urlsplit(base)
        self._host, self._port = split.hostname or "", split.port or 80
        self._path = path
        self._most = connections
        self._connections: set[_LoadConnection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._idle: deque[_LoadConnection] = deque()
        self._due: deque[float] = deque()
        self._closed_loop = False
        self.result = LoadResult()

    async def at(self, rate: float, seconds: float, *, warm: float = 0.5) -> LoadResult:
        """Sends so many requests a second at random (a Poisson process), after `warm` seconds that are not counted."""
        rng = random.Random(1)  # noqa: S311 - the same times every time
        began = due = time.perf_counter()
        counted = False
        while due < began + warm + seconds:
            now = time.perf_counter()
            if not counted and now >= began + warm:
                counted, self.result = True, LoadResult(now)
            while due <= now:
                self.result.late.append((now - due) * 1000)
                self._request(due)
                due += rng.expovariate(rate)
            await asyncio.sleep(max(0.0, min(due - time.perf_counter(), 0.001)))
        return await self._end(seconds)

    async def at_most(self, clients: int, seconds: float, *, warm: float = 0.5) -> LoadResult:
        """So many clients, each of which sends a request as soon as it has a response: a closed loop."""
        self._closed_loop = True
        for _ in range(clients):
            self._request(time.perf_counter())
        await asyncio.sleep(warm)
        began = time.perf_counter()
        self.result = LoadResult(began)
        await asyncio.sleep(seconds)
        self._closed_loop = False
        return await self._end(time.perf_counter() - began)

    async def _end(self, seconds: float) -> LoadResult:
        result, self.result = self.result, LoadResult()
        result.seconds = seconds
        self._due.clear()
        for connection in list(self._connections):
            connection.close()
        await asyncio.sleep(0.2)
        return result

    def _request(self, due: float) -> None:
        self.result.sent += 1
        self._due.append(due)
        if self._idle:
            self._next(self._idle.pop())
        elif len(self._connections) + len(self._opening) < self._most:
            task = asyncio.ensure_future(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _LoadConnection(self), self._host, self._port)
        except OSError:
            self.result.lost += 1

    def _next(self, connection: _LoadConnection) -> None:
        connection.send(
            f"GET {self._path()} HTTP/1.1\r\nHost: scrap\r\nAccept: */*\r\n\r\n".encode(), self._due.popleft()
        )

    def free(self, connection: _LoadConnection) -> None:
        self._connections.add(connection)
        if self._closed_loop and not self._due:
            self.result.sent += 1
            self._due.append(time.perf_counter())
        if self._due:
            self._next(connection)
        else:
            self._idle.append(connection)

    def responded(self, status: int, due: float) -> None:
        self.result.responses[status] += 1
        if due >= self.result.since:
            self.result.times.setdefault(status, []).append((time.perf_counter() - due) * 1000)

    def closed(self, connection: _LoadConnection, *, lost: bool) -> None:
        self.result.lost += lost
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
