"""Header blocks, cookies and Locations of a hostile host: only a known error leaves, and work grows with the size."""

import asyncio
import contextlib
import os
import re
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import httptools
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scrap import urls
from scrap.errors import Reason, UpstreamError
from scrap.fetch import FetchLimits, redirects, response, response_head
from scrap.fetch.cookies import Jar, read_cookie, read_date
from scrap.fetch.response import TLSNotClosed, TLSOverheadExceeded, UpstreamResponse
from scrap.fetch.response_head import read_head
from scrap.fetch.socket_reader import ConnectionResources
from scrap.turns import Turns

_TIMES = int(os.environ.get("SCRAP_FUZZ", "1"))
HERE = urls.parse("https://www.example.com/a/b")
LIMITS = FetchLimits()

_pieces = st.one_of(
    st.sampled_from(
        [
            *(
                b"\r\n",
                b"\n",
                b"\r",
                b"\0",
                b"\x01",
                b" ",
                b"\t",
                b":",
                b": ",
                b" :",
                b",",
                b"\xe9",
                b"\r\n\r\n",
                b"\n\n",
            ),
            *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n"),
            *(b"Content-Length", b"Content-Length: 5\r\n", b"Content-Length: 3\r\n", b"Content-Length : 5\r\n"),
            *(
                b"Transfer-Encoding: chunked\r\n",
                b"transfer-encoding:identity\r\n",
                b"Transfer-Encoding\t: chunked\r\n",
            ),
            *(
                b"5\r\nhello\r\n",
                b"0\r\n\r\n",
                b"0\r\nA: b\r\n\r\n",
                b"hello",
                b"ffffffffffffffffff\r\n",
                b"Set-Cookie: a=b\r\n",
            ),
        ]
    ),
    st.binary(max_size=4),
)
responses = st.builds(
    lambda first, rest: first + b"".join(rest),
    st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404\n", b"\r\nHTTP/1.1 204 No\r\n", b""]),
    st.lists(_pieces, max_size=24),
)


_lines = st.builds(
    b"%b:%b%b%b".__mod__,
    st.tuples(
        st.sampled_from([b"A", b"a", b"Set-Cookie", b"X-_.!#$%&'*+^`|~9", b"Connection"]),
        st.sampled_from([b"", b" ", b"\t \t"]),
        st.binary(max_size=9).map(lambda value: re.sub(rb"[\0-\x08\x0a-\x1f\x7f]", b"", value)),
        st.sampled_from([b"\r\n", b"\n", b" \r\n"]),
    ),
)
_framed = st.one_of(
    st.binary(max_size=9).map(lambda body: b"Content-Length: %d\r\n\r\n%b" % (len(body), body)),
    st.binary(min_size=1, max_size=9).map(
        lambda body: b"Transfer-Encoding: Chunked\r\n\r\n%x;a=b\r\n%b\r\n0\r\nA: b\r\n\r\nHTTP/1.1" % (len(body), body)
    ),
    st.binary(max_size=9).map(lambda body: b"\r\n" + body),
)
tidy_responses = st.builds(
    lambda first, lines, framed: first + b"".join(lines) + framed,
    st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404\n", b"HTTP/1.1 103 X\r\nA: b\r\n\r\nHTTP/1.1 200 \r\n"]),
    st.lists(_lines, max_size=8),
    _framed,
)


class DeafTransport(asyncio.Transport):
    """Takes everything, and sends nothing."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (None, False),
        (TLSNotClosed(), False),
        (TLSOverheadExceeded(), False),
        (ConnectionResetError(), True),
        (ConnectionAbortedError(), True),
        (TimeoutError(), True),
        (OSError(113, "No route to host"), True),
        (ssl.SSLError("bad record MAC"), True),
    ],
)
def test_a_body_without_a_length_is_broken_by_an_error_of_its_connection(error: Exception | None, broken: bool) -> None:
    upstream = UpstreamResponse(HERE, ConnectionResources(LIMITS, Turns()))
    upstream.connection_made(DeafTransport())
    upstream.receive(memoryview(b"HTTP/1.1 200 OK\r\n\r\n<p"))
    upstream.connection_lost(error)
    assert (upstream.broken, upstream.cut) == (broken, error is not None)
    upstream.abort()


Read = tuple[int, dict[bytes, list[bytes]], bytes, bool, Reason | None]


def received(*parts: bytes) -> Read:
    """What is read of a response in these parts: status, fields, body, whether it is cut, why it failed."""
    upstream = UpstreamResponse(HERE, ConnectionResources(LIMITS, Turns()))
    upstream.connection_made(DeafTransport())
    for part in parts:
        upstream.receive(memoryview(part))
    upstream.connection_lost(None)
    body, reason = b"", None
    try:
        with contextlib.suppress(StopIteration):
            upstream.head().send(None)
        while data := upstream.take():
            body += data
    except UpstreamError as error:
        reason = error.reason
    upstream.abort()
    return upstream.status, upstream.fields, body, upstream.cut, reason


@settings(max_examples=300 * _TIMES)
@given(st.one_of(responses, tidy_responses), st.lists(st.integers(0, 400), max_size=8))
@example(
    b"HTTP/1.1 200 OK\nTransfer-Encoding:chunked\n\n0\r\n\r\nHTTP/1.1 101 X\r\nConnection:upgrade\r\nUpgrade:x\r\n\r\n",
    [],
)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello", [17, 40, 42])
def test_a_response_is_read_alike_in_whatever_parts_it_arrives(sent: bytes, cuts: list[int]) -> None:
    ends = sorted({0, *(min(cut, len(sent)) for cut in cuts), len(sent)})
    whole = received(sent)
    assert received(*(sent[start:end] for start, end in pairwise(ends))) == whole
    assert received(*(sent[at : at + 1] for at in range(len(sent)))) == whole
    assert whole[-1] in {None, Reason.PROTOCOL_ERROR, Reason.HEADERS_TOO_LARGE}


class StrictReader:
    """What llhttp reads of a response, without any leniency but for line ends."""

    def __init__(self, sent: bytes) -> None:
        self.fields: dict[bytes, list[bytes]] = {}
        self.status, self.body, self.has_head, self.has_ended = 0, b"", False, False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        for at in range(len(sent)):
            if not self.has_ended:
                self._parser.feed_data(sent[at : at + 1])

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            self.fields.setdefault(name.lower(), []).append(value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.has_head = self.status >= 200
        if not self.has_head:
            self.fields.clear()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.has_ended = self.has_head


@settings(max_examples=400 * _TIMES)
@given(st.one_of(responses, tidy_responses))
@example(b"HTTP/1.1 200 OK\r\nA: b\r\nC:\td \n\nbody")
@example(
    b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\nTransfer-Encoding:chunked\n\n5\r\nhello\r\n0\r\n\r\n"
)
def test_what_a_strict_parser_reads_is_read_alike(sent: bytes) -> None:
    try:
        strict = StrictReader(sent)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return
    # Statuses below 100 and blank lines before the status line are no HTTP, an interim response has no body.
    assume(strict.has_head and not re.search(rb"HTTP/\S+ 0|\n\r?\nHTTP|\A[\r\n]{3}", sent))
    status, fields, body, _, reason = received(sent)
    assert (status, fields, body, reason) == (strict.status, strict.fields, strict.body, None)


_cookies = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(b";", b"=", b" ", b"\t", b"a=b", b"; Path=/", b"; Path", b"; Domain=", b"example.com", b".", b"com"),
                *(
                    b"; Secure",
                    b"; Max-Age=",
                    b"-1",
                    b"9" * 400,
                    b"; Expires=",
                    b"Thu, 01 Jan 1970 00:00:00 GMT",
                    b"\x01",
                ),
                *(
                    b"__Host-",
                    b"__Secure-",
                    b'"',
                    b"/",
                    b"\xff",
                    b"99:99:99",
                    b"Feb 30",
                    b"Nov",
                    b"9999",
                    b"\xef\xbc\x91",
                ),
            ]
        ),
        st.binary(max_size=6),
    ),
    max_size=20,
).map(b"".join)


@settings(max_examples=300 * _TIMES)
@given(st.lists(_cookies, max_size=80), st.sampled_from(["https://www.example.com/", "http://b.example.com/a/b/c?d"]))
def test_cookies_are_sent_as_one_safe_line(cookies: list[bytes], url: str) -> None:
    jar, target = Jar(LIMITS), urls.parse(url)
    jar.keep(HERE, {b"set-cookie": cookies})
    header = jar.header(target)
    assert not re.search(rb"[\0-\x08\x0a-\x1f\x7f]", header)
    sent = [kept for line in cookies if (kept := read_cookie(line, HERE, time.time())) and kept.goes_to(target)]
    assert all(pair in {kept.pair for kept in sent} or b";" not in pair for pair in header.split(b"; "))
    assert len(header) <= LIMITS.cookie_bytes + 2 * LIMITS.cookies
    for kept in sent:
        assert HERE.host == kept.domain or HERE.host.endswith(f".{kept.domain}")
        assert target.scheme == "https" or not kept.secure


@given(st.one_of(st.binary(max_size=60), _cookies))
def test_dates_are_read_or_not(text: bytes) -> None:
    date = read_date(text)
    assert date is None or -11_644_473_600 <= date < 253_402_300_800  # 1601 to 9999


@settings(max_examples=300 * _TIMES)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"/caf\xe9")
@example(b"//\xe9.example/")
@example(b"http:\\\\user@\t[::1")
def test_locations_are_targets_or_known_errors(value: bytes) -> None:
    location = redirects.location_of(302, {b"location": [value]})
    assert location is not None
    location.encode()  # no surrogate
    with contextlib.suppress(UpstreamError):
        target = redirects.resolve(location, HERE)
        assert target.href.isascii()
        assert not re.search(r"[\0-\x20\x7f#]", target.href)


def lines_of(work: Callable[[], object]) -> int:
    """How many lines of the service run; not those of a garbage collector's callback."""
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        if not frame.f_globals.get("__name__", "").startswith("scrap."):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _works(size: int) -> Iterator[Callable[[], object]]:
    """Work on inputs that are so many times as long as their smallest."""
    head = b"HTTP/1.1 200 OK\r\n%b\r\n"
    block = head % (b"Set-Cookie: a=b\r\n" * size)
    odd = head % (b"A : b\r\n c\r\nA\r\nB: \0\r\n" * size)
    yield lambda: read_head(block, 8 * size)
    yield lambda: read_head(odd, 8 * size)
    yield lambda: received(head % (b"A: b\r\n" * size))
    yield lambda: received(b"HTTP/1.1 103 X\r\n\r\n" * size + head % b"")
    yield lambda: received(*(bytes([octet]) for octet in odd))
    yield lambda: received(*([head % b""] + [b"a"] * size))
    yield lambda: Jar(LIMITS).keep(HERE, {b"set-cookie": [b"a=b"] * size})
    yield lambda: read_cookie(b"a=b" + b"; Path=/; Expires=1 Jan" * size, HERE, 0)
    yield lambda: read_date(b"1 " * size)
    yield lambda: redirects.location_of(302, {b"location": [b"\xe9" * size]})


def test_lines_that_run_grow_with_the_size() -> None:
    for number, (one, two, four) in enumerate(zip(_works(32), _works(64), _works(128), strict=True)):
        first, second, third = lines_of(one), lines_of(two), lines_of(four)
        assert third - second <= 2 * (second - first) + 16, number


class CountingPattern:
    """A pattern that counts the bytes that it is asked to search."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.searched = 0

    def search(self, text: bytearray, start: int, end: int) -> re.Match[bytes] | None:
        self.searched += end - start
        return self._pattern.search(text, start, end)


def test_a_header_that_drips_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "HEAD_END", pattern := CountingPattern(response_head.HEAD_END))
    sent = b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 400 + b"\r\n"
    assert received(*(bytes([octet]) for octet in sent))[0] == 200
    assert pattern.searched <= 3 * len(sent)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            b"a",
            b" ",
            b"\t",
            b"\r",
            b"\n ",
            b"\r\n\t",
            b"\n:",
            b"\na",
            b"A:",
            b"\n a:",
            b"\0",
            b"\r\r\n",
            b"content-length ",
        ),
        *(
            b"\ncontent-length ",
            b"Content-Length:1\n",
            b"Content-Length: 1,",
            b"Transfer-Encoding:,",
            b"a=b;",
            b"=",
            b'"',
        ),
        *(
            b"; Path",
            b"; Max-Age=9",
            b"1:",
            b"1:1:1",
            b"jan ",
            b"%",
            b"\xe9",
            b"\xc3",
            b"/",
            b"\\",
            b"@",
            b"/../",
            b"//",
        ),
    ],
)
def test_64_kib_of_anything_cost_little(unit: bytes) -> None:
    """Each takes a few ms of CPU; what is quadratic takes half a minute."""
    sent = unit * (LIMITS.header_bytes // len(unit) - 50)
    started = time.process_time()
    received(b"HTTP/1.1 200 OK\r\n" + sent + b"\r\n\r\n")
    received(b"HTTP/1.1 200 OK\r\nA:" + sent + b"\r\n\r\n")
    for block in (b"HTTP/1.1 200 " + sent, b"HTTP/1.1 200 OK\n" + sent, b"HTTP/1.1 200 OK\nContent-Length:" + sent):
        with contextlib.suppress(UpstreamError):
            read_head(block + b"\n\n", LIMITS.header_bytes)
    read_cookie(sent, HERE, 0)
    read_cookie(b"a=b; Expires=" + sent, HERE, 0)
    read_date(sent)
    with contextlib.suppress(UpstreamError):
        redirects.resolve(urls.decode(b"/" + sent), HERE)
    urls.decode(sent)
    assert time.process_time() - started < 5.0
