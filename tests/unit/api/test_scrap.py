"""The header of timings."""

from dataclasses import replace

from scrap.api.problem import server_timing
from scrap.errors import Outcome
from scrap.events import FetchEnded, RequestEnded, Timings


def test_server_timing_is_in_milliseconds() -> None:
    fetch = FetchEnded(Timings(dns=0.001, connect=0.02, first_byte=0.1, body=0.05, parse=0.0004))
    fetched = RequestEnded("r-1", "GET", "/", 200, Outcome.OK, 0.2, cache="miss", fetch=fetch)
    assert server_timing(fetched) == b"dns;dur=1.0, connect;dur=20.0, fetch;dur=150.0, parse;dur=0.4"
    joined = RequestEnded("r-2", "GET", "/", 200, Outcome.OK, 0.2, cache="joined", fetch=fetch)
    assert server_timing(joined) == b"dns;dur=0.0, connect;dur=0.0, fetch;dur=0.0, parse;dur=0.0"


def test_server_timing_has_the_shared_cache_where_it_was_asked() -> None:
    found = RequestEnded(
        "r-1", "GET", "/", 200, Outcome.OK, 0.2, cache="fresh", fetch=FetchEnded(Timings(shared_cache=0.0012))
    )
    assert server_timing(found).endswith(b"parse;dur=0.0, shared_cache;dur=1.2")
    fetched = replace(found, cache="miss", fetch=FetchEnded(Timings(dns=0.001, shared_cache=0.18)))
    assert server_timing(fetched) == (
        b"dns;dur=1.0, connect;dur=0.0, fetch;dur=0.0, parse;dur=0.0, shared_cache;dur=180.0"
    )
