"""Pages that end early, over real sockets: what was read by then is the result, if it is of use."""

import asyncio
import gzip
import random
import socket
import struct
import threading
import zlib

import orjson
import pytest

from scrap.admission import AdmissionLimits, Executor
from scrap.cache.freshness import FreshnessPolicy
from scrap.errors import Outcome, Reason
from scrap.events import Event, FetchEnded
from scrap.preview import Preview
from tests import client, running
from tests.hostile.answers import HTML, drips, page, says
from tests.hostile.origin import Answer, Request, serving
from tests.integration.test_previewing import left_behind, previewing
from tests.unit.fetch.test_coding import COMPRESS, damaged
from tests.waiting import eventually

TITLE = b'<meta property="og:title" content="T">'
HEAD = b"<html><head>" + TITLE + b"</head><body>"
TWO = b"<html><head>" + TITLE + b'<meta property="og:type" content="article">'
ONE = b"<html><head>" + TITLE
FIELDS = HTML + b"Cache-Control: max-age=3600\r\n"
CHUNKED = FIELDS + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = FIELDS + b"Content-Length: 100000\r\n\r\n"
TEXT = b"".join(b"<p>%x" % random.Random(at).getrandbits(64) for at in range(600))  # noqa: S311 - made for the test


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def resets(first: bytes) -> Answer:
    """Sends something, and resets the connection."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return answer


def coded(coding: str, body: bytes) -> Answer:
    """A page of this coding, or of these."""
    return page(body, b"Content-Encoding: " + coding.removesuffix(", raw").encode(), b"Cache-Control: max-age=3600")


def flushed(text: bytes) -> bytes:
    """A gzip stream that goes on."""
    made = zlib.compressobj(wbits=31)
    return made.compress(text) + made.flush(zlib.Z_SYNC_FLUSH)


USEFUL: dict[str, Answer] = {
    # The deadline passes.
    "stalls after the head": says(CHUNKED + chunk(HEAD), stays=True),
    "stalls after two properties": says(CHUNKED + chunk(TWO), stays=True),
    "stalls behind a head that its body ends": says(CHUNKED + chunk(ONE + b"<BODY class=a><p>"), stays=True),
    "stalls in the middle of a chunk": says(CHUNKED + b"ffff\r\n" + HEAD, stays=True),
    "stalls before its length": says(LONG + HEAD + TEXT, stays=True),
    "stalls without a length": says(FIELDS + b"\r\n" + HEAD, stays=True),
    "stalls before its type is certain": says(b"HTTP/1.1 200 OK\r\n\r\n" + HEAD, stays=True),
    "stalls in gzip": says(FIELDS + b"Content-Encoding: gzip\r\n\r\n" + flushed(HEAD + TEXT), stays=True),
    "stalls where the reference parser has to read": says(
        CHUNKED + chunk(b"<svg></svg>" + HEAD + b"<table>" + TITLE), stays=True
    ),
    "drips after the head": drips(CHUNKED + chunk(HEAD), chunk(b"x"), 0.05),
    "a byte order mark and UTF-16": says(
        FIELDS + b"\r\n" + b"\xff\xfe" + HEAD.decode().encode("utf-16-le"), stays=True
    ),
    # The connection breaks.
    "ends before its length": says(LONG + HEAD),
    "ends before its last chunk": says(CHUNKED + chunk(TWO)),
    "ends in the middle of a chunk": says(CHUNKED + b"ffff\r\n" + HEAD),
    "is reset before its length": resets(LONG + HEAD),
    "is reset in its chunks": resets(CHUNKED + chunk(TWO) + b"ff"),
    "is reset, and has no length": resets(FIELDS + b"\r\n" + TWO),
    "ends in the middle of gzip": coded("gzip", gzip.compress(HEAD + TEXT)[:-3000]),
    # The coding is damaged.
    **{f"damaged {name}": coded(name, damaged(name, make(HEAD + TEXT))) for name, make in COMPRESS.items()},
    "a wrong checksum of gzip": coded("gzip", gzip.compress(HEAD)[:-8] + bytes(8)),
    "a wrong checksum of deflate": coded("deflate", zlib.compress(TWO)[:-4] + bytes(4)),
    "more members of gzip than are read": coded("gzip", gzip.compress(HEAD) + gzip.compress(b"") * 2000),
    "damaged before its type is certain": says(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(HEAD)[:-8] + bytes(8)
    ),
}

USELESS: dict[str, tuple[Answer, Reason]] = {
    "stalls at once": (says(CHUNKED, stays=True), Reason.TIMEOUT_TOTAL),
    "stalls at once, of no type": (says(b"HTTP/1.1 200 OK\r\n\r\n", stays=True), Reason.TIMEOUT_TOTAL),
    "stalls after one property": (says(CHUNKED + chunk(ONE), stays=True), Reason.TIMEOUT_TOTAL),
    "stalls after two, none of them the title": (
        says(LONG + TWO.replace(b"og:title", b"og:image"), stays=True),
        Reason.TIMEOUT_TOTAL,
    ),
    "drips a comment in its head": (drips(LONG + b"<head><!--", b"x", 0.05), Reason.TIMEOUT_TOTAL),
    "ends at once": (says(LONG), Reason.PROTOCOL_ERROR),
    "ends after one property": (says(LONG + ONE), Reason.PROTOCOL_ERROR),
    "is reset after one property": (resets(CHUNKED + chunk(ONE)), Reason.PROTOCOL_ERROR),
    "damaged from the beginning": (coded("gzip", HEAD), Reason.BODY_UNREADABLE),
    "damaged after one property": (coded("gzip", gzip.compress(ONE)[:-8] + bytes(8)), Reason.BODY_UNREADABLE),
    "ends in the middle of gzip, before its head's": (
        coded("gzip", gzip.compress(ONE + TEXT)[:-3000]),
        Reason.BODY_UNREADABLE,
    ),
    "its framing is broken": (says(CHUNKED + chunk(HEAD) + b"no size\r\n"), Reason.PROTOCOL_ERROR),
}


async def preview_of(answer: Answer, deadline: float = 20.0) -> tuple[Preview, FetchEnded]:
    """A page's preview, and what its fetch emitted."""
    emitted: list[Event] = []
    async with serving(answer) as origin, previewing(deadline=deadline, emit=emitted.append, clock=lambda: 1e9) as make:
        preview = await make(origin.url())
        if origin.open:
            await origin.left.wait()  # its connection has ended
    (event,) = emitted
    assert isinstance(event, FetchEnded)
    return preview, event


def deadline_for(name: str) -> float:
    """What stalls is waited for, and nothing else ends by the deadline."""
    return 1.0 if name.startswith(("stalls", "drips", "a byte order mark")) else 20.0


@pytest.mark.parametrize("name", USEFUL)
async def test_what_was_read_is_the_result(name: str) -> None:
    preview, event = await preview_of(USEFUL[name], deadline_for(name))
    assert preview.entry.outcome is Outcome.OK
    assert orjson.loads(preview.entry.body)["title"] == "T"
    assert preview.fetch is event
    assert event.content is not None
    assert event.content.truncated
    # As long as a failure, whatever the page says; what may be shown when stale is the page's decision.
    assert preview.entry.fresh_until == preview.entry.stored + FreshnessPolicy().negative
    assert preview.entry.sie_until == preview.entry.fresh_until + FreshnessPolicy().stale_if_error


@pytest.mark.parametrize("name", USELESS)
async def test_an_error_stays_one_where_nothing_useful_was_read(name: str) -> None:
    answer, reason = USELESS[name]
    preview, event = await preview_of(answer, deadline_for(name))
    assert preview.entry.reason is reason
    assert event.parse is None


async def test_a_page_without_open_graph_whose_head_was_read_has_none() -> None:
    preview, _ = await preview_of(says(LONG + b"<head><title>T</title></head>", stays=True), deadline=1.0)
    assert preview.entry.outcome is Outcome.NO_OPEN_GRAPH
    assert preview.entry.fresh_until == preview.entry.stored + FreshnessPolicy().negative


async def test_a_page_that_is_whole_or_at_a_limit_lives_as_long_as_it_says() -> None:
    for body in (HEAD, HEAD + b" " * 2**21):
        preview, _ = await preview_of(page(body, b"Cache-Control: max-age=3600"))
        assert preview.entry.fresh_until == pytest.approx(preview.entry.stored + 3600, abs=20)


@pytest.mark.parametrize("name", ["stalls after the head", "damaged gzip", "ends before its length", "stalls at once"])
async def test_a_page_that_ended_early_is_gone_as_soon_as_its_call_is_over(name: str) -> None:
    answer = USEFUL.get(name) or USELESS[name][0]
    async with serving(answer) as origin, previewing(deadline=1.0) as make:
        left = await left_behind(make(origin.url()))
    assert not left


async def test_slot_and_memory_of_a_page_that_ended_early_are_given_back() -> None:
    limits = AdmissionLimits(capacity=1, waiting=0, shared_bytes=2**20)
    large = says(LONG + HEAD + b" " * 2**15 + b"<head>" * 2**12, stays=True)
    async with serving(large) as origin, previewing(deadline=1.0, admission_limits=limits) as make:
        for number in range(3):
            assert (await make(origin.url(f"/{number}"))).entry.outcome is Outcome.OK


async def test_what_was_read_by_the_deadline_is_parsed_soon_or_not_at_all() -> None:
    """The reference parser's thread is busy: its page is late, by a quarter of a second and no more."""
    busy = threading.Event()
    executor = Executor(1)
    occupied = asyncio.create_task(executor.run(lambda: busy.wait(20), host="other.example", size=1))
    await asyncio.sleep(0)
    late = USEFUL["stalls where the reference parser has to read"]
    async with serving(late) as origin, previewing(deadline=1.0, executor=executor) as make:
        entry = (await make(origin.url())).entry
        assert not occupied.done()
        busy.set()
        await occupied
    assert entry.reason is Reason.TIMEOUT_TOTAL


async def test_the_response_and_the_log_of_a_page_that_ended_early() -> None:
    stalls = USEFUL["stalls after the head"]
    async with serving(stalls) as origin:
        with running.service({"SCRAP_DEADLINE": "1", "SCRAP_CACHE_FAILURES": "7"}) as service:
            request = {"X-Request-ID": "early"}
            response = await asyncio.to_thread(client.scrap, service.url, origin.url(), headers=request)
            lines = eventually(lambda: [line for line in service.log if '"request_id":"early"' in line])
    assert (response.status, response.json["title"]) == (200, "T")
    assert response.headers["Cache-Control"].startswith("public, max-age=7,")
    line = orjson.loads(lines[0])
    assert (line["outcome"], line["truncated"]) == ("ok", True)
    assert line["seconds"] >= 1.0
