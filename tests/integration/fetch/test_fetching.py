"""Pages from real sockets: what is asked, what is followed, what is read."""

import asyncio
import gzip
import time
import zlib
from pathlib import Path

import brotli
import pytest
from backports import zstd

from scrap.errors import Blocked, DeadlineExceeded, Overloaded, Reason, UpstreamError
from scrap.events import Hop, TargetBlocked, Timings
from scrap.fetch import EgressPolicy, FetchLimits, Wants
from tests.hostile.answers import CARD, HTML, by_path, page, redirect, says
from tests.hostile.deaf import deaf
from tests.hostile.names import Names
from tests.hostile.origin import Request, serving
from tests.hostile.spellings import spellings
from tests.integration.fetch.conftest import LOOPBACK, QUICK, Client, Make


async def test_page_is_read_and_its_request_is_ours(client: Client) -> None:
    async with serving(page()) as origin:
        got = await client.get(origin.url("/a%20b?c=d#e"))
    assert (got.body, got.is_html, got.charset, got.truncated) == (CARD, True, "utf-8", False)
    assert got.url == origin.url("/a%20b?c=d")
    (request,) = origin.requests
    assert request.path == "/a%20b?c=d"
    assert request.header("host") == f"127.0.0.1:{origin.port}"
    assert request.header("user-agent") == EgressPolicy().user_agent
    assert request.header("accept-language") == "en-US,en;q=0.9"
    assert request.header("accept-encoding") == "gzip, deflate, br, zstd"
    assert request.header("connection") is None
    assert request.header("cookie") is None


async def test_hops_and_content_are_in_the_summary(client: Client) -> None:
    async with serving(by_path({"/from": redirect(b"/to"), "/to": page()}), keeps=True) as origin:
        got = await client.get(origin.url("/from"))
    (summary,) = client.summaries
    first, second = summary.hops
    assert (first.status, second.status, first.reason, second.reason) == (302, 200, None, None)
    content = summary.content
    assert content is not None
    assert (content.wire_bytes, content.decoded_bytes, content.truncated) == (len(CARD), len(CARD), False)
    assert client.events == []
    assert got.timings.connect == pytest.approx(first.connect + second.connect)
    assert got.timings.first_byte == pytest.approx(first.first_byte + second.first_byte)
    assert got.delay == second.first_byte  # what counts as age is the last answer's (RFC 9111, section 4.2.3)
    assert got.timings.body == content.seconds > 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(client: Client, status: int) -> None:
    async with serving(by_path({"/from": redirect(b"to", status=status), "/to": page()})) as origin:
        got = await client.get(origin.url("/from"))
    assert got.url == origin.url("/to")
    assert got.body == CARD


async def test_location_may_be_unencoded_and_loses_its_fragment(client: Client) -> None:
    answers = {"/from": redirect("/ä#x".encode()), "/%C3%A4": page()}
    async with serving(by_path(answers)) as origin:
        assert (await client.get(origin.url("/from"))).url == origin.url("/%C3%A4")


@pytest.mark.parametrize(
    ("location", "path"),
    [
        # What WPT's fetch/api/redirect/redirect-location-escape compares.
        ("/\N{CJK UNIFIED IDEOGRAPH-4E2D}".encode(), "/%E4%B8%AD"),
        ("/%E4%B8%AD/\N{CJK UNIFIED IDEOGRAPH-4E2D}".encode(), "/%E4%B8%AD/%E4%B8%AD"),
        ("/\N{CJK UNIFIED IDEOGRAPH-4E2D}".encode("gb18030"), "/%D6%D0"),
        (b"/caf\xe9/\xc3\xa9", "/caf%E9/%C3%A9"),
        (b"/a?q=\xe9", "/a?q=%E9"),
        # White space and control characters, by WPT's url/resources/urltestdata.json.
        (b"\x01/to\x1f", "/to"),
        (b"/t\to\t/b", "/to/b"),
        (b"/to\xc2\xa0", "/to%C2%A0"),
        (b"/a b\x0b", "/a%20b"),
        (b'/a\x7f|"<>`', "/a%7F|%22%3C%3E%60"),
        (b"\\to\\..\\b", "/b"),
        (b"?a'b", "/from?a%27b"),
        (b"/a\0b\rc", "/a%20b%20c"),  # a NUL and a bare carriage return in a field become spaces
        (b"/a\r\n b", "/a%20b"),  # and the end of a folded line as well
    ],
)
async def test_location_is_read_as_browsers_read_it(client: Client, location: bytes, path: str) -> None:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await (redirect(location) if request.path == "/from" else page())(request, writer)

    async with serving(answer) as origin:
        assert (await client.get(origin.url("/from"))).url == origin.url(path)
    assert origin.requests[1].path == path


@pytest.mark.parametrize("status", [300, 304, 404, 429, 500, 503])
async def test_other_statuses_are_the_pages_error(client: Client, status: int) -> None:
    async with serving(says(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert (caught.value.reason, caught.value.status) == (Reason.UPSTREAM_STATUS, status)


async def test_redirect_without_location_is_the_pages_error(client: Client) -> None:
    async with serving(says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert (caught.value.reason, caught.value.status) == (Reason.UPSTREAM_STATUS, 302)


@pytest.mark.parametrize(
    "host", [*spellings("169.254.169.254"), *spellings("10.0.0.1"), "[fd00::1]", "[fe80::1]", "[::]"]
)
async def test_redirect_to_private_is_refused_in_every_spelling(client: Client, host: str) -> None:
    async with serving(redirect(f"http://{host}/".encode())) as origin:
        with pytest.raises((Blocked, UpstreamError)) as caught:
            await client.get(origin.url())
    assert caught.value.reason in (Reason.BLOCKED_ADDRESS, Reason.REDIRECT_INVALID)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("localhost", Reason.BLOCKED_NAME),
        ("metadata.google.internal", Reason.BLOCKED_NAME),
        ("10.0.0.1", Reason.BLOCKED_PORT),
    ],
)
async def test_redirect_to_what_is_refused(make: Make, host: str, reason: Reason) -> None:
    async with serving(redirect(f"http://{host}:6379/".encode())) as origin:
        ports = frozenset({origin.port} | ({6379} if reason is Reason.BLOCKED_NAME else set()))
        with pytest.raises(Blocked) as caught:
            await make(policy=EgressPolicy(networks=LOOPBACK, ports=ports)).get(origin.url())
    assert caught.value.reason is reason


@pytest.mark.parametrize("location", [b"/to ", b"/to\t", b" \t/to \t "])
async def test_white_space_around_a_field_is_no_part_of_it(client: Client, location: bytes) -> None:
    async with serving(by_path({"/from": redirect(location), "/to": page()})) as origin:
        assert (await client.get(origin.url("/from"))).url == origin.url("/to")


async def test_nothing_of_the_environment_gets_between(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a proxy nor somebody's passwords."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(page(b"by proxy")) as proxy, serving(page()) as origin:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        monkeypatch.delenv("no_proxy", raising=False)
        assert (await client.get(origin.url())).body == CARD
    assert proxy.requests == []
    assert origin.requests[0].header("authorization") is None


@pytest.mark.parametrize("host", ["a..example.com", f"{'a' * 70}.example.com"])
async def test_names_that_dns_cannot_have_are_refused(make: Make, host: str) -> None:
    names = Names({})
    with pytest.raises(Blocked) as caught:
        await make(resolve=names).get(f"https://{host}/")
    assert caught.value.reason is Reason.BLOCKED_NAME
    assert names.asked == []


async def test_location_cannot_add_to_our_request(client: Client) -> None:
    async with serving(by_path({"/": redirect(b"/%0d%0aX-Injected:%20yes")})) as origin:
        with pytest.raises(UpstreamError):
            await client.get(origin.url())
    assert origin.requests[1].path == "/%0d%0aX-Injected:%20yes"
    assert origin.requests[1].header("x-injected") is None


async def test_location_with_a_bare_carriage_return_adds_no_line(client: Client) -> None:
    async with serving(by_path({"/": redirect(b"/a\rX-Injected: yes")})) as origin:
        with pytest.raises(UpstreamError):
            await client.get(origin.url())
    assert origin.requests[1].path == "/a%20X-Injected:%20yes"
    assert origin.requests[1].header("x-injected") is None


async def test_cookie_gated_redirect_ends_and_the_jar_dies_with_the_fetch(client: Client) -> None:
    async def gate(request: Request, writer: asyncio.StreamWriter) -> None:
        passed = request.header("cookie") == "seen=yes"
        await (page() if passed else redirect(request.path.encode(), b"Set-Cookie: seen=yes; Path=/"))(request, writer)

    async with serving(gate) as origin:
        for _ in range(2):
            assert (await client.get(origin.url())).body == CARD
    assert [request.header("cookie") for request in origin.requests] == [None, "seen=yes"] * 2


@pytest.mark.parametrize(
    ("path", "cookie"),
    [
        ("/gate", b"seen=yes"),
        ("/gate", b"seen=yes; Path='/'; Max-Age=1h; Expires=tomorrow"),
        ("/gate", b"seen=yes; Path=/other; Path=/gate"),
        ("/gate", b"seen=yes; Domain=; HttpOnly; SameSite=None"),
        ("/gate", b"seen=yes; Domain=127.0.0.1"),
        ("/gate", b"seen=yes; Expires=Fri, 31-Dec-99 23:59:59 GMT; Expires=Thu, 31 Dec 2099 23:59:59"),
        ("/gate/a?b/c", b"seen=yes; Path=/gate"),
        ("/gate/a?b/c", b'seen=yes; Max-Age=60; Max-Age="0"; Path="/gate"'),
    ],
)
async def test_odd_cookies_open_gates_as_in_browsers(client: Client, path: str, cookie: bytes) -> None:
    async def gate(request: Request, writer: asyncio.StreamWriter) -> None:
        passed = request.header("cookie") == "seen=yes"
        await (page() if passed else redirect(request.path.encode(), b"Set-Cookie: " + cookie))(request, writer)

    async with serving(gate) as origin:
        assert (await client.get(origin.url(path))).body == CARD


@pytest.mark.parametrize(
    "cookie",
    [
        b"seen=yes; Path=/other",
        b"seen=yes; Secure",
        b"__Host-a=b; Path=/",
        b"a=b; Domain=1",
        b"a=b; Max-Age=0",
        b"a=\x01",
    ],
)
async def test_cookies_that_browsers_do_not_send_open_no_gate(client: Client, cookie: bytes) -> None:
    async with serving(redirect(b"/gate", b"Set-Cookie: " + cookie)) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url("/gate"))
    assert caught.value.reason is Reason.REDIRECT_LOOP
    assert [request.header("cookie") for request in origin.requests] == [None]


async def test_cookies_stay_with_their_host(make: Make) -> None:
    client = make(resolve=Names({name: [["127.0.0.1"]] for name in ("one.example", "two.example")}))
    async with serving(page()) as two:
        away = redirect(two.url("/", "two.example").encode(), b"Set-Cookie: mine=1; Path=/")
        async with serving(away) as one:
            await client.get(one.url("/", "one.example"))
    assert two.requests[0].header("cookie") is None
    assert two.requests[0].header("host") == f"two.example:{two.port}"


async def test_only_the_first_cookies_are_kept(make: Make) -> None:
    client = make(limits=FetchLimits(cookies=2))
    many = [b"Set-Cookie: c%d=\xe4; Path=/" % number for number in range(5)]

    async def gate(request: Request, writer: asyncio.StreamWriter) -> None:
        await (page() if b"Cookie" in request.head else redirect(b"/", *many))(request, writer)

    async with serving(gate) as origin:
        await client.get(origin.url())
    assert origin.requests[1].head.count(b"c1=") == 1
    assert b"c2=" not in origin.requests[1].head


async def test_redirects_are_counted(make: Make) -> None:
    chain = {f"/{number}": redirect(b"/%d" % (number + 1)) for number in range(6)}
    async with serving(by_path({**chain, "/6": page()})) as origin:
        assert (await make().get(origin.url("/1"))).body == CARD
        with pytest.raises(UpstreamError) as caught:
            await make().get(origin.url("/0"))
    assert caught.value.reason is Reason.REDIRECT_LIMIT


async def test_loop_is_seen_at_once(client: Client) -> None:
    async with serving(by_path({"/a": redirect(b"/b"), "/b": redirect(b"/a")})) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url("/a"))
    assert caught.value.reason is Reason.REDIRECT_LOOP
    assert len(origin.requests) == 2


async def test_empty_location_is_a_loop(client: Client) -> None:
    async with serving(redirect(b"")) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert caught.value.reason is Reason.REDIRECT_LOOP


@pytest.mark.parametrize(
    "location", [b"http://", b"http://a b/", b"file:///etc/passwd", b"//user@host/", b"http://[::1", b"a" * 40_000]
)
async def test_redirect_to_no_url(client: Client, location: bytes) -> None:
    async with serving(redirect(location)) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert caught.value.reason is Reason.REDIRECT_INVALID


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate", "br", "zstd", "identity", "utf-8"])
async def test_codings_are_undone(client: Client, coding: str) -> None:
    text = CARD + b"<p>some text</p>" * 10_000
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    coded = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text[:50_000]) + gzip.compress(text[50_000:]),
        "deflate": zlib.compress(text),
        "raw deflate": raw.compress(text) + raw.flush(),
        "br": brotli.compress(text),
        "zstd": zstd.compress(text[:50_000]) + zstd.compress(text[50_000:]),
    }.get(coding, text)
    async with serving(page(coded, b"Content-Encoding: " + coding.removeprefix("raw ").encode())) as origin:
        got = await client.get(origin.url())
    assert (got.body, got.truncated) == (text, False)


async def test_stacked_codings_are_undone_as_far_as_allowed(client: Client) -> None:
    coded = brotli.compress(gzip.compress(CARD))
    async with serving(page(coded, b"Content-Encoding: gzip", b"Content-Encoding: br")) as origin:
        assert (await client.get(origin.url())).body == CARD
    async with serving(page(gzip.compress(coded), b"Content-Encoding: gzip, br, gzip")) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert caught.value.reason is Reason.BODY_UNREADABLE


@pytest.mark.parametrize("field", [b"Content-Encoding: gzip", b"Content-Encoding: compress", b"Content-Encoding: zstd"])
async def test_coding_that_cannot_be_undone(client: Client, field: bytes) -> None:
    async with serving(page(CARD, field)) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert caught.value.reason is Reason.BODY_UNREADABLE


async def test_body_beyond_the_limit_is_cut(make: Make) -> None:
    client = make(limits=FetchLimits(decoded_bytes=1000))
    for body, fields in ((b"a" * 5000, ()), (gzip.compress(b"a" * 5000), (b"Content-Encoding: gzip",))):
        async with serving(page(body, *fields)) as origin:
            got = await client.get(origin.url())
        assert (got.body, got.truncated) == (b"a" * 1000, True)


async def test_body_at_the_limit_is_whole(make: Make) -> None:
    client = make(limits=FetchLimits(decoded_bytes=5000))
    for body, fields in ((b"a" * 5000, ()), (gzip.compress(b"a" * 5000), (b"Content-Encoding: gzip",))):
        async with serving(page(body, *fields)) as origin:
            got = await client.get(origin.url())
        assert (got.body, got.truncated) == (b"a" * 5000, False)


async def test_no_more_header_lines_are_read_than_the_limit(make: Make) -> None:
    client = make(limits=FetchLimits(header_fields=10))
    own = 2  # Content-Type, Content-Length
    async with serving(page(CARD, *[b"A: b"] * (10 - own))) as origin:
        assert (await client.get(origin.url())).body == CARD
    async with serving(page(CARD, *[b"A: b"] * (11 - own))) as origin:
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert caught.value.reason is Reason.HEADERS_TOO_LARGE


async def test_body_of_another_type_is_never_read(client: Client) -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n<html>", stays=True)) as origin:
        got = await client.get(origin.url())
    assert (got.is_html, got.body) == (False, b"")


@pytest.mark.parametrize(("body", "is_html"), [(CARD, True), (b"\x89PNG\r\n\x1a\n", False), (b"", False)])
async def test_missing_type_is_sniffed(client: Client, body: bytes, is_html: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(says(head, body[:5], body[5:])) as origin:
        got = await client.get(origin.url())
    assert (got.is_html, got.body) == (is_html, body if is_html else b"")


@pytest.mark.parametrize(("value", "is_html"), [(b"NoSniff, x", False), (b"x, nosniff", True)])
async def test_content_without_a_type_may_forbid_sniffing(client: Client, value: bytes, is_html: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Content-Type-Options: %b\r\n\r\n" % value
    async with serving(says(head, CARD)) as origin:
        assert (await client.get(origin.url())).is_html is is_html


async def test_leaving_early_ends_the_connection_at_once(client: Client) -> None:
    async with serving(says(HTML + b"\r\n" + CARD, stays=True)) as origin:
        fed: list[bytes] = []

        def feed(piece: bytes) -> Wants:
            fed.append(piece)
            return Wants.NOTHING

        async with client.open(origin.url()) as fetched:
            assert origin.open == 1
            await fetched.read(feed)
        async with asyncio.timeout(5):
            await origin.left.wait()
        assert fed == [CARD]


async def test_an_error_of_the_consumer_ends_the_reading(client: Client) -> None:
    def feed(piece: bytes) -> Wants:
        raise ZeroDivisionError

    async with serving(says(HTML + b"\r\n" + CARD, stays=True)) as origin, client.open(origin.url()) as fetched:
        with pytest.raises(ZeroDivisionError):
            await fetched.read(feed)


async def test_answers_without_a_body(client: Client) -> None:
    async with serving(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as origin:
        got = await client.get(origin.url())
    assert (got.is_html, got.body, got.truncated) == (False, b"", False)


async def test_bare_line_feeds_are_understood(client: Client) -> None:
    async with serving(says(b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n" + CARD)) as origin:
        assert (await client.get(origin.url())).body == CARD


@pytest.mark.parametrize(
    "lines",
    [
        b"X-A: b\r\n c\r\n\t\r\n",
        b" X-A: b\r\n",
        b"X-A : b\r\nX B: c\r\n: d\r\n",
        b"<!-- no field -->\r\n\xff\xfe\r\n",
        b"X-A: \0\x01\x7f\r\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 83, 83\r\ncontent-length:\t83\r\n",
        b"Transfer-Encoding: identity\r\n",
    ],
)
async def test_odd_header_lines_cost_a_line(client: Client, lines: bytes) -> None:
    rest = b"Content-Length: %d\r\n\r\n" % len(CARD)
    async with serving(says(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Type: text/html\r\n" + rest + CARD)) as origin:
        got = await client.get(origin.url())
    assert (got.body, got.is_html, got.truncated) == (CARD, True, False)


async def test_a_second_response_is_never_read(client: Client) -> None:
    """Whatever frames the first one: what follows it on its connection belongs to nobody."""
    second = HTML + b"Content-Length: 4\r\n\r\nevil"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(CARD), CARD)
    framed = [
        b"Content-Length: %d\r\n\r\n%b" % (len(CARD), CARD),
        chunks,
        b"Content-Length: 4\r\n" + chunks,
        b"Content-Length: 9999\r\n" + chunks,
    ]
    for first in framed:
        async with serving(says(HTML + first + second)) as origin:
            got = await client.get(origin.url())
        assert (got.body, got.truncated, len(origin.requests)) == (CARD, False, 1)


@pytest.mark.parametrize(("count", "is_read"), [(128, True), (129, False)])
async def test_interim_answers_are_counted(client: Client, count: int, is_read: bool) -> None:
    """64 KiB of them hold the event loop for 13 ms."""
    async with serving(says(b"HTTP/1.1 100\n\n" * count + HTML + b"\r\n" + CARD)) as origin:
        if is_read:
            assert (await client.get(origin.url())).body == CARD
            return
        with pytest.raises(UpstreamError) as caught:
            await client.get(origin.url())
    assert caught.value.reason is Reason.HEADERS_TOO_LARGE


async def test_interim_answers_are_passed_over(client: Client) -> None:
    async with serving(says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HTML + b"\r\n" + CARD)) as origin:
        got = await client.get(origin.url())
    assert got.body == CARD


async def test_name_is_looked_up_once_and_connected_to_what_was_checked(make: Make) -> None:
    names = Names({"rebinding.example": [["127.0.0.1"], ["127.0.0.66"]]})
    async with serving(page()) as origin:
        got = await make(resolve=names).get(origin.url("/", "rebinding.example"))
    assert got.body == CARD
    assert names.asked == ["rebinding.example"]


async def test_any_address_that_is_not_public_refuses_the_name(make: Make) -> None:
    client = make(resolve=Names({"mixed.example": [["127.0.0.1", "10.0.0.1"]]}))
    async with serving(page()) as origin:
        with pytest.raises(Blocked) as caught:
            await client.get(origin.url("/", "mixed.example"))
    assert caught.value.reason is Reason.BLOCKED_ADDRESS
    assert origin.requests == []
    assert client.events == [TargetBlocked("private")]
    assert client.summaries[0].hops == []  # nothing was sent: there was no hop


@pytest.mark.parametrize("answer", [["fe80::1%eth0"], ["no address"]])
async def test_address_that_cannot_be_judged_refuses_the_name(make: Make, answer: list[str]) -> None:
    with pytest.raises(Blocked):
        await make(resolve=Names({"odd.example": [answer]})).get("http://odd.example/")


async def test_names_without_an_address(make: Make) -> None:
    client = make(resolve=Names({"empty.example": [[]]}))
    for host in ("empty.example", "none.example"):
        with pytest.raises(UpstreamError) as caught:
            await client.get(f"http://{host}/")
        assert caught.value.reason is Reason.DNS_FAILED


async def test_system_resolver_is_asked_by_default(make: Make) -> None:
    client = make(policy=EgressPolicy(networks=LOOPBACK, hosts=("localhost",), ports=frozenset(range(1, 65536))))
    async with serving(page()) as origin:
        assert (await client.get(origin.url("/", "localhost"))).body == CARD


async def test_next_address_is_tried(make: Make) -> None:
    """Nothing listens on the other loopback addresses: refused, then the next; the request is sent once."""
    client = make(resolve=Names({"several.example": [["127.0.0.8", "::1", "127.0.0.1"]]}))
    async with serving(page()) as origin:
        assert (await client.get(origin.url("/", "several.example"))).body == CARD
    assert len(origin.requests) == 1


async def test_address_that_does_not_answer_is_not_waited_for(make: Make) -> None:
    client = make(
        resolve=Names({"stuck.example": [["127.0.0.2", "127.0.0.1"]]}),
        limits=FetchLimits(connect_seconds=5, address_delay=0.02),
    )
    async with serving(page()) as origin:
        with deaf("127.0.0.2", origin.port):
            assert (await client.get(origin.url("/", "stuck.example"))).body == CARD
    assert len(origin.requests) == 1


async def test_addresses_that_do_not_answer_end_in_time(make: Make) -> None:
    client = make(
        resolve=Names({"stuck.example": [["127.0.0.2", "127.0.0.3"]]}),
        limits=FetchLimits(connect_seconds=0.1, address_delay=0.02),
    )
    async with serving(page()) as origin:
        with deaf("127.0.0.2", origin.port), deaf("127.0.0.3", origin.port), pytest.raises(DeadlineExceeded) as caught:
            await client.get(origin.url("/", "stuck.example"))
    assert caught.value.reason is Reason.TIMEOUT_CONNECT


async def test_addresses_are_tried_up_to_the_limit(make: Make) -> None:
    names = Names({"many.example": [["127.0.0.8", "127.0.0.9", "127.0.0.1"]]})
    async with serving(page()) as origin:
        with pytest.raises(UpstreamError) as caught:
            await make(resolve=names, limits=FetchLimits(addresses=2)).get(origin.url("/", "many.example"))
    assert caught.value.reason is Reason.CONNECT_FAILED


async def test_connection_refused(client: Client) -> None:
    async with serving(page()) as origin:
        pass
    with pytest.raises(UpstreamError) as caught:
        await client.get(origin.url())
    assert caught.value.reason is Reason.CONNECT_FAILED


async def ends(client: Client, url: str) -> tuple[Hop, Timings]:
    """Fetches what cannot be fetched; returns its hop and its timings."""
    with pytest.raises((UpstreamError, DeadlineExceeded)):
        await client.get(url)
    (summary,) = client.summaries
    (hop,) = summary.hops
    return hop, summary.timings


async def test_refusing_host_has_cost_its_connect(client: Client) -> None:
    async with serving(page()) as origin:
        pass
    hop, timings = await ends(client, origin.url())
    assert hop.connect == timings.connect > 0
    assert hop.first_byte == timings.first_byte == 0


async def test_host_that_takes_no_connection_has_cost_its_connect(make: Make) -> None:
    async with serving(page()) as origin:
        with deaf("127.0.0.2", origin.port):
            limits = FetchLimits(connect_seconds=1.0)
            hop, timings = await ends(make(limits=limits), f"http://127.0.0.2:{origin.port}/")
    assert hop.reason is Reason.TIMEOUT_CONNECT
    assert hop.connect == timings.connect >= 0.9  # the timer counts from the loop's last look at the clock
    assert hop.first_byte == 0


async def test_host_that_says_nothing_has_cost_its_first_byte(client: Client) -> None:
    async with serving(says(stays=True)) as origin:
        hop, timings = await ends(client, origin.url())
    assert hop.reason is Reason.TIMEOUT_FIRST_BYTE
    assert hop.first_byte == timings.first_byte >= 0.29
    assert hop.connect == timings.connect > 0


async def test_the_wait_for_a_slot_of_the_host_is_in_the_summary(make: Make) -> None:
    client = make(limits=FetchLimits(per_host=1))
    async with serving(page()) as origin, client.open(origin.url()):
        waiting = asyncio.create_task(client.get(origin.url()))
        await asyncio.sleep(0)  # to ask for a slot takes one iteration
        began = time.monotonic()
        await asyncio.sleep(0.1)
        waited = time.monotonic() - began
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert client.summaries[1].timings.wait >= waited
    assert client.summaries[1].hops == []  # it never came to its hop


async def test_slots_of_a_host_are_limited(make: Make) -> None:
    client = make(limits=FetchLimits(per_host=2, per_host_waiting=4))
    async with serving(page()) as origin:
        got = await asyncio.gather(*(client.get(origin.url()) for _ in range(6)))
        assert [one.body for one in got] == [CARD] * 6
        results = await asyncio.gather(*(client.get(origin.url()) for _ in range(9)), return_exceptions=True)
    assert origin.most_open <= 2
    full = [result for result in results if isinstance(result, Overloaded)]
    assert len(full) == 3


async def test_retry_after_is_honoured_without_another_call(client: Client) -> None:
    async with serving(says(b"HTTP/1.1 429 No\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")) as origin:
        for _ in range(2):
            with pytest.raises(UpstreamError) as caught:
                await client.get(origin.url())
            assert (caught.value.reason, caught.value.status) == (Reason.UPSTREAM_STATUS, 429)
            assert caught.value.retry_after == pytest.approx(30, abs=2)
    assert len(origin.requests) == 1


async def test_a_root_dot_makes_no_other_host(make: Make) -> None:
    """`example.com.` and `example.com` share their slots and their Retry-After; the Host header has no root dot."""
    names = Names({"busy.example": [["127.0.0.1"]], "slow.example": [["127.0.0.1"]]})
    client = make(resolve=names, limits=FetchLimits(per_host=2))
    async with serving(page()) as origin:
        spellings = ("slow.example", "slow.example.")
        await asyncio.gather(*(client.get(origin.url("/", host)) for host in spellings * 3))
        assert origin.most_open <= 2
        assert {request.header("host") for request in origin.requests} == {f"slow.example:{origin.port}"}
    async with serving(says(b"HTTP/1.1 429 No\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")) as origin:
        for host in ("busy.example.", "busy.example"):
            with pytest.raises(UpstreamError):
                await client.get(origin.url("/", host))
        assert len(origin.requests) == 1


async def test_first_byte_is_waited_for_so_long(make: Make) -> None:
    async with serving(says(stays=True)) as origin:
        with pytest.raises(Exception, match="timeout_first_byte"):
            await make(limits=QUICK).get(origin.url())


async def test_connection_is_waited_for_so_long(make: Make) -> None:
    async def stuck(host: str) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Exception, match="timeout_connect"):
        await make(limits=FetchLimits(connect_seconds=0.01), resolve=stuck).get("http://stuck.example/")


async def test_clients_deadline_ends_everything(client: Client) -> None:
    async with serving(says(stays=True)) as origin:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.get(origin.url())
    (hop,) = client.summaries[0].hops
    assert (hop.status, hop.reason) == (None, None)


@pytest.mark.parametrize("answer", ["127.0.0.1", "::ffff:127.0.0.1"])
async def test_mapped_address_follows_the_allowed_networks(make: Make, answer: str) -> None:
    """As an IPv4 address does, whether it is allowed or not."""
    names = {"mapped.example": [[answer]]}
    async with serving(page()) as origin:
        assert (await make(resolve=Names(names)).get(origin.url("/", "mapped.example"))).body == CARD
        closed = make(resolve=Names(names), policy=EgressPolicy(ports=frozenset({origin.port})))
        with pytest.raises(Blocked) as caught:
            await closed.get(origin.url("/", "mapped.example"))
    assert caught.value.reason is Reason.BLOCKED_ADDRESS
    assert len(origin.requests) == 1


@pytest.mark.parametrize("host", ["kubernetes.default", "app.kube-system", "kubernetes.default."])
async def test_name_of_a_cluster_is_not_looked_up(make: Make, host: str) -> None:
    names = Names({})
    with pytest.raises(Blocked) as caught:
        await make(resolve=names).get(f"https://{host}/")
    assert caught.value.reason is Reason.BLOCKED_NAME
    assert names.asked == []
