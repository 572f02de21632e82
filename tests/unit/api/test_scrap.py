"""The url parameter, and the timings' header."""

import pytest

from scrap.api.problem import server_timing
from scrap.api.scrap import read_query
from scrap.errors import InvalidURL, Outcome, Reason
from scrap.events import RequestEnded, Timings


@pytest.mark.parametrize(
    ("query", "href"),
    [
        (b"url=http%3A%2F%2Fexample.com%2F", "http://example.com/"),
        (b"url=http://example.com/", "http://example.com/"),
        (b"url=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2%23top", "https://example.com/?a=1&b=2"),
        (b"url=https://example.com/?q=a+b", "https://example.com/?q=a+b"),
        (b"url=https%3A%2F%2Fexample.com%2F%25E4", "https://example.com/%E4"),
        (b"url=https%3A%2F%2Fexample.com%2F%E4", "https://example.com/%E4"),
        (b"url=%20https%3A%2F%2Fexample.com%2F%0A", "https://example.com/"),
        (b"url=https%3A%2F%2Fb%C3%BCcher.example%2F%C3%A4", "https://xn--bcher-kva.example/%C3%A4"),
        (b"&url=http%3A%2F%2Fexample.com", "http://example.com/"),
    ],
)
def test_url_is_decoded_once(query: bytes, href: str) -> None:
    assert read_query(query).href == href


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"", Reason.URL_MISSING),
        (b"url", Reason.URL_MISSING),
        (b"url=", Reason.URL_MISSING),
        (b"url=http://a.example/&url=http://b.example/", Reason.URL_REPEATED),
        (b"url=https://example.com/?a=1&b=2", Reason.QUERY_UNKNOWN),
        (b"uri=https://example.com/", Reason.QUERY_UNKNOWN),
        (b"url=%ff%fe", Reason.URL_MALFORMED),
        (b"url=example.com", Reason.URL_MALFORMED),
        (b"url=" + b"http://example.com/" + b"a" * 2048, Reason.URL_TOO_LONG),
        (b"url=gopher://example.com/", Reason.URL_SCHEME),
        (b"url=http://user:secret@example.com/", Reason.URL_CREDENTIALS),
    ],
)
def test_bad_query_has_its_reason(query: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidURL) as caught:
        read_query(query)
    assert caught.value.reason is reason


def test_server_timing_is_in_milliseconds() -> None:
    timings = Timings(dns=0.001, connect=0.02, first_byte=0.1, body=0.05, parse=0.0004)
    fetched = RequestEnded("r-1", "GET", "/", 200, Outcome.OK, 0.2, cache="miss", timings=timings)
    assert server_timing(fetched) == b"dns;dur=1.0, connect;dur=20.0, fetch;dur=150.0, parse;dur=0.4"
    joined = RequestEnded("r-2", "GET", "/", 200, Outcome.OK, 0.2, cache="joined", timings=timings)
    assert server_timing(joined) == b"dns;dur=0.0, connect;dur=0.0, fetch;dur=0.0, parse;dur=0.0"
