"""Redirects within an origin: which are followed on the connection of the redirect, and what happens where it ends."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest

from scrap.errors import DeadlineExceeded, Reason, UpstreamError
from scrap.fetch import FetchLimits
from scrap.fetch.socket_reader import READ_BYTES
from scrap.turns import Turns
from tests.hostile.answers import CARD, by_path, page, redirect, says
from tests.hostile.certificates import NAME, Certificates
from tests.hostile.names import Names
from tests.hostile.origin import Answer, HostileOrigin, Request, serving
from tests.integration.fetch.conftest import QUICK, Client, Make

FOUND = b"HTTP/1.1 302 Found\r\nLocation: /to\r\n"


def found(length: int) -> Answer:
    """Redirects to /to, with a body."""
    return says(FOUND + b"Content-Length: %d\r\n\r\n" % length + b"x" * length)


def broken(numbers: range, last: bytes = b"") -> Answer:
    """Redirects from /from to a page; to the requests of these numbers, from 1 on, says other bytes and closes."""
    asked = itertools.count(1)

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        if next(asked) in numbers:
            await says(last)(request, writer)
            writer.close()
        else:
            await by_path({"/from": found(0), "/to": page(), "/other": page()})(request, writer)

    return answer


@contextlib.asynccontextmanager
async def serving_both(make: Make, answer: Answer, *, is_tls: bool) -> AsyncIterator[tuple[Client, HostileOrigin]]:
    """An origin that keeps connections, plain or over TLS, and a client that finds it as NAME."""
    certificates = Certificates()
    client = make(resolve=Names({NAME: [["127.0.0.1"]]}), ssl_context=certificates.trusting)
    async with serving(answer, certificates.good() if is_tls else None, keeps=True) as origin:
        yield client, origin


def paths(origin: HostileOrigin) -> list[str]:
    """What was requested, in order."""
    return [request.path for request in origin.requests]


@pytest.mark.parametrize("length", [0, 300])
async def test_redirect_is_followed_on_its_connection(make: Make, length: int) -> None:
    client = make(limits=FetchLimits(per_host=1))  # its slot goes over as well
    async with serving(by_path({"/from": found(length), "/to": page()}), keeps=True) as origin:
        got = await client.get(origin.url("/from"))
    assert (got.body, got.url) == (CARD, origin.url("/to"))
    assert (paths(origin), origin.connections) == (["/from", "/to"], 1)
    first, second = client.summaries[0].hops
    assert first.connect > 0
    assert second.connect == second.dns == 0  # it had none
    assert second.first_byte > 0


async def test_chain_of_redirects_has_one_connection_and_one_look_up(make: Make) -> None:
    certificates, names = Certificates(), Names({NAME: [["127.0.0.1"]]})
    client = make(resolve=names, ssl_context=certificates.trusting)
    chain: dict[str, Answer] = {f"/{number}": redirect(b"/%d" % (number + 1)) for number in range(5)}
    async with serving(by_path(chain | {"/5": page()}), certificates.good(), keeps=True) as origin:
        assert (await client.get(origin.url("/0", NAME))).body == CARD
    assert (len(origin.requests), origin.connections, names.asked) == (6, 1, [NAME])


async def test_next_fetch_has_a_connection_of_its_own(client: Client) -> None:
    async with serving(by_path({"/from": redirect(b"/to"), "/to": page()}), keeps=True) as origin:
        for _ in range(2):
            await client.get(origin.url("/from"))
    assert (len(origin.requests), origin.connections) == (4, 2)


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("length", [15_000, 20_000, 28_000, 40_000])
async def test_redirect_with_a_long_body(make: Make, length: int, *, is_tls: bool) -> None:
    """Its body comes in several pieces, and the socket is paused in between."""
    answer = by_path({"/from": found(length), "/to": page()})
    async with serving_both(make, answer, is_tls=is_tls) as (client, origin):
        assert (await client.get(origin.url("/from", NAME))).body == CARD
    assert len(origin.requests) == 2


async def test_bytes_behind_a_redirect_that_wait_for_their_turn(make: Make) -> None:
    """The first read has the redirect, and fills the buffer; by the second one all the time is spent."""
    head = FOUND + b"Content-Length: %d\r\n\r\n"
    body = b"x" * (READ_BYTES - len(head % READ_BYTES))
    client = make(turns=Turns(1e-9))
    async with serving(
        by_path({"/from": says(head % len(body) + body + b"stray"), "/to": page()}), keeps=True
    ) as origin:
        assert (await client.get(origin.url("/from"))).body == CARD
    assert (len(origin.requests), origin.connections) == (2, 2)


@pytest.mark.parametrize(
    "head",
    [
        FOUND + b"Content-Length: 0\r\nConnection: x, Close\r\n\r\n",
        FOUND.replace(b"1.1", b"1.0") + b"Content-Length: 0\r\n\r\n",
        FOUND.replace(b"1.1 302 Found", b"1.0 302 See HTTP/1.1") + b"Content-Length: 0\r\n\r\n",
        FOUND + b"Content-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n",
        FOUND + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",  # which framing is meant?
        FOUND + b"no field\r\nContent-Length: 0\r\n\r\n",  # others may read it otherwise
        FOUND + b"\r\n",  # its end is the connection's
        FOUND + b"Content-Length: 1\r\n\r\n",  # it is not whole
        FOUND + b"Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake",
        FOUND + b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake",
    ],
)
@pytest.mark.parametrize("is_tls", [False, True])
async def test_connection_whose_next_byte_may_be_no_response(make: Make, head: bytes, *, is_tls: bool) -> None:
    answer = by_path({"/from": says(head), "/to": page()})
    async with serving_both(make, answer, is_tls=is_tls) as (client, origin):
        assert (await client.get(origin.url("/from", NAME))).body == CARD
    assert (len(origin.requests), origin.connections) == (2, 2)


async def test_other_origin_has_a_connection_of_its_own(make: Make) -> None:
    client = make(resolve=Names({name: [["127.0.0.1"]] for name in ("one.example", "two.example")}))
    async with serving(page(), keeps=True) as there, serving(page(), keeps=True) as other_port:
        for location in (there.url("/to", "two.example"), other_port.url("/to", "one.example")):
            async with serving(redirect(location.encode()), keeps=True) as origin:
                assert (await client.get(origin.url("/from", "one.example"))).url == location
            assert (len(origin.requests), origin.connections) == (1, 1)


@pytest.mark.parametrize("last", [b"", b"\r\n", b"HTTP/1.1 2", b"<html>Moved</html>", b"<html>\n\n</html>"])
async def test_connection_that_has_no_response_is_given_up_for_another(client: Client, last: bytes) -> None:
    """A host may close what it kept, and bytes behind a redirect may come late."""
    async with serving(broken(range(2, 3), last), keeps=True) as origin:
        got = await client.get(origin.url("/from"))
    assert got.body == CARD
    assert (paths(origin), origin.connections) == (["/from", "/to", "/to"], 2)
    first, second = client.summaries[0].hops  # the two tries are one hop
    assert (first.status, second.status) == (302, 200)
    assert second.connect > 0
    assert got.timings.first_byte == pytest.approx(first.first_byte + second.first_byte)
    assert second.first_byte > got.delay  # the time of both


@pytest.mark.parametrize("last", [b"", b"HTTP/1.1 2"])
async def test_host_is_not_asked_a_third_time(client: Client, last: bytes) -> None:
    async with serving(broken(range(2, 9), last), keeps=True) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url("/from"))
    assert caught.value.reason is Reason.PROTOCOL_ERROR
    assert (len(origin.requests), origin.connections) == (3, 2)
    assert [hop.reason for hop in client.summaries[0].hops] == [None, Reason.PROTOCOL_ERROR]


async def test_slot_is_kept_for_the_second_try(make: Make) -> None:
    """Otherwise a fetch that waits would go first, and the host would be blamed for a queue of the service."""
    client = make(limits=FetchLimits(per_host=1))
    async with serving(broken(range(2, 3)), keeps=True) as origin:
        first = asyncio.create_task(client.get(origin.url("/from")))
        await asyncio.sleep(0)
        await asyncio.gather(first, client.get(origin.url("/other")))
    assert paths(origin) == ["/from", "/to", "/to", "/other"]


async def test_host_that_falls_silent_is_not_asked_again(make: Make) -> None:
    async def silent(_request: Request, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    client = make(limits=QUICK)
    async with serving(by_path({"/from": redirect(b"/to"), "/to": silent}), keeps=True) as origin:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.get(origin.url("/from"))
    assert caught.value.reason is Reason.TIMEOUT_FIRST_BYTE
    assert (len(origin.requests), origin.connections) == (2, 1)


@pytest.mark.parametrize("location", [b"/from", b"http://:80:/"])
async def test_connection_ends_with_a_redirect_that_is_not_followed(client: Client, location: bytes) -> None:
    async with serving(redirect(location), keeps=True) as origin:
        with pytest.raises(UpstreamError):
            await client.get(origin.url("/from"))
        await asyncio.wait_for(origin.left.wait(), 5)
