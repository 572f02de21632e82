"""A client that asks for many pages at once, and a bystander beside it: what they see of the service."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

NONE = 0  # the status of a request that got no response


@dataclass(frozen=True)
class Response:
    """What came back.

    Attributes:
        status: NONE where there was no whole response.
        size: bytes of its body.
        start: the first of them.
        seconds: from the time when the request was due to the response's last byte, or to where it was given up.
    """

    status: int
    size: int
    start: bytes
    seconds: float


async def scrap(base: str, url: str, *, due: float | None = None, patience: float) -> Response:
    """Asks for the preview of a page, on a connection of its own.

    Args:
        due: the `time.monotonic()` at which it is asked; now, by default.
        patience: seconds after which it is given up.
    """
    due = time.monotonic() if due is None else due
    await asyncio.sleep(due - time.monotonic())
    split = urlsplit(base)
    head, start, size, length = b"", b"", 0, -1
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + due + patience - time.monotonic()):
            reader, writer = await asyncio.open_connection(split.hostname, split.port)
            try:
                path = f"/api/v1/scrap?url={quote(url, safe='')}"
                writer.write(f"GET {path} HTTP/1.1\r\nHost: scrap\r\nConnection: close\r\n\r\n".encode("ascii"))
                head = await reader.readuntil(b"\r\n\r\n")
                while data := await reader.read(1 << 18):
                    start, size = start or data, size + len(data)
                length = int(head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
            finally:
                writer.transport.abort()
    status = int(head[9:12]) if size == length else NONE
    return Response(status, size, start, time.monotonic() - due)


async def scrap_all(base: str, urls: Sequence[str], *, over: float, patience: float) -> list[Response]:
    """Asks for several pages without waiting for one after the other.

    Args:
        over: seconds in which all are asked for, evenly.
        patience: seconds after which one is given up.
    """
    began, gap = time.monotonic(), over / len(urls)
    calls = (scrap(base, url, due=began + at * gap, patience=patience) for at, url in enumerate(urls))
    return await asyncio.gather(*calls)


@dataclass
class Bystander:
    """Somebody who asks for a page that is in the cache, now and then, on a new connection each time."""

    responses: list[Response] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """Of the seconds to its responses; infinite where there was none."""
        seconds = sorted(self.seconds)
        return seconds[math.ceil(len(seconds) * percent / 100) - 1] if seconds else math.inf  # the nearest rank

    @property
    def seconds(self) -> list[float]:
        """How long each request took; infinite where it was not answered with the page."""
        return [response.seconds if response.status == 200 else math.inf for response in self.responses]


@contextlib.asynccontextmanager
async def bystander(base: str, url: str, *, interval: float = 0.05, patience: float) -> AsyncIterator[Bystander]:
    """Asks while its block runs, whether or not it was answered; ends when all that it asked are answered, or given up.

    Args:
        url: of a page that is in the cache.
        interval: seconds from one request to the next.
        patience: seconds after which one is given up.
    """
    found = Bystander()
    requests: list[asyncio.Task[Response]] = []
    ended = False

    async def ask() -> None:
        due = time.monotonic()
        while not ended:
            requests.append(asyncio.create_task(scrap(base, url, due=due, patience=patience)))
            due += interval
            await asyncio.sleep(due - time.monotonic())

    asking = asyncio.create_task(ask())
    try:
        yield found
    finally:
        ended = True
        await asking
        found.responses += await asyncio.gather(*requests)
