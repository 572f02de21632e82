"""No URL string whatsoever makes the guard connect to an address that is not public.

What is watched is the event loop, where connections are opened, not the parser; names are looked up at the resolver's
seam by one that lies, and changes its mind between two look-ups. The oracle of what is public is the standard
library's, tightened where it is known to be wrong, and not the table under test.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrap import events, urls
from scrap.errors import ScrapError
from scrap.fetch import Deadline, EgressPolicy, Fetcher, FetchLimits, tls
from scrap.fetch.response import UpstreamResponse
from tests.hostile.spellings import spellings

Connection = tuple[asyncio.BaseTransport, asyncio.BaseProtocol]

# Addresses that somebody wants to reach through us, and a few that anybody may.
TARGETS = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "8.8.8.8",
    "192.0.78.212",
]


class WatchedLoop(asyncio.SelectorEventLoop):
    """Opens no connection: notes where one was asked for, and answers as the web at its worst.

    Attributes:
        opened: every address that would have been connected to.
        locations: where the next answers redirect to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.locations: Iterator[str] = iter(())

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        self.opened.append(host)
        location = next(self.locations, None)
        if location is None:
            raise ConnectionRefusedError
        response = protocol_factory()
        transport = Redirecting(self, response, location)
        response.connection_made(transport)
        return transport, response

    async def sock_connect(self, sock: Any, address: Any) -> None:
        raise AssertionError(f"a way around the watched one, to {address}")


class Redirecting(asyncio.Transport):
    """A connection whose other end answers with a redirect."""

    def __init__(self, loop: WatchedLoop, response: Any, location: str) -> None:
        super().__init__()
        self._loop = loop
        self._response = response
        self._location: str | None = location

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Another request follows: its answer is the next one, or the connection's end."""
        self._response, self._location = protocol, next(self._loop.locations, None)

    def write(self, data: object) -> None:
        self._loop.call_soon(self._answer)

    def _answer(self) -> None:
        if self._location is None:
            self._response.connection_lost(None)
            return
        location = self._location.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")
        answer = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location[:4000]
        self._response.get_buffer(-1)[: len(answer)] = answer
        self._response.buffer_updated(len(answer))

    def abort(self) -> None:
        self._loop.call_soon(self._response.connection_lost, None)


class Plain(asyncio.BufferedProtocol):
    """In TLS's place: what a connection answers over TLS is believed without."""

    def __init__(self, response: UpstreamResponse, *_: object, **__: object) -> None:
        # Plaintext in place of TLS: the response itself is the protocol of the socket.
        self.connection_made = response.connection_made  # type: ignore[method-assign]
        self.get_buffer = response.get_buffer  # type: ignore[method-assign]
        self.buffer_updated = response.buffer_updated  # type: ignore[method-assign]
        self.connection_lost = response.connection_lost  # type: ignore[method-assign]
        self.abort = response.abort

    async def handshake(self) -> None:
        """Is over at once."""


@pytest.fixture(autouse=True, scope="module")
def _without_tls() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scrap.fetch.connect.TLSConnection", Plain)
        yield


class LyingResolver:
    """Gives another answer to every look-up."""

    def __init__(self, answers: list[list[str]]) -> None:
        self._answers = iter(answers)

    async def __call__(self, host: str) -> list[str]:
        return next(self._answers, ["127.0.0.1"])


def public(text: str) -> bool:
    """The oracle."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and text != "168.63.129.16"
    if address.ipv4_mapped:
        return public(str(address.ipv4_mapped))
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return public(str(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)))
    within = [address.sixtofour] if address.sixtofour else list(address.teredo or ())
    return (
        (address.is_global or bool(within))
        and address in ipaddress.ip_network("2000::/3")
        and all(public(str(inner)) for inner in within)
    )


addresses = st.one_of(
    st.sampled_from(
        [*TARGETS, "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "2606:4700::1111", "ff02::1", "junk"]
    ),
    st.ip_addresses().map(str),
)
answers_of_a_resolver = st.one_of(st.lists(addresses, max_size=3), addresses.map(lambda other: ["8.8.8.8", other]))
hosts = st.one_of(
    st.just("rebinding.example"),
    st.sampled_from([spelling for target in TARGETS for spelling in spellings(target)]),
    addresses,
    st.sampled_from(
        ["rebinding.example", "localhost", "a.localhost.", "metadata.google.internal", "xn--.example", "②.①"]
    ),
    st.text(max_size=20),
)
urls_of_hosts = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(
        ["http://", "https://", "HTTP://", "http:/", "http:", "//", "http:///", "\\\\", "http:\\\\", "ftp://"]
    ),
    st.sampled_from(["", "", "", "user@", "user:pass@", "example.com@", "example.com:80\\@", "a%40"]),
    hosts,
    st.sampled_from(
        ["", "", ":80", ":443", ":0", ":65536", ":22", "#@example.com", "\\.example.com", "%00.example.com"]
    ),
    st.sampled_from(["", "/", "/path?query", "?@8.8.8.8", "/\\8.8.8.8"]),
)
any_url = st.one_of(hosts.map("http://{}/".format), urls_of_hosts, st.text(max_size=60))

# Every port, so that it is the address that is refused, and short limits, for nothing here takes time.
POLICY = EgressPolicy(ports=frozenset(range(65536)))
CONTEXT = tls.context()


async def fetch(url: str, answers: list[list[str]]) -> None:
    fetcher = Fetcher(
        limits=FetchLimits(),
        policy=POLICY,
        emit=events.ignore,
        resolve=LyingResolver(answers),
        ssl_context=CONTEXT,
    )
    with (
        contextlib.suppress(ScrapError),
        Deadline(60) as deadline,
        await fetcher.open(urls.parse(url), events.FetchEnded(), deadline),
    ):
        raise AssertionError("nothing here answers with a page")


@settings(max_examples=400, deadline=None)
@given(
    first=any_url,
    locations=st.lists(any_url, max_size=4),
    answers=st.lists(answers_of_a_resolver, max_size=6),
)
def test_only_public_addresses_are_connected_to(first: str, locations: list[str], answers: list[list[str]]) -> None:
    loop = WatchedLoop()
    loop.locations = iter(locations)
    try:
        loop.run_until_complete(fetch(first, answers))
    finally:
        loop.close()
    assert all(public(address) for address in loop.opened), loop.opened


def test_watch_sees_what_it_has_to_see() -> None:
    """The watched loop, the redirects and the lying resolver do reach public addresses: the property is not empty."""
    loop = WatchedLoop()
    loop.locations = iter(["https://8.8.8.8/", "https://rebinding.example/"])
    try:
        loop.run_until_complete(fetch("http://rebinding.example/", [["192.0.78.212", "2606:4700::1111"], ["10.0.0.1"]]))
    finally:
        loop.close()
    assert loop.opened == ["192.0.78.212", "8.8.8.8"]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        *((f"http://{address}/", address) for address in ("192.0.78.212", "172.32.0.1", "100.128.0.1", "198.20.0.1")),
        ("http://11.0.0.1/", "11.0.0.1"),
        ("http://[2606:4700::1111]/", "2606:4700::1111"),
        ("http://a_b.example.com/", "192.0.78.212"),
        ("https://b\u00fccher.example/", "192.0.78.212"),
        ("https://stra\u00dfe.example/", "192.0.78.212"),
        ("http://example.com/\u00e4?\u00fc", "192.0.78.212"),
    ],
)
@pytest.mark.parametrize("redirected", [False, True])
def test_what_must_pass_is_connected_to(url: str, address: str, redirected: bool) -> None:
    """A false refusal is a bug as well; as a Location, unencoded, too."""
    loop = WatchedLoop()
    loop.locations = iter([url] if redirected else [])
    try:
        loop.run_until_complete(fetch("http://8.8.8.8/" if redirected else url, [["192.0.78.212"]]))
    finally:
        loop.close()
    assert loop.opened == ["8.8.8.8", address][not redirected :]


def test_redirect_within_an_origin_opens_no_connection_and_what_it_leads_to_is_judged() -> None:
    loop = WatchedLoop()
    loop.locations = iter(["/here", "http://127.0.0.1/"])
    try:
        loop.run_until_complete(fetch("http://8.8.8.8/", []))
    finally:
        loop.close()
    assert loop.opened == ["8.8.8.8"]
