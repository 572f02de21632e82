"""TLS over real sockets: verified against the name, whatever the address."""

import asyncio

import pytest

from scrap.errors import DeadlineExceeded, Reason, UpstreamError
from scrap.fetch import Limits
from tests.hostile.answers import CARD, HTML, page, redirect
from tests.hostile.certificates import NAME, Certificates
from tests.hostile.names import Names
from tests.hostile.origin import serving
from tests.integration.fetch.conftest import Client, Make


@pytest.fixture
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture
def trusting(make: Make, certificates: Certificates) -> Client:
    names = Names({name: [["127.0.0.1"]] for name in (NAME, "other.example")})
    return make(resolve=names, ssl_context=certificates.trusting)


async def test_name_is_verified_and_sent(trusting: Client, certificates: Certificates) -> None:
    asked: list[str | None] = []
    context = certificates.good()
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    async with serving(page(), context) as origin:
        assert (await trusting.get(origin.url("/", NAME))).body == CARD
        assert (await trusting.get(origin.url("/", NAME + "."))).body == CARD
    assert asked == [NAME, NAME]
    assert origin.requests[0].header("host") == f"{NAME}:{origin.port}"


@pytest.mark.parametrize("kind", ["wrong name", "expired", "stranger"])
async def test_certificate_that_proves_nothing(trusting: Client, certificates: Certificates, kind: str) -> None:
    context = {
        "wrong name": certificates.good("elsewhere.example"),
        "expired": certificates.expired(),
        "stranger": certificates.of_a_stranger(),
    }[kind]
    async with serving(page(), context) as origin:
        with pytest.raises(UpstreamError) as caught:
            await trusting.get(origin.url("/", NAME))
    assert caught.value.reason is Reason.TLS_FAILED
    assert origin.requests == []


async def test_origin_that_does_not_shake_hands(make: Make) -> None:
    """It waits for the end of a request's head, which a handshake does not have."""
    client = make(limits=Limits(connect_seconds=0.2))
    async with serving(page()) as origin:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.get(f"https://127.0.0.1:{origin.port}/")
    assert caught.value.reason is Reason.TIMEOUT_CONNECT


async def test_plain_answer_to_a_handshake(client: Client) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HTML + b"\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        with pytest.raises(UpstreamError) as caught:
            await client.get(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert caught.value.reason is Reason.TLS_FAILED


async def test_redirect_from_https_to_http_is_followed(trusting: Client, certificates: Certificates) -> None:
    async with serving(page()) as plain:
        away = redirect(plain.url("/", "other.example").encode())
        async with serving(away, certificates.good()) as secure:
            assert (await trusting.get(secure.url("/", NAME))).body == CARD
