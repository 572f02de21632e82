"""Hostile pages, several at once, against the real `scrap serve`: status, response bytes, memory, and a bystander.

tests/hostile/bombs.py has the pages. `python -m tests.benchmarks.bench_bombs` measures the same with as many at once as
the service takes. Here memory and sizes are strict and times are not: other tests run beside this one.
"""

import asyncio
import contextlib
import json
import re
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scrap.errors import Reason
from tests import client, running
from tests.hostile.bomb_client import Response, bystander, scrap, scrap_all
from tests.hostile.bomb_origin import BombOrigin, bomb_origin
from tests.hostile.bombs import BOMBS, CARD, HONEST, MIB, SLOW

AT_ONCE = 6
DEADLINE = 2.0  # seconds
PATIENCE = 10.0  # seconds after which a request is given up
RESPONSE = 131_072  # bytes
GROWTH = 64 * MIB
STATUSES = {200, 502, 503, 504}
# With these the page was never read, and nothing is shown.
NEVER_READ = {Reason.CONNECT_FAILED, Reason.TLS_FAILED, Reason.PROTOCOL_ERROR, Reason.UPSTREAM_STATUS}
SETTINGS = {"SCRAP_DEADLINE": str(DEADLINE), "SCRAP_CACHE_BYTES": str(4 * MIB)}


@pytest.fixture(scope="module")
def origin() -> Iterator[BombOrigin]:
    """The origin of the hostile pages."""
    with bomb_origin() as origin:
        yield origin


class WarmService:
    """A running service, warm, and its memory.

    Attributes:
        url: its public port.
        kill: ends it, whatever it still has to do.
        card: the URL of a page that is in its cache.
        usual: bytes of memory that it had before anything hostile.
    """

    def __init__(self, service: running.Service, card: str) -> None:
        self.url = service.url
        self.card = card
        self.kill = service.process.kill
        self._process = Path(f"/proc/{service.process.pid}")
        self.usual = self._resident("VmRSS")

    @property
    def is_usual(self) -> bool:
        """Whether it gave back most of what it took: what it keeps would hide what the next page takes."""
        return self._resident("VmRSS") - self.usual < GROWTH // 4

    def forget_peak(self) -> None:
        """Lets the peak start anew from here (proc(5))."""
        (self._process / "clear_refs").write_text("5")

    @property
    def growth(self) -> int:
        """By how many bytes it had more at the peak than usually."""
        return self._resident("VmHWM") - self.usual

    def _resident(self, which: str) -> int:
        found = re.search(rf"{which}:\s+(\d+)", (self._process / "status").read_text())
        return int(found[1]) * 1024 if found else 1 << 62  # a process that died has none


@contextlib.contextmanager
def running_service(origin: BombOrigin) -> Iterator[WarmService]:
    """A service that trusts the origin's certificates and has read a few pages, some of them with html5lib."""
    with running.service(SETTINGS | {"SSL_CERT_FILE": str(origin.trust)}) as service:
        # For the machine's sake: what needs more fails, as it would for its memory.
        resource.prlimit(service.process.pid, resource.RLIMIT_AS, (2 << 30, 2 << 30))
        card = origin.url(CARD, 0)
        for url in (card, *(origin.url(HONEST, number) for number in range(AT_ONCE))):
            assert client.scrap(service.url, url).status == 200
        yield WarmService(service, card)


@pytest.fixture(scope="module")
def services(origin: BombOrigin) -> Iterator[Callable[[], WarmService]]:
    """Gives the same service again and again, and a new one where the last page left much behind."""
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running_service(origin))

        def usual() -> WarmService:
            nonlocal service
            if not service.is_usual:
                service.kill()
                stack.close()
                service = stack.enter_context(running_service(origin))
            return service

        yield usual


@pytest.fixture
def service(services: Callable[[], WarmService]) -> WarmService:
    """A service that is as if nothing had been asked."""
    return services()


def is_documented(response: Response) -> bool:
    """Whether it is a preview, or a problem with the status of its reason: the page cannot be fetched."""
    if response.status not in STATUSES or response.status == 200:
        return response.status == 200
    reason = Reason[json.loads(response.start)["reason"].upper()]
    return reason not in NEVER_READ and reason.outcome.status == response.status


@pytest.mark.parametrize("name", BOMBS)
async def test_bomb(name: str, service: WarmService, origin: BombOrigin) -> None:
    at = time.monotonic() + 0.1
    urls = [origin.url(BOMBS[name], number, at=at) for number in range(AT_ONCE)]
    service.forget_peak()
    async with bystander(service.url, service.card, patience=PATIENCE) as beside:
        responses = await scrap_all(service.url, urls, over=0.05, patience=PATIENCE)
    afterwards = await scrap(service.url, service.card, patience=PATIENCE)

    assert [response.status for response in responses if not is_documented(response)] == []
    assert max(response.size for response in responses) <= RESPONSE
    assert service.growth // MIB <= GROWTH // MIB
    assert max(beside.seconds) < DEADLINE
    assert afterwards.status == 200


@pytest.mark.parametrize("hosts", [1, 32])
async def test_hostile_pages_leave_html5lib_to_others(hosts: int, origin: BombOrigin) -> None:
    step = 1 if hosts > 1 else origin.addresses
    urls = [origin.url(SLOW[at % len(SLOW)], at * step) for at in range(5)]
    honest = [origin.url(HONEST, origin.addresses // 2 + number) for number in range(8)]
    with running.service(SETTINGS | {"SCRAP_DEADLINE": "3"}) as service:
        attack = asyncio.create_task(scrap_all(service.url, urls, over=5 / 1.4, patience=PATIENCE))
        responses = await scrap_all(service.url, honest, over=5 / 1.4, patience=PATIENCE)
        await attack
        service.process.kill()  # whatever it still has to parse
    assert [response.status for response in responses] == [200] * len(honest)
    assert all(b'"og:title"' in response.start for response in responses)
