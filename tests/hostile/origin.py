"""An origin that sends exactly the bytes it is given, however wrong, and keeps the requests that it received."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    head: bytes

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode("ascii")

    def header(self, name: str) -> str | None:
        """Returns a header field, or None."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b": ")
            if key.lower() == name.lower().encode("ascii"):
                return value.decode("ascii")
        return None


@dataclass
class HostileOrigin:
    """A running origin.

    Attributes:
        port: where it listens, on 127.0.0.1.
        requests: what it was asked.
        connections: how many there were.
        open: connections that are open right now.
        most_open: and the most there were at once.
        left: set once the last of them was gone.
    """

    port: int
    scheme: str
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    most_open: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@contextlib.asynccontextmanager
async def serving(
    answer: Answer, context: ssl.SSLContext | None = None, *, keeps: bool = False
) -> AsyncIterator[HostileOrigin]:
    """Serves one answer to every request; with a context, over TLS. Whatever still runs at the end is cancelled.

    `keeps`: a connection serves requests until its client leaves; else one.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        origin.connections += 1
        origin.open += 1
        origin.most_open = max(origin.most_open, origin.open)
        try:
            while keeps:
                origin.requests.append(request := Request(await reader.readuntil(b"\r\n\r\n")))
                await answer(request, writer)
            request = Request(await reader.readuntil(b"\r\n\r\n"))
            origin.requests.append(request)
            left = asyncio.ensure_future(reader.read())  # the client sends nothing more: this ends when it leaves
            saying = asyncio.ensure_future(answer(request, writer))
            try:
                await asyncio.wait({left, saying}, return_when=asyncio.FIRST_COMPLETED)
                if saying.done():
                    saying.result()
            finally:
                left.cancel()
                saying.cancel()
                await asyncio.gather(left, saying, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the origin ends
        finally:
            origin.open -= 1
            if not origin.open:
                origin.left.set()
            tasks.discard(task)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    origin = HostileOrigin(server.sockets[0].getsockname()[1], "https" if context else "http")
    try:
        yield origin
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
