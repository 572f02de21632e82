"""The second level: a Valkey or Redis server that all replicas share; docs/caching.md has what happens where it fails.

Look-ups that come while others are under way are sent together as one pipeline, and so are writes: redis-py's asyncio
client costs several times more per command than per pipelined command. No request's cancellation reaches the client:
a command that is cut off costs it its connection.
"""

import asyncio
import random
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Any, TypeVar

from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from scrap.cache.entry import VERSION, Entry, decode, encode
from scrap.cache.shared_errors import SharedCacheErrorKind
from scrap.cache.shared_settings import SharedSettings
from scrap.events import Emit, SharedCacheFailed

T = TypeVar("T")
_STORED = "stored"
_KINDS: dict[tuple[type[Exception], ...], SharedCacheErrorKind] = {  # the first that is one of these counts
    (TimeoutError, redis_errors.TimeoutError): SharedCacheErrorKind.TIMEOUT,
    (redis_errors.AuthenticationError, redis_errors.AuthorizationError): SharedCacheErrorKind.AUTH,
    (redis_errors.NoPermissionError,): SharedCacheErrorKind.AUTH,
    (redis_errors.OutOfMemoryError,): SharedCacheErrorKind.OUT_OF_MEMORY,
    (redis_errors.ReadOnlyError,): SharedCacheErrorKind.READ_ONLY,
    (redis_errors.ResponseError,): SharedCacheErrorKind.REFUSED,
    (redis_errors.ConnectionError, OSError): SharedCacheErrorKind.CONNECTION,
}
_BATCH = 64  # commands in one pipeline: enough to share its cost, few enough for the timeout


class Shared:
    """The entries that all replicas share; raises ValueError where redis-py cannot read the URL.

    Attributes:
        up: whether the server responded when last asked.
        writes: how many entries were to be stored, by result: "stored", or the kind of the failure.
    """

    def __init__(self, settings: SharedSettings, *, emit: Emit) -> None:
        self.up = False
        self.writes: dict[tuple[str, ...], int] = dict.fromkeys(zip((_STORED, *SharedCacheErrorKind)), 0)
        self._settings = settings
        self._emit = emit
        self._client = Redis.from_url(
            settings.url,
            socket_timeout=None,  # `_execute` limits the whole; a limit of each read and write costs a third more
            socket_connect_timeout=settings.timeout,
            retry=Retry(NoBackoff(), 0),  # `_watch` tries again
            protocol=2,  # no handshake; proxies and old servers speak it, too
            driver_info=None,
        )
        self._reads: asyncio.Queue[tuple[str, asyncio.Future[bytes]]] = asyncio.Queue(settings.backlog)
        self._writes: asyncio.Queue[tuple[str, Entry, float]] = asyncio.Queue(settings.backlog)
        self._down = asyncio.Event()
        self._down.set()
        self._pause = 0.0  # until the next try
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(run) for run in (self._watch(), self._read(), self._write())]

    async def aclose(self) -> None:
        self._take_down()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def get(self, key: str) -> Entry | None:
        """The entry that some replica stored, or None; while the level is not `up`, after the whole timeout."""
        value: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        try:
            self._reads.put_nowait((_name(key), value))
            async with asyncio.timeout(self._settings.timeout):
                data = await value
        except asyncio.QueueFull:
            self._report(SharedCacheErrorKind.BACKLOG)
            return None
        except TimeoutError:
            self._fail(SharedCacheErrorKind.TIMEOUT)
            return None
        entry = decode(key, data) if len(data) <= self._settings.value_bytes else None
        if entry is None and data:
            self._report(SharedCacheErrorKind.ENTRY)
        return entry

    def put(self, key: str, entry: Entry, ttl: float) -> None:
        """Stores an entry for `ttl` seconds, a millisecond at least, soon or never."""
        if not self.up or entry.size > self._settings.value_bytes:
            return
        try:
            self._writes.put_nowait((key, entry, ttl))
        except asyncio.QueueFull:
            self._report(SharedCacheErrorKind.BACKLOG)
            self.writes[(SharedCacheErrorKind.BACKLOG,)] += 1

    async def _read(self) -> None:
        while True:
            reads = await _batch(self._reads)
            end = self._settings.value_bytes  # a byte more than an entry; a foreign value may be half a gigabyte
            replies = await self._execute([("GETRANGE", name, 0, end) for name, _ in reads])
            for (_, value), reply in zip(reads, replies, strict=True):
                if not value.done():
                    value.set_result(reply if isinstance(reply, bytes) else b"")

    async def _write(self) -> None:
        while True:
            writes = await _batch(self._writes)
            replies = await self._execute(
                [("SET", _name(key), encode(key, entry), "PX", max(1, int(ttl * 1000))) for key, entry, ttl in writes]
            )
            for reply in replies:
                self.writes[(reply if isinstance(reply, SharedCacheErrorKind) else _STORED,)] += 1

    async def _send(self, commands: list[tuple[str | bytes | int, ...]]) -> list[Any]:
        """Sends commands together; returns each reply, or its error. Raises where they have none."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        async with asyncio.timeout(self._settings.timeout):
            return await pipeline.execute(raise_on_error=False)

    async def _execute(self, commands: list[tuple[str | bytes | int, ...]]) -> list[Any]:
        """Sends commands together; returns each reply, or the kind of its failure."""
        try:
            replies = await self._send(commands)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted by its kind
            self._fail(kind := _kind(error))
            return [kind] * len(commands)
        self._pause = self._settings.retry_first  # it works, and not only when it is tried
        replies = [_kind(reply) if isinstance(reply, Exception) else reply for reply in replies]
        for reply in replies:
            if isinstance(reply, SharedCacheErrorKind):
                self._report(reply)
        return replies

    async def _watch(self) -> None:
        """Takes the level into use when the server responds, at the start and after every failure.

        It is tried by a real read, for a PING may be quick where that is not.
        """
        while True:
            await self._down.wait()
            await asyncio.sleep(self._pause * random.uniform(0.8, 1.2))  # noqa: S311 - replicas do not return at once
            self._pause = min(max(self._settings.retry_first, 2 * self._pause), self._settings.retry_last)
            try:
                replies = await self._send([("PING",), ("GETRANGE", _name(""), 0, 0)])
            except Exception as error:  # noqa: BLE001 - as above
                replies = [error]
            errors = [reply for reply in replies if isinstance(reply, Exception)]
            if errors or replies[0] is not True:
                self._report(_kind(errors[0]) if errors else SharedCacheErrorKind.PROTOCOL)
            else:
                self._down.clear()
                self.up = True

    def _fail(self, kind: SharedCacheErrorKind) -> None:
        """Takes the level out of use; many look-ups may fail of one cause, which is one failure."""
        if self.up:
            self._report(kind)
            self._take_down()

    def _take_down(self) -> None:
        self.up = False
        self._down.set()
        while not self._writes.empty():
            self._writes.get_nowait()
        while not self._reads.empty():
            _, value = self._reads.get_nowait()
            if not value.done():
                value.set_result(b"")

    def _report(self, kind: SharedCacheErrorKind) -> None:
        self._emit(SharedCacheFailed(kind))


async def _batch(queue: asyncio.Queue[T]) -> list[T]:
    batch = [await queue.get()]
    while len(batch) < _BATCH and not queue.empty():
        batch.append(queue.get_nowait())
    return batch


def _name(key: str) -> str:
    """The server's name for a key: short, of our version, and without the URL."""
    digest = blake2b(key.encode(), digest_size=18).digest()
    return f"scrap:{VERSION}:{urlsafe_b64encode(digest).decode()}"


def _kind(error: Exception) -> SharedCacheErrorKind:
    kinds = (kind for errors, kind in _KINDS.items() if isinstance(error, errors))
    return next(kinds, SharedCacheErrorKind.PROTOCOL)
