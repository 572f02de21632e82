"""A page's content is fed as it arrives; what was fed is the consumer's alone."""

import asyncio
import gzip
import sys
from functools import partial
from time import perf_counter

import pytest

from scrap import urls
from scrap.events import FetchEnded
from scrap.fetch import Deadline, FetchedPage, FetchLimits, Wants
from scrap.fetch.cookies import Jar
from scrap.fetch.page import Navigation
from scrap.fetch.per_host_limit import PerHostLimit
from scrap.fetch.response import UpstreamResponse
from scrap.fetch.socket_reader import ConnectionResources
from scrap.turns import Turns
from tests.unit.fetch.test_socket_reader import PausableSocket

CONTENT = b"<p>" + b"x" * 5000
_HEADS = {
    "plain": (b"", CONTENT),
    "gzip": (b"Content-Encoding: gzip\r\n", gzip.compress(CONTENT)),
}


def references(pieces: list[bytes]) -> set[int]:
    return {sys.getrefcount(piece) for piece in pieces}


def collect(pieces: list[bytes], piece: bytes) -> Wants:
    pieces.append(piece)
    return Wants.MORE


async def page_of(head: bytes, turns: Turns, deadline: Deadline) -> tuple[UpstreamResponse, FetchedPage]:
    """A page with this head, and the response that it is read from."""
    limits, target = FetchLimits(), urls.parse("http://example.org/")
    response = UpstreamResponse(target, ConnectionResources(limits, turns))
    response.connection_made(PausableSocket())
    response.receive(memoryview(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"))
    slots = PerHostLimit(limits)
    await slots.take(target.host)
    return response, FetchedPage(response, slots, limits, turns, Navigation(FetchEnded(), deadline, Jar(limits)))


@pytest.mark.parametrize(("field", "body"), _HEADS.values(), ids=_HEADS)
async def test_a_page_that_waits_for_more_keeps_no_piece(field: bytes, body: bytes) -> None:
    pieces: list[bytes] = []
    with Deadline(60) as deadline:
        response, opened = await page_of(b"Content-Type: text/html\r\n" + field, Turns(), deadline)
        with opened as page:
            reading = asyncio.create_task(page.read(partial(collect, pieces)))
            await asyncio.sleep(0)
            response.receive(memoryview(body))
            assert (b"".join(pieces), reading.done()) == (CONTENT, False)
            assert references(pieces) == references([bytes(1000)])
            response.connection_lost(None)
            await reading


async def test_a_wait_that_the_deadline_ends_is_counted_once() -> None:
    """A page whose header does not say what it is is read twice; the second time it may wait for a turn as well."""
    turns = Turns()
    with Deadline(60) as deadline:
        response, opened = await page_of(b"", turns, deadline)
        response.receive(memoryview(b"<!doctype html>"))
        with opened as page:
            looking = asyncio.create_task(page.look())
            await asyncio.sleep(0)
            for _ in range(5):  # others wait, each of them for an iteration's whole budget
                turns.call_soon(partial(turns.spend, 1))
            response.receive(memoryview(b"<title>"))
            assert deadline.stop is not None
            deadline.stop()
            await looking
            timings = page.navigation.summary.timings
            waited, began = timings.wait, perf_counter()
            assert waited > 0
            pieces: list[bytes] = []
            await page.read(partial(collect, pieces))
            assert pieces == [b"<!doctype html>"]
            assert timings.wait - waited <= perf_counter() - began
