"""A TCP relay whose replies can be late, in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Relay:
    """Listens at one address and relays each connection to another.

    Attributes:
        delay: seconds by which every reply is late.
    """

    def __init__(self, host: str, port: int, upstream: int) -> None:
        self.delay = 0.0
        self._listens = host, port
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def open(self) -> None:
        """Listens."""
        self._run(self._open())

    def close(self) -> None:
        """Refuses connections, and ends those that there are."""
        self._run(self._close())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._connected, *self._listens)

    async def _close(self) -> None:
        if self._server:
            self._server.close()
        for each in self._connections:
            each.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        with suppress(OSError, asyncio.CancelledError):
            back, forth = await asyncio.open_connection(self._listens[0], self._upstream)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._relayed(reader, forth, late=False))
                both.create_task(self._relayed(back, writer, late=True))
        writer.close()
        self._connections.discard(task)

    async def _relayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        with suppress(OSError):  # one of the two ends is gone
            while some := await reader.read(65536):
                if late and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(some)
        writer.close()
