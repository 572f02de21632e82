"""Clients: a steady rate of calls, a new connection each, nothing tried twice. Runs in a pod.

The rate does not depend on responses: a client that waits calls less the worse it goes, and would hide it. What
became of the calls is kept by the second in which they ended, so that one who asks now and then misses nothing.
"""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

HOST = os.environ["SERVICE"]
WEB = os.environ["WEB"]
PATIENCE = 20.0  # seconds for one answer; more than the service's own deadline
AT_ONCE = 4000  # calls under way: a bound for the load itself
ABOUT_THE_WEB = {502, 504}


@dataclass
class Second:
    """What ended within a second.

    Attributes:
        rate: calls a second that were meant.
        ok: pages' Open Graph.
        shed: rejections of a saturated service, with Retry-After.
        web: responses that the page cannot be fetched.
        failed: everything else, by what happened.
        ms: how long each answered call took, in milliseconds.
    """

    rate: float
    ok: int = 0
    shed: int = 0
    web: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    ms: list[int] = field(default_factory=list)

    def fail(self, what: str) -> None:
        """A call was not answered as any call may be."""
        self.failed[what] = self.failed.get(what, 0) + 1


class Load:
    """The calls, and what became of them."""

    def __init__(self) -> None:
        self.rate = float(os.environ.get("RATE", "0"))
        self.seconds: dict[int, Second] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def now(self) -> Second:
        """What ends now is written here."""
        return self.seconds.setdefault(int(time.time()), Second(self.rate))

    async def run(self) -> None:
        """Calls for ever."""
        due = time.monotonic()
        for number in itertools.count():
            self.now()
            if not self.rate:
                await asyncio.sleep(0.1)
                due = time.monotonic()
                continue
            # After a pause of the machine: no burst of more than half a second to make up for it.
            due = max(due + 1 / self.rate, time.monotonic() - 0.5)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(self._under_way) >= AT_ONCE:
                self.now().fail("too many calls under way")
                continue
            task = asyncio.create_task(self._call(f"{WEB}/{number}/{time.time()}"))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _call(self, page: str) -> None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                status, head, body = await exchange(page)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.now().fail(type(error).__name__)
            return
        second = self.now()
        second.ms.append(round((time.monotonic() - started) * 1000))
        if status == 200 and b'"title"' in body:
            second.ok += 1
        elif status == 503 and b"\r\nretry-after:" in head:
            second.shed += 1
        elif status in ABOUT_THE_WEB:
            second.web += 1
        else:
            second.fail(f"status {status}, {len(body)} bytes")


async def exchange(page: str) -> tuple[int, bytes, bytes]:
    """One call on a connection of its own: status, head in small letters, body."""
    reader, writer = await asyncio.open_connection(HOST, 80)
    try:
        path = f"/api/v1/scrap?url={quote(page, safe='')}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        return int(head.split(b" ", 2)[1]), head, await reader.readexactly(length)
    finally:
        writer.close()


LOAD = Load()


async def set_rate(request: Request) -> Response:
    """Sets the calls a second."""
    LOAD.rate = float(request.query_params["rate"])
    return PlainTextResponse("ok")


async def seconds(request: Request) -> Response:
    """The seconds that have ended, after the one given."""
    after, now = int(request.query_params["after"]), int(time.time())
    return JSONResponse({at: asdict(second) for at, second in LOAD.seconds.items() if after < at < now})


@asynccontextmanager
async def calling(app: Starlette) -> AsyncIterator[None]:
    """Calls while the app serves."""
    task = asyncio.create_task(LOAD.run())
    yield
    task.cancel()


app = Starlette(routes=[Route("/rate", set_rate), Route("/seconds", seconds)], lifespan=calling)
