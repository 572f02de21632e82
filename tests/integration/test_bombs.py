"""Hostile pages, several at once, against the real `scrap serve`: status, response bytes, memory, and a bystander.

tests/hostile/bombs.py has the pages. `python -m tests.benchmarks.bench_bombs` measures the same with as many at once as
the service takes. Here memory and sizes are strict and times are not: other tests run beside this one.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from scrap.errors import Reason
from tests import running
from tests.hostile.bomb_client import Response, bystander, scrap, scrap_all
from tests.hostile.bomb_origin import BombOrigin, bomb_origin
from tests.hostile.bombs import BOMBS, CARD, HONEST, MIB

AT_ONCE = 16
DEADLINE = 4.0  # seconds
PATIENCE = 20.0  # seconds after which a request is given up
RESPONSE = 131_072  # bytes
GROWTH = 64 * MIB
STATUSES = {200, 502, 503, 504}
SETTINGS = {"SCRAP_DEADLINE": str(DEADLINE), "SCRAP_FIRST_BYTE_SECONDS": "3", "SCRAP_CACHE_BYTES": str(4 * MIB)}


@pytest.fixture(scope="module")
def origin() -> Iterator[BombOrigin]:
    """The origin of the hostile pages."""
    with bomb_origin() as origin:
        yield origin


class Watched:
    """A running service, and its memory.

    Attributes:
        card: the URL of a page that is in its cache.
        usual: bytes of memory that it had before anything hostile.
    """

    def __init__(self, service: running.Service, card: str) -> None:
        self.url = service.url
        self.card = card
        self._process = Path(f"/proc/{service.process.pid}")
        self.usual = self._resident("VmRSS")

    def forget_peak(self) -> None:
        """Lets the peak start anew from here (proc(5))."""
        (self._process / "clear_refs").write_text("5")

    @property
    def peak(self) -> int:
        """The most bytes that it had since."""
        return self._resident("VmHWM")

    def _resident(self, which: str) -> int:
        found = re.search(rf"{which}:\s+(\d+)", (self._process / "status").read_text())
        assert found
        return int(found[1]) * 1024


@pytest.fixture(scope="module")
async def service(origin: BombOrigin) -> AsyncIterator[Watched]:
    """A service, warm, that trusts the origin's certificates."""
    with running.service(SETTINGS | {"SSL_CERT_FILE": str(origin.trust)}) as service:
        card = origin.url(CARD, 0)
        assert (await scrap(service.url, card, patience=PATIENCE)).status == 200
        for response in await scrap_all(
            service.url, [origin.url(HONEST, n) for n in range(AT_ONCE)], over=0.1, patience=PATIENCE
        ):
            assert response.status == 200
        yield Watched(service, card)


def is_documented(response: Response) -> bool:
    """Whether it is a preview, or a problem with its own reason."""
    if response.status == 200:
        return True
    reason = Reason(json.loads(response.start)["reason"])
    return response.status in STATUSES and reason.outcome.status == response.status


@pytest.mark.parametrize("name", BOMBS)
async def test_bomb(name: str, service: Watched, origin: BombOrigin) -> None:
    at = time.monotonic() + 0.25
    urls = [origin.url(BOMBS[name], number, at=at) for number in range(AT_ONCE)]
    service.forget_peak()
    async with bystander(service.url, service.card, patience=PATIENCE) as beside:
        responses = await scrap_all(service.url, urls, over=0.2, patience=PATIENCE)
    afterwards = await scrap(service.url, service.card, patience=PATIENCE)

    assert [response.status for response in responses if not is_documented(response)] == []
    assert max(response.size for response in responses) <= RESPONSE
    assert (service.peak - service.usual) // MIB <= GROWTH // MIB
    assert max(beside.seconds) < DEADLINE
    assert afterwards.status == 200


@pytest.mark.parametrize("hosts", [1, 32])
async def test_hostile_pages_leave_html5lib_to_others(hosts: int, origin: BombOrigin) -> None:
    hostile = [BOMBS[name] for name in ("formatting-elements", "end-tags-of-paragraphs", "foster-parenting")]
    numbers = [number if hosts > 1 else number * origin.addresses for number in range(6)]
    urls = [origin.url(hostile[number % 3], number) for number in numbers]
    honest = [origin.url(HONEST, origin.addresses // 2 + number) for number in range(8)]
    with running.service(SETTINGS) as service:
        attack = asyncio.create_task(scrap_all(service.url, urls, over=6 / 1.4, patience=PATIENCE))
        responses = await scrap_all(service.url, honest, over=6 / 1.4, patience=PATIENCE)
        await attack
    assert [response.status for response in responses] == [200] * len(honest)
    assert all(b'"og:title"' in response.start for response in responses)
