"""When a response's connection may serve another request."""

import asyncio

import pytest

from scrap import urls
from scrap.errors import Reason, UpstreamError
from scrap.fetch import FetchLimits
from scrap.fetch.response import UpstreamResponse
from scrap.fetch.socket_reader import ConnectionResources
from scrap.turns import Turns

REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 2\r\n\r\n{}"
HERE = "https://example.com/from"


class EndableSocket(asyncio.Transport):
    """A transport that knows whether it was ended."""

    is_ended = False

    def abort(self) -> None:
        self.is_ended = True


def redirected(data: bytes = REDIRECT) -> tuple[UpstreamResponse, EndableSocket]:
    response, socket = UpstreamResponse(urls.parse(HERE), ConnectionResources(FetchLimits(), Turns())), EndableSocket()
    response.connection_made(socket)
    response.receive(memoryview(data))
    return response, socket


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("https://example.com/to?a=1", True),
        ("https://example.com:443/", True),
        ("http://example.com/", False),
        ("http://example.com:443/", False),
        ("https://example.com:8443/", False),
        ("https://www.example.com/", False),
    ],
)
async def test_it_leads_to_its_origin_alone(url: str, *, leads: bool) -> None:
    response, socket = redirected()
    assert response.leads_to(urls.parse(url)) is leads
    assert not socket.is_ended


async def test_bytes_that_come_behind_it_end_its_connection() -> None:
    response, socket = redirected()
    response.receive(memoryview(b"HTTP/1.1 200 OK\r\n"))
    assert socket.is_ended
    assert not response.leads_to(urls.parse(HERE))


async def test_connection_that_is_lost_leads_nowhere() -> None:
    response, _ = redirected()
    response.connection_lost(None)
    assert not response.leads_to(urls.parse(HERE))


async def test_response_that_is_no_redirect_ends_its_connection() -> None:
    _, socket = redirected(REDIRECT.replace(b"302 Found", b"200 OK"))
    assert socket.is_ended


async def test_what_comes_before_the_request_is_no_response() -> None:
    """Where two addresses are tried, the request follows the connection: a host may be quicker."""
    response, socket = redirected()
    response.send(b"GET / HTTP/1.1\r\n\r\n")
    assert socket.is_ended
    assert response.first_byte == 0.0
    with pytest.raises(UpstreamError) as caught:
        await response.head()
    assert caught.value.reason is Reason.PROTOCOL_ERROR
