"""What is kept, for how long, and how it travels."""

import struct
from dataclasses import replace
from hashlib import blake2b

import orjson
import pytest

from scrap.cache import etag
from scrap.cache.entry import Entry, State, decode, encode, failure, preview, settle
from scrap.cache.freshness import Freshness, Policy
from scrap.errors import Blocked, InvalidURL, Outcome, Overloaded, Reason, ScrapError, UpstreamError

NOW = 1_800_000_000.0
KEY = "https://example.com/"
POLICY = Policy()


def page(now: float = NOW) -> Entry:
    return preview(b'{"title":"x"}', Outcome.OK, Freshness(100, 50, 500), now=now, upstream_status=200)


def failed(error: ScrapError, now: float = NOW) -> Entry:
    return failure(error, policy=POLICY, now=now)


def test_a_preview() -> None:
    entry = page()
    assert entry.reason is None
    assert entry.etag == etag.of(entry.body)
    assert (entry.stored, entry.fresh_until, entry.swr_until, entry.sie_until) == (NOW, NOW + 100, NOW + 150, NOW + 600)
    assert entry.useful_until == NOW + 600


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (-10.0, State.FRESH),
        (0.0, State.FRESH),
        (99.9, State.FRESH),
        (100.0, State.STALE),
        (149.9, State.STALE),
        (150.0, None),
        (599.0, None),
        (1e9, None),
    ],
)
def test_states(after: float, state: State | None) -> None:
    assert page().state(NOW + after) is state


def test_a_failure() -> None:
    entry = failed(UpstreamError(Reason.UPSTREAM_STATUS, status=503, retry_after=90.0))
    assert (entry.outcome, entry.reason) == (Outcome.UPSTREAM_ERROR, Reason.UPSTREAM_STATUS)
    assert (entry.upstream_status, entry.retry_after, entry.body) == (503, 90.0, b"")
    assert entry.state(NOW + 89) is State.FRESH
    assert entry.state(NOW + 91) is None
    assert entry.useful_until == NOW + 90


def test_a_callers_fault_is_of_no_use_later() -> None:
    entry = failed(InvalidURL(Reason.URL_SCHEME))
    assert entry.useful_until == NOW
    assert entry.state(NOW) is None


def test_a_stale_preview_stands_in_and_is_held_as_long_as_the_failure_would_be_kept() -> None:
    later = NOW + 200
    answer = settle(failed(UpstreamError(Reason.CONNECT_FAILED), later), page(), later)
    assert answer == replace(page(), held_until=later + POLICY.negative)
    assert answer.state(later) is State.HELD
    assert answer.state(later + POLICY.negative) is None


def test_a_held_preview_is_not_refreshed_although_it_could_be() -> None:
    later = NOW + 110
    answer = settle(failed(UpstreamError(Reason.CONNECT_FAILED), later), page(), later)
    assert answer.state(later + 1) is State.HELD
    assert answer.state(later + POLICY.negative) is State.STALE


def test_holding_never_lengthens_a_life() -> None:
    later = NOW + 599
    answer = settle(failed(UpstreamError(Reason.CONNECT_FAILED), later), page(), later)
    assert answer.held_until == page().sie_until
    assert answer.useful_until == page().useful_until


def test_a_shed_call_is_answered_stale_and_holds_nothing() -> None:
    later = NOW + 200
    answer = settle(failed(Overloaded(), later), page(), later)
    assert answer.body == page().body
    assert answer.state(later) is None


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (UpstreamError(Reason.CONNECT_FAILED), 600.0),  # the window is over
        (UpstreamError(Reason.UPSTREAM_STATUS, status=404), 200.0),
        (Blocked(Reason.BLOCKED_ADDRESS), 200.0),
    ],
)
def test_a_stale_preview_does_not_stand_in(error: ScrapError, after: float) -> None:
    answer = failed(error, NOW + after)
    assert settle(answer, page(), NOW + after) is answer


def test_a_failure_does_not_stand_in_for_a_failure() -> None:
    first, second = failed(UpstreamError(Reason.DNS_FAILED)), failed(UpstreamError(Reason.TLS_FAILED))
    assert settle(second, first, NOW) is second
    assert settle(second, None, NOW) is second


def test_travels() -> None:
    for entry in (page(), failed(UpstreamError(Reason.UPSTREAM_STATUS, status=429, retry_after=9.5))):
        assert decode(KEY, encode(KEY, entry)) == entry


def test_an_entry_under_another_key_is_none() -> None:
    assert decode("https://example.org/", encode(KEY, page())) is None


def test_every_cut_and_every_flipped_byte_is_none() -> None:
    data = encode(KEY, page())
    for end in range(len(data)):
        assert decode(KEY, data[:end]) is None
    for at in range(len(data)):
        assert decode(KEY, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is None
    assert decode(KEY, data + b"x") is None


def sealed(payload: bytes, person: bytes = b"scrap entry 1") -> bytes:
    return blake2b(payload + KEY.encode(), digest_size=16, person=person).digest() + payload


def head(*values: object) -> bytes:
    written = orjson.dumps(values)
    return struct.pack(">I", len(written)) + written


def test_another_version_is_none() -> None:
    payload = encode(KEY, page())[16:]
    assert decode(KEY, sealed(payload)) == page()
    assert decode(KEY, sealed(payload, b"scrap entry 2")) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0\0",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff[]",
        head(),
        head(1, 2, 3),
        head("ok", None, "", None, None, 1, 2, 3, 4, "x"),
        head("ok", None, "", None, None, 1, 2, 3, 4),
        head("ok", None, "", None, None, 1, 2, 3, 4, None),
        head("of a newer release", None, "", None, None, 1, 2, 3, 4, 5),
        head("upstream_error", "of a newer release", "", None, None, 1, 2, 3, 4, 5),
        head("ok", [], "", None, None, 1, 2, 3, 4, 5),
        head("ok", None, "", "x", None, 1, 2, 3, 4, 5),
        head("ok", None, "", None, {}, 1, 2, 3, 4, 5),
    ],
)
def test_a_sealed_entry_that_means_nothing_to_us_is_none(payload: bytes) -> None:
    assert decode(KEY, sealed(payload)) is None
