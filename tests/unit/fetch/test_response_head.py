"""Which header blocks are read, and as what: odd lines cost a line; the status line and the framing are strict."""

import pytest

from scrap.errors import Reason, UpstreamError
from scrap.fetch.response_head import HEAD_END, ResponseHead, read_head

LINE = b"HTTP/1.1 200 OK\r\n"


def read(lines: bytes, *, first: bytes = LINE, most: int = 512) -> ResponseHead:
    return read_head(first + lines + b"\r\n", most)


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        (b"", {}),
        (b"A: b\r\nC:d\nE:\r\n", {b"a": [b"b"], b"c": [b"d"], b"e": [b""]}),
        (b"A: \t b c \t\r\n", {b"a": [b"b c"]}),
        (b"A: 1\r\na: 2\r\n", {b"a": [b"1", b"2"]}),
        (b"A: b:c\r\n", {b"a": [b"b:c"]}),
        (b"X_a.b!#$%&'*+^`|~9-: \xe4\r\n", {b"x_a.b!#$%&'*+^`|~9-": [b"\xe4"]}),
        # obs-fold: RFC 9112, section 5.2.
        (b"A: b\r\n c\r\n\td\nE: f\r\n", {b"a": [b"b c d"], b"e": [b"f"]}),
        (b"A:\r\n b\r\n", {b"a": [b"b"]}),
        (b"A: b\r\n \r\nC: d\r\n", {b"a": [b"b"], b"c": [b"d"]}),
        (b"A: b\r\n C: d\r\n", {b"a": [b"b C: d"]}),
        (b"A: b\n \n\t c\n", {b"a": [b"b  c"]}),
        (b" A: b\r\nC: d\r\n", {b"c": [b"d"]}),  # nothing before it (RFC 9112, section 2.2)
        # Control characters: RFC 9110, section 5.5.
        (b"A: b\x01\x7fc\r\n", {b"a": [b"b\x01\x7fc"]}),
        (b"A: b\0c\r\n", {b"a": [b"b c"]}),
        (b"A: b\rc\r\n", {b"a": [b"b c"]}),
        (b"A: b\r\r\n", {b"a": [b"b"]}),
        (b"A: b\rC: d\r\n", {b"a": [b"b C: d"]}),
        # Lines that are no field.
        (b"A : b\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"A\t: b\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"A b: c\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"A\r\nC: d\r\n", {b"c": [b"d"]}),
        (b": b\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"<p>A: b</p>\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"\xc3\xa4: b\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"A\0: b\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"A\r: b\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"A : b\r\n c: d\r\nC: d\r\n", {b"c": [b"d"]}),  # what is folded below such a line is its own
        (b"A\r\n Content-Length: 3\r\nC: d\r\n", {b"c": [b"d"]}),
        (b"HTTP/1.1 200 OK\r\nC: d\r\n", {b"c": [b"d"]}),
    ],
)
def test_odd_lines_cost_a_line(lines: bytes, fields: dict[bytes, list[bytes]]) -> None:
    assert read(lines).fields == fields


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.0 404\r\n", 404),
        (b"HTTP/1.1 999 \n", 999),
        (b"HTTP/2.0 200 \xe4\0\x01\r\n", 200),
        (b"\r\nHTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.1 103 Early Hints\r\n", 103),
    ],
)
def test_status_line(first: bytes, status: int) -> None:
    assert read(b"", first=first).status == status


@pytest.mark.parametrize(
    "first",
    [
        *(b"HTTP/1.1\r\n", b"HTTP/1.1 \r\n", b"HTTP/1.1  200 OK\r\n", b"HTTP/1.1 20 OK\r\n", b"HTTP/1.1 2000 OK\r\n"),
        *(b"HTTP/1.1 099 OK\r\n", b"HTTP/1.1 200OK\r\n", b"HTTP/1.1 200\tOK\r\n", b"HTTP/1.1 200\rOK\r\n"),
        *(b"HTTP/3.0 200 OK\r\n", b"http/1.1 200 OK\r\n", b"ICY 200 OK\r\n", b" HTTP/1.1 200 OK\r\n", b"", b"A: b\r\n"),
        *(b"HTTP/1.1 101 Switching Protocols\r\n", b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0\r\n"),
    ],
)
def test_other_status_lines_are_no_response(first: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(b"", first=first)
    assert caught.value.reason is Reason.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("lines", "is_chunked", "length"),
    [
        (b"", False, None),
        (b"Content-Length: 64\r\n", False, 64),
        (b"Content-Length: 064\r\n", False, 64),
        (b"content-length:64\n", False, 64),
        (b"Content-Length: 64\r\nContent-Length: 64\r\n", False, 64),
        (b"Content-Length: 64, 64\r\nContent-Length:\t64 \r\n", False, 64),
        (b"Content-Length: 999999999999999999\r\n", False, 999999999999999999),
        (b"Transfer-Encoding: chunked\r\n", True, None),
        (b"Transfer-Encoding: gzip, Chunked\r\n", True, None),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", True, None),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\nContent-Length: many\r\n", True, None),
        (b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", False, 5),
        (b"Transfer-Encoding: \r\nContent-Length: 5\r\n", False, 5),
        (b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", False, None),
        (b"Transfer-Encoding: chunked;a=b\r\n", False, None),
        (b"X: y\r\n Content-Length: 5\r\n", False, None),
        (b"Content-Length 5\r\n", False, None),
    ],
)
def test_framing(lines: bytes, is_chunked: bool, length: int | None) -> None:
    head = read(lines)
    assert (head.is_chunked, head.length) == (is_chunked, length)


@pytest.mark.parametrize("status", [204, 304])
def test_responses_without_a_body(status: int) -> None:
    head = read(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", first=b"HTTP/1.1 %d No\r\n" % status)
    assert (head.is_chunked, head.length) == (False, 0)


@pytest.mark.parametrize(
    "lines",
    [
        *(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: 5, 6\r\n", b"Content-Length: 5,\r\n"),
        *(b"Content-Length: -5\r\n", b"Content-Length: +5\r\n", b"Content-Length: 0x5\r\n", b"Content-Length:\r\n"),
        *(b"Content-Length: 5 5\r\n", b"Content-Length: 5\r\n 5\r\n", b"Content-Length: 5\x015\r\n"),
        *(b"Content-Length: 5.0\r\n", b"Content-Length: \xb2\r\n", b"Content-Length: 5\r5\r\n"),
        b"Content-Length: 9999999999999999999\r\n",
        *(b"Content-Length : 5\r\n", b"content-length\t:5\r\n", b"A: b\r\nTransfer-Encoding : chunked\r\n"),
    ],
)
def test_framing_is_strict(lines: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(lines)
    assert caught.value.reason is Reason.PROTOCOL_ERROR


@pytest.mark.parametrize("line", [b"A: b\r\n", b"A\n", b"A: b\r\n c\r\n"])
def test_lines_are_limited(line: bytes) -> None:
    many = 10 // line.count(b"\n")
    read(line * many, most=10)
    with pytest.raises(UpstreamError) as caught:
        read(line * (many + 1), most=10)
    assert caught.value.reason is Reason.HEADERS_TOO_LARGE


@pytest.mark.parametrize(
    ("block", "end"),
    [(b"A\r\n\r\n", 5), (b"A\n\n", 3), (b"A\n\r\n", 4), (b"A\r\n\n", 4), (b"A\r\n\r\r\n", None), (b"A\r\r\n", None)],
)
def test_a_head_ends_with_an_empty_line(block: bytes, end: int | None) -> None:
    found = HEAD_END.search(block)
    assert (found and found.end()) == end
