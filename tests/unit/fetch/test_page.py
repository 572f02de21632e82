"""A page's content is fed as it arrives; what was fed is the consumer's alone."""

import asyncio
import gzip
import sys

import pytest

from scrap import urls
from scrap.events import FetchEnded
from scrap.fetch import Deadline, FetchedPage, FetchLimits, Wants
from scrap.fetch.cookies import Jar
from scrap.fetch.host_slots import HostSlots
from scrap.fetch.page import Navigation
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


@pytest.mark.parametrize(("field", "body"), _HEADS.values(), ids=_HEADS)
async def test_a_page_that_waits_for_more_keeps_no_piece(field: bytes, body: bytes) -> None:
    limits, target = FetchLimits(), urls.parse("http://example.org/")
    resources = ConnectionResources(limits, Turns())
    response = UpstreamResponse(target, resources)
    response.connection_made(PausableSocket())
    response.receive(memoryview(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + field + b"\r\n"))
    slots = HostSlots(limits)
    await slots.take(target.host)
    pieces: list[bytes] = []

    def feed(piece: bytes) -> Wants:
        pieces.append(piece)
        return Wants.MORE

    with Deadline(60) as deadline:
        navigation = Navigation(FetchEnded(), deadline, Jar(limits))
        with FetchedPage(response, slots, limits, resources.turns, navigation) as page:
            reading = asyncio.create_task(page.read(feed))
            await asyncio.sleep(0)
            response.receive(memoryview(body))
            assert (b"".join(pieces), reading.done()) == (CONTENT, False)
            assert references(pieces) == references([bytes(1000)])
            response.connection_lost(None)
            await reading
