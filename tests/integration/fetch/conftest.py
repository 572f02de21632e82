"""A fetcher with small limits that may reach loopback, and the watch that it leaves nothing behind."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest

from scrap import urls
from scrap.events import Event, FetchEnded, Timings
from scrap.fetch import Deadline, EgressPolicy, FetchedPage, Fetcher, FetchLimits, Wants, tls
from tests.hostile.watch import nothing_left_behind

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
TRUST = tls.context()
QUICK = FetchLimits(connect_seconds=2, first_byte_seconds=0.3)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that serves: there is no other."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
async def _nothing_left_behind() -> AsyncIterator[None]:
    async with nothing_left_behind():
        yield


@dataclass
class Got:
    """What a fetch gave."""

    url: str
    is_html: bool
    charset: str | None
    body: bytes
    truncated: bool
    timings: Timings
    delay: float


@dataclass
class Client:
    """A fetcher and what it emitted."""

    fetcher: Fetcher
    events: list[Event] = field(default_factory=list)
    summaries: list[FetchEnded] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[FetchedPage]:
        """Fetches a page up to its head."""
        self.summaries.append(summary := FetchEnded())
        with Deadline(60) as deadline, await self.fetcher.open(urls.parse(url), summary, deadline) as page:
            yield page

    async def get(self, url: str) -> Got:
        """Fetches a page to its end."""
        async with self.open(url) as page:
            timings, body = self.summaries[-1].timings, bytearray()

            def feed(piece: bytes) -> Wants:
                body.extend(piece)
                return Wants.MORE

            if page.is_html:
                await page.read(feed)
            if page.failure and not body:
                raise page.failure()
            return Got(page.target.href, page.is_html, page.charset, bytes(body), page.truncated, timings, page.delay)


Make = Callable[..., Client]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes clients that may reach loopback on every port."""
    made: list[Client] = []

    def make(**changes: object) -> Client:
        events: list[Event] = []
        arguments: dict[str, object] = {
            "limits": QUICK,
            "policy": EgressPolicy(networks=LOOPBACK, ports=frozenset(range(1, 65536))),
            "ssl_context": TRUST,
            **changes,
        }
        client = Client(Fetcher(emit=events.append, **arguments), events)  # type: ignore[arg-type] # as the test says
        made.append(client)
        return client

    yield make
    for client in made:
        await client.fetcher.aclose()


@pytest.fixture
def client(make: Make) -> Client:
    return make()
