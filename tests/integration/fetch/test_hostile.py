"""A hostile origin: every answer has a known end, in bounded time and memory, and the next request is served."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from scrap.errors import Reason, ScrapError
from scrap.fetch import FetchLimits, Wants
from scrap.turns import Turns
from tests.hostile.answers import BOMBS, CARD, EVERY, MIB, bomb, by_path, says
from tests.hostile.origin import HostileOrigin, serving
from tests.hostile.watch import CAN_MEASURE, peak_memory
from tests.integration.fetch.conftest import Client, Make

BOUND = 20.0  # seconds that no answer here may take; all of them are limited to two


@pytest.fixture
async def origin() -> AsyncIterator[HostileOrigin]:
    for coding in BOMBS:
        bomb(coding)  # made, and kept, before anything is timed or weighed
    async with serving(by_path(EVERY)) as origin:
        yield origin


@pytest.fixture
def quick(make: Make) -> Client:
    """Gives an answer's head two seconds: on a busy machine, all that is no silence comes before that."""
    return make(limits=FetchLimits(first_byte_seconds=2.0))


async def alive(client: Client, origin: HostileOrigin) -> None:
    """The next request is served."""
    assert (await client.get(origin.url("/alive"))).body == CARD


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/silent", Reason.TIMEOUT_FIRST_BYTE),
        ("/head-drip", Reason.TIMEOUT_FIRST_BYTE),
        ("/half-closed", Reason.PROTOCOL_ERROR),
        ("/closed", Reason.PROTOCOL_ERROR),
        ("/endless-header-fields", Reason.HEADERS_TOO_LARGE),
        ("/endless-header-value", Reason.HEADERS_TOO_LARGE),
        ("/interim-flood", Reason.HEADERS_TOO_LARGE),
        ("/http-0.9", Reason.PROTOCOL_ERROR),
        ("/no-status", Reason.PROTOCOL_ERROR),
        ("/upgrade", Reason.PROTOCOL_ERROR),
        ("/chunk-soup", Reason.PROTOCOL_ERROR),
        ("/loop", Reason.REDIRECT_LOOP),
        ("/file", Reason.REDIRECT_INVALID),
        ("/metadata", Reason.BLOCKED_ADDRESS),
        ("/members/gzip", Reason.BODY_UNREADABLE),
        ("/members/zstd", Reason.BODY_UNREADABLE),
        ("/members/zstd-skippable", Reason.BODY_UNREADABLE),
    ],
)
async def test_answer_that_is_none(quick: Client, origin: HostileOrigin, path: str, reason: Reason) -> None:
    async with asyncio.timeout(BOUND):
        with pytest.raises(ScrapError) as caught:
            await quick.get(origin.url(path))
    assert caught.value.reason is reason
    await alive(quick, origin)


@pytest.mark.parametrize(
    "path",
    [
        *("/endless-body", "/endless-chunk-extension", "/endless-trailer", "/short", "/chunks-of-one"),
        *(path for path in EVERY if path.startswith("/bomb/")),
    ],
)
async def test_body_without_an_end_is_cut(quick: Client, origin: HostileOrigin, path: str) -> None:
    async with asyncio.timeout(BOUND):
        got = await quick.get(origin.url(path))
    assert got.truncated
    assert len(got.body) <= FetchLimits().decoded_bytes
    await alive(quick, origin)


@pytest.mark.parametrize("path", ["/chunks-of-one", "/members/gzip", "/members/zstd", "/members/zstd-skippable"])
async def test_what_is_cheap_to_send_is_not_dear_to_read(quick: Client, origin: HostileOrigin, path: str) -> None:
    """CPU time, the origin's included: a tenth of a second now, and up to 3.5 before they were counted."""
    started = time.process_time()
    with contextlib.suppress(ScrapError):
        await quick.get(origin.url(path))
    assert time.process_time() - started < 2.0


async def test_the_loop_has_its_turn_between_the_pieces_of_a_bomb_that_are_dear(
    make: Make, origin: HostileOrigin
) -> None:
    turns = Turns()
    iterations = 0

    async def count() -> None:
        nonlocal iterations
        while True:
            iterations += 1
            await asyncio.sleep(0)

    async with make(turns=turns).open(origin.url("/bomb/gzip")) as fetched:
        counting = asyncio.create_task(count())
        pieces = []

        def feed(piece: bytes) -> Wants:
            pieces.append(len(piece))
            turns.spend(1.0)  # in place of a parser that takes as long
            return Wants.MORE

        await fetched.read(feed)
        counting.cancel()
    assert max(pieces) <= FetchLimits().inflate_step
    assert iterations >= len(pieces) - 1 >= 15


async def test_body_that_drips_ends_with_the_clients_deadline(quick: Client, origin: HostileOrigin) -> None:
    """A byte every while keeps the connection alive, not the worker."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await quick.get(origin.url("/body-drip"))
    await alive(quick, origin)


async def test_bytes_after_the_answer_are_ignored(quick: Client, origin: HostileOrigin) -> None:
    got = await quick.get(origin.url("/long"))
    assert (got.body, got.truncated) == (CARD, False)


async def test_endless_download_is_not_read(quick: Client, origin: HostileOrigin) -> None:
    got = await quick.get(origin.url("/binary"))
    assert (got.is_html, got.body) == (False, b"")


@pytest.mark.skipif(not CAN_MEASURE, reason="peak memory is read from Linux's /proc")
async def test_memory_is_bounded(quick: Client, origin: HostileOrigin) -> None:
    await alive(quick, origin)
    for path in EVERY:
        endless = path == "/body-drip"  # which only its client ends
        with peak_memory() as growth, contextlib.suppress(ScrapError, *([TimeoutError] if endless else [])):
            async with asyncio.timeout(0.5 if endless else BOUND):
                await quick.get(origin.url(path))
        assert growth.bytes < 16 * MIB, path


@pytest.mark.skipif(not CAN_MEASURE, reason="peak memory is read from Linux's /proc")
async def test_a_slow_parser_is_not_read_ahead_of(make: Make, origin: HostileOrigin) -> None:
    """What waits for the parser is bounded, however fast the origin is."""
    fed: list[bytes] = []
    turns = Turns()

    def feed(piece: bytes) -> Wants:
        fed.append(piece)
        turns.spend(1.0)
        return Wants.TURN

    async with make(turns=turns).open(origin.url("/endless-body")) as fetched:
        reading = asyncio.create_task(fetched.read(feed))
        for _ in range(50):
            await asyncio.sleep(0)
        with peak_memory() as growth:
            for _ in range(500):
                await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert fed[0]
    assert len(fed) > 400
    assert not any(fed[1:])
    assert growth.bytes < 2 * MIB


@pytest.mark.parametrize("path", ["/bomb/gzip", "/endless-body"])
async def test_a_step_within_another_is_counted_once(make: Make, origin: HostileOrigin, path: str) -> None:
    """Content is fed while what was read is parsed: both together are no more than the time that passed."""
    turns = Turns()

    def feed(piece: bytes) -> Wants:
        end = time.perf_counter() + 0.002
        while time.perf_counter() < end:
            pass
        return Wants.MORE

    started = time.perf_counter()
    async with make(turns=turns).open(origin.url(path)) as fetched:
        await fetched.read(feed)
    assert turns.spent <= time.perf_counter() - started


async def test_what_is_read_is_parsed_in_turns(make: Make) -> None:
    """A response of one-byte chunks is short on the wire and dear to parse: it waits while others had the time."""
    turns = Turns()
    body = b"1\r\na\r\n" * 50_000
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(says(head + body + b"0\r\n\r\n")) as origin:
        client = make(turns=turns)
        busy = asyncio.create_task(_keep_busy(turns))
        got = await client.get(origin.url())
        busy.cancel()
    assert got.body == b"a" * 50_000
    assert not got.truncated


async def _keep_busy(turns: Turns) -> None:
    """Uses up the budget of every iteration."""
    while True:
        turns.spend(1.0)
        await asyncio.sleep(0)
