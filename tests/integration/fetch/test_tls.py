"""TLS over real sockets: verified against the name, whatever the address."""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import warnings
from collections.abc import Awaitable, Callable

import pytest
import trustme

from scrap.errors import DeadlineExceeded, Reason, UpstreamError
from scrap.fetch import FetchLimits, tls
from tests.hostile.answers import CARD, HTML, page, redirect, says
from tests.hostile.certificates import NAME, Certificates, Issued, issue, serving_chain
from tests.hostile.certificates import trusting as trusting_roots
from tests.hostile.legacy_tls import LegacyServer
from tests.hostile.names import Names
from tests.hostile.origin import Answer, Request, serving
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


ROOT = issue("root", is_authority=True)
BARE_ROOT = issue("bare root", is_authority=True, has_identifiers=False)
LAX_ROOT = issue("lax root", is_authority=True, is_critical=False)
BETWEEN = issue("between", ROOT, is_authority=True)
BETWEEN_BARE = issue("between, of the bare root", BARE_ROOT, is_authority=True, has_identifiers=False)
EXPIRED_BETWEEN = issue("between, expired", ROOT, is_authority=True, days=-1)
LEAF = issue(NAME, ROOT)

# What is trusted, and the chain that the origin shows. VERIFY_X509_STRICT, which `create_default_context` sets from
# Python 3.13 on, rejects all but the first two; VERIFY_X509_PARTIAL_CHAIN, likewise from 3.13 on, admits the last.
TRUSTED: dict[str, tuple[Issued, tuple[Issued, ...]]] = {
    "the root has a key identifier": (ROOT, (LEAF,)),
    "so has the intermediate": (ROOT, (issue(NAME, BETWEEN), BETWEEN)),
    "the root has none": (BARE_ROOT, (issue(NAME, BARE_ROOT),)),
    "neither has the leaf": (BARE_ROOT, (issue(NAME, BARE_ROOT, has_identifiers=False),)),
    "nor the intermediate": (BARE_ROOT, (issue(NAME, BETWEEN_BARE), BETWEEN_BARE)),
    "the leaf alone has none": (ROOT, (issue(NAME, ROOT, has_identifiers=False),)),
    "the root's constraints are not critical": (LAX_ROOT, (issue(NAME, LAX_ROOT),)),
    "the intermediate itself is trusted": (BETWEEN, (issue(NAME, BETWEEN),)),
}
UNTRUSTED: dict[str, tuple[Issued, tuple[Issued, ...]]] = {
    "expired": (BARE_ROOT, (issue(NAME, BARE_ROOT, days=-1),)),
    "an intermediate that is expired": (ROOT, (issue(NAME, EXPIRED_BETWEEN), EXPIRED_BETWEEN)),
    "wrong host": (BARE_ROOT, (issue("elsewhere.example", BARE_ROOT),)),
    "self-signed": (BARE_ROOT, (issue(NAME, has_identifiers=False),)),
    "of another root": (BARE_ROOT, (LEAF,)),
    "a root that is not trusted, shown as well": (BARE_ROOT, (LEAF, ROOT)),
    "without its intermediate": (ROOT, (issue(NAME, BETWEEN),)),
    "of a leaf, which is no authority": (ROOT, (issue(NAME, LEAF), LEAF)),
}


def trusting_client(make: Make, roots: list[Issued]) -> Client:
    return make(resolve=Names({NAME: [["127.0.0.1"]]}), ssl_context=trusting_roots(roots), limits=FetchLimits())


@pytest.mark.parametrize("kind", TRUSTED)
async def test_chain_that_browsers_trust_is_read(make: Make, kind: str) -> None:
    root, chain = TRUSTED[kind]
    client = trusting_client(make, [root])
    async with serving(page(), serving_chain(*chain)) as origin:
        assert (await client.get(origin.url("/", NAME))).body == CARD


@pytest.mark.parametrize("kind", UNTRUSTED)
async def test_chain_that_proves_nothing_is_not(make: Make, kind: str) -> None:
    root, chain = UNTRUSTED[kind]
    client = trusting_client(make, [root])
    async with serving(page(), serving_chain(*chain)) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url("/", NAME))
    assert caught.value.reason is Reason.TLS_FAILED
    assert origin.requests == []


@pytest.mark.parametrize("root", [ROOT, BARE_ROOT])
async def test_host_without_secure_renegotiation_is_read(make: Make, root: Issued) -> None:
    """Its ServerHello has no extension at all, so no renegotiation_info (RFC 5746)."""
    server = LegacyServer(issue(NAME, root), HTML + b"\r\n" + CARD)
    client = trusting_client(make, [root])
    async with await asyncio.start_server(server.connected, "127.0.0.1", 0) as listening:
        got = await client.get(f"https://{NAME}:{listening.sockets[0].getsockname()[1]}/old")
    assert (got.body, got.truncated, server.alerts) == (CARD, False, [])
    assert server.request.startswith(b"GET /old HTTP/1.1\r\n")


@pytest.mark.parametrize("leaf", [LEAF, issue("elsewhere.example", BARE_ROOT)])
async def test_host_without_secure_renegotiation_is_verified_all_the_same(make: Make, leaf: Issued) -> None:
    """The handshake goes on behind its ServerHello, up to its certificate."""
    server = LegacyServer(leaf, HTML + b"\r\n" + CARD)
    client = trusting_client(make, [BARE_ROOT])
    async with await asyncio.start_server(server.connected, "127.0.0.1", 0) as listening:
        with pytest.raises(UpstreamError) as caught:
            await client.get(f"https://{NAME}:{listening.sockets[0].getsockname()[1]}/")
    assert caught.value.reason is Reason.TLS_FAILED
    assert "certificate verify failed" in caught.value.internal
    assert server.request == b""


async def test_whom_the_context_trusts_does_not_depend_on_the_version_of_python() -> None:
    context = tls.context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.verify_flags == ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_origin_that_does_not_shake_hands(make: Make) -> None:
    """It waits for the end of a request's head, which a handshake does not have."""
    client = make(limits=FetchLimits(connect_seconds=0.2))
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


async def tcp(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> asyncio.Server:
    """A server that answers a connection, whatever comes over it, and ends it."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.transport.abort() if writer.transport.is_closing() else writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def _closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _receives_and_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64 * 1024)
    writer.close()


async def _resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64 * 1024)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _says(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64 * 1024)
        writer.write(data)
        await writer.drain()

    return answer


ENDS: dict[str, Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]] = {
    "closes": _closes,
    "receives and closes": _receives_and_closes,
    "resets": _resets,
    "zeros": _says(b"\0" * 1000),
    "every byte": _says(bytes(range(256)) * 4),
    "alert handshake_failure": _says(b"\x15\x03\x03\0\x02\x02\x28"),
    "alert close_notify": _says(b"\x15\x03\x03\0\x02\x01\0"),
    "no ServerHello": _says(b"\x16\x03\x03\x40\0" + b"\x02\0\x3f\xfc" + bytes(16380)),
    "half a ServerHello": _says(b"\x16\x03\x03\0\x04\x02\0\x10\0"),
    "content": _says(b"\x17\x03\x03\0\x10" + bytes(16)),
    "SSH": _says(b"SSH-2.0-OpenSSH_9.2\r\n"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_what_ends_a_handshake_is_a_failure_of_tls(client: Client, end: str) -> None:
    """Junk, alerts and the end of the connection alike."""
    async with await tcp(ENDS[end]) as server:
        with pytest.raises(UpstreamError) as caught:
            await client.get(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert caught.value.reason is Reason.TLS_FAILED


async def test_host_that_speaks_only_old_tls(trusting: Client, certificates: Certificates) -> None:
    context = certificates.good()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(page(), context) as origin:
        with pytest.raises(UpstreamError) as caught:
            await trusting.get(origin.url("/", NAME))
    assert caught.value.reason is Reason.TLS_FAILED
    assert origin.requests == []


async def failure(client: Client, context: ssl.SSLContext) -> str:
    """Why a page that is served by this context is not read; "" where it is."""
    failed = None
    async with serving(page(), context) as origin:
        try:
            assert (await client.get(origin.url("/", NAME))).body == CARD
        except UpstreamError as error:
            failed = error
    assert failed is None or (failed.reason, origin.requests) == (Reason.TLS_FAILED, [])
    return failed.internal if failed else ""


@pytest.mark.parametrize(("suites", "is_read"), [("ECDHE", True), ("DHE", False)])
async def test_a_host_does_not_choose_the_numbers_of_a_key_exchange(make: Make, suites: str, is_read: bool) -> None:
    """Finite-field Diffie-Hellman of TLS 1.2: 10,000 bits take 1.3 s on the event loop. Browsers do not offer it."""
    authority, trusting = trustme.CA(), tls.context()
    authority.configure_trust(trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, key_type=trustme.KeyType.RSA).configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suites)
    client = make(resolve=Names({NAME: [["127.0.0.1"]]}), ssl_context=trusting)
    assert (await failure(client, context) == "") is is_read


@pytest.mark.parametrize(("count", "said"), [(50, "^$"), (120, "a handshake of more than 32768 bytes$")])
async def test_certificates_are_bounded(make: Make, count: int, said: str) -> None:
    """To look for a chain among 100 KiB of them takes up to 100 ms, on the event loop."""
    root = issue("root", is_authority=True)
    context = serving_chain(issue(NAME, root), *[issue("other", root, is_authority=True)] * count)
    client = make(resolve=Names({NAME: [["127.0.0.1"]]}), ssl_context=trusting_roots([root]))
    assert re.search(said, await failure(client, context))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_page_by_each_version(trusting: Client, certificates: Certificates, version: ssl.TLSVersion) -> None:
    context = certificates.good()
    context.minimum_version = context.maximum_version = version
    async with serving(page(), context) as origin:
        assert (await trusting.get(origin.url("/", NAME))).body == CARD


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]])
async def test_one_of_several_addresses(make: Make, certificates: Certificates, addresses: list[str]) -> None:
    client = make(resolve=Names({NAME: [addresses]}), ssl_context=certificates.trusting)
    async with serving(page(), certificates.good()) as origin:
        assert (await client.get(origin.url("/", NAME))).body == CARD


async def test_large_page_arrives_whole(trusting: Client, certificates: Certificates) -> None:
    body = bytes(range(256)) * 4000
    answer = says(HTML + b"Content-Length: %d\r\n\r\n" % len(body), body)
    async with serving(answer, certificates.good()) as origin:
        got = await trusting.get(origin.url("/", NAME))
    assert (got.body, got.truncated) == (body, False)


def drip(length: int) -> Answer:
    """A page of this length, in records of one byte."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(HTML + b"Content-Length: %d\r\n\r\n" % length)
        for sent in range(length):
            writer.write(b"x")  # asyncio encrypts each by itself
            if sent % 100 == 0:
                await writer.drain()
                await asyncio.sleep(0)

    return answer


async def test_records_of_one_byte_are_bounded(make: Make, certificates: Certificates) -> None:
    """A million of them cost 2 s of CPU; now the page is cut where TLS has taken its share, after 12,000 at most."""
    limits = FetchLimits(connect_seconds=2, first_byte_seconds=2)
    client = make(resolve=Names({NAME: [["127.0.0.1"]]}), ssl_context=certificates.trusting, limits=limits)
    async with serving(drip(10**6), certificates.good()) as origin:
        got = await client.get(origin.url("/", NAME))
        assert got.truncated
        assert 5_000 < len(got.body) < 1.1 * limits.tls_overhead_bytes / 22
    async with serving(drip(5_000), certificates.good()) as origin:
        got = await client.get(origin.url("/", NAME))
        assert (got.body, got.truncated) == (b"x" * 5_000, False)


async def test_redirect_from_https_to_http_is_followed(trusting: Client, certificates: Certificates) -> None:
    async with serving(page()) as plain:
        away = redirect(plain.url("/", "other.example").encode())
        async with serving(away, certificates.good()) as secure:
            assert (await trusting.get(secure.url("/", NAME))).body == CARD


async def test_a_host_that_is_fetched_again_resumes_its_session(trusting: Client, certificates: Certificates) -> None:
    """From the third connection on; another name at the same address is verified by itself."""
    context = certificates.good(NAME, "other.example")
    async with serving(page(), context) as origin:
        for _ in range(5):
            assert (await trusting.get(origin.url("/", NAME))).body == CARD
        assert context.session_stats()["hits"] == 3
        assert (await trusting.get(origin.url("/", "other.example"))).body == CARD
        assert context.session_stats()["hits"] == 3
