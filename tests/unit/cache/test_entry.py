"""What is kept, for how long, and how it travels."""

from dataclasses import replace
from hashlib import blake2b

import orjson
import pytest

from scrap.cache import etag
from scrap.cache.entry import Entry, EntryState, decode, encode, failed_or_stale, failure, preview
from scrap.cache.freshness import Freshness, FreshnessPolicy
from scrap.errors import Blocked, InvalidURL, Outcome, Overloaded, Reason, ScrapError, UpstreamError

NOW = 1_800_000_000.0
KEY = "https://example.com/"
POLICY = FreshnessPolicy()


def page(now: float = NOW) -> Entry:
    return preview(b'{"title":"x"}', Outcome.OK, Freshness(100, 50, 500), location="https://example.com/final", now=now)


def failed(error: ScrapError, now: float = NOW) -> Entry:
    return failure(error, policy=POLICY, now=now)


def test_a_preview() -> None:
    entry = page()
    assert entry.reason is None
    assert entry.etag == etag.of(entry.body)
    assert (entry.stored, entry.fresh_until, entry.swr_until, entry.sie_until) == (NOW, NOW + 100, NOW + 150, NOW + 600)


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (-10.0, EntryState.FRESH),
        (0.0, EntryState.FRESH),
        (99.9, EntryState.FRESH),
        (100.0, EntryState.STALE),
        (149.9, EntryState.STALE),
        (150.0, None),
        (599.0, None),
        (1e9, None),
    ],
)
def test_states(after: float, state: EntryState | None) -> None:
    assert page().state(NOW + after) is state


def test_a_failure() -> None:
    entry = failed(UpstreamError(Reason.UPSTREAM_STATUS, status=503, retry_after=90.0))
    assert (entry.outcome, entry.reason) == (Outcome.UPSTREAM_ERROR, Reason.UPSTREAM_STATUS)
    assert (entry.upstream_status, entry.retry_after, entry.body) == (503, 90.0, b"")
    assert entry.state(NOW + 89) is EntryState.FRESH
    assert entry.state(NOW + 91) is None
    assert entry.swr_until == entry.sie_until == NOW + 90


@pytest.mark.parametrize("status", [100, 404, 999])
def test_a_failure_with_any_status_that_is_read_is_shared(status: int) -> None:
    entry = failed(UpstreamError(Reason.UPSTREAM_STATUS, status=status))
    assert decode(KEY, encode(KEY, entry)) == entry


def test_a_clients_fault_is_of_no_use_later() -> None:
    entry = failed(InvalidURL(Reason.URL_SCHEME))
    assert entry.swr_until == entry.sie_until == NOW
    assert entry.state(NOW) is None


def test_a_stale_preview_stands_in_and_is_held_as_long_as_the_failure_would_be_kept() -> None:
    later = NOW + 200
    answer = failed_or_stale(failed(UpstreamError(Reason.CONNECT_FAILED), later), page(), later)
    assert answer == replace(page(), held_until=later + POLICY.negative)
    assert answer.state(later) is EntryState.HELD
    assert answer.state(later + POLICY.negative) is None


def test_a_held_preview_is_not_refreshed_although_it_could_be() -> None:
    later = NOW + 110
    answer = failed_or_stale(failed(UpstreamError(Reason.CONNECT_FAILED), later), page(), later)
    assert answer.state(later + 1) is EntryState.HELD
    assert answer.state(later + POLICY.negative) is EntryState.STALE


def test_holding_never_lengthens_a_life() -> None:
    later = NOW + 599
    answer = failed_or_stale(failed(UpstreamError(Reason.CONNECT_FAILED), later), page(), later)
    assert answer.held_until == page().sie_until
    assert answer.sie_until == page().sie_until


def test_a_shed_call_is_answered_stale_and_holds_nothing() -> None:
    later = NOW + 200
    answer = failed_or_stale(failed(Overloaded(Reason.FULL), later), page(), later)
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
    assert failed_or_stale(answer, page(), NOW + after) is answer


def test_a_failure_does_not_stand_in_for_a_failure() -> None:
    first, second = failed(UpstreamError(Reason.DNS_FAILED)), failed(UpstreamError(Reason.TLS_FAILED))
    assert failed_or_stale(second, first, NOW) is second
    assert failed_or_stale(second, None, NOW) is second


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


def sealed(payload: bytes, person: bytes = b"scrap entry 3") -> bytes:
    return blake2b(payload + KEY.encode(), digest_size=16, person=person).digest() + payload


def head(*values: object) -> bytes:
    return orjson.dumps(values) + b"\n"


def test_another_version_is_none() -> None:
    payload = encode(KEY, page())[16:]
    assert decode(KEY, sealed(payload)) == page()
    assert decode(KEY, sealed(payload, b"scrap entry 2")) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\n",
        b"\xff\n{}",
        b"1\n{}",
        head(),
        head(1, 2, 3),
        head(*range(9)),
        b"{}\n{}",
        b"[" * 5000,
    ],
)
def test_a_sealed_payload_that_means_nothing_to_us_is_none(payload: bytes) -> None:
    assert decode(KEY, sealed(payload)) is None


BODY = b'{"title":"x"}'
PREVIEW: dict[str, object] = {
    "reason": None,
    "upstream_status": None,
    "retry_after": None,
    "location": "https://example.com/final",
    "stored": NOW,
    "fresh_until": NOW + 100,
    "swr_until": NOW + 150,
    "sie_until": NOW + 600,
    "held_until": 0.0,
}
FAILURE: dict[str, object] = PREVIEW | {
    "reason": "upstream_status",
    "upstream_status": 503,
    "retry_after": 90.0,
    "location": "",
    "fresh_until": NOW + 90,
    "swr_until": NOW + 90,
    "sie_until": NOW + 90,
}
# What stands in for a number in JSON: NaN and the infinities are no JSON, and orjson reads none.
NO_NUMBERS: tuple[object, ...] = (None, True, "1", [], {}, "x")
NO_TIMES: tuple[object, ...] = (*NO_NUMBERS, -1, -1e300, 1e300, 2e11, 10**18)
TIMES = ("stored", "fresh_until", "swr_until", "sie_until", "held_until")


def each(name: str, *values: object) -> list[dict[str, object]]:
    return [{name: value} for value in values]


def forged(values: dict[str, object], body: bytes) -> bytes:
    return sealed(head(*values.values()) + body)


def test_an_entry_that_is_forged_well_is_one() -> None:
    assert decode(KEY, forged(PREVIEW, BODY)) == page()
    assert decode(KEY, forged(FAILURE, b"")) == failed(
        UpstreamError(Reason.UPSTREAM_STATUS, status=503, retry_after=90.0)
    )
    empty = decode(KEY, forged(PREVIEW, b"{}"))
    assert empty
    assert (empty.outcome, empty.etag) == (Outcome.NO_OPEN_GRAPH, etag.of(b"{}"))


@pytest.mark.parametrize(
    "change",
    [
        *each("reason", "upstream_status", "of a newer release", "", [], {}, 1),
        *each("location", None, 1, [], "/final", "ftp://a/", "https://a/ b", "https://a/\r\nB: c", "http://\u00e4/"),
        *each("location", "https://example.com/" + "a" * 2048),
        *each("upstream_status", True, "200", [], 99, 200, 999, 1000, -1, 10**18, 1e300),
        *each("retry_after", 0, 1, 9.5, "x", -1),
        *(change for name in TIMES for change in each(name, *NO_TIMES)),
        {"fresh_until": NOW - 1},
        {"swr_until": NOW + 99},
        {"sie_until": NOW + 99},
        {"held_until": NOW + 601},
        {"sie_until": NOW + 2**33},
    ],
)  # fmt: skip
def test_a_forged_preview_is_none(change: dict[str, object]) -> None:
    assert decode(KEY, forged(PREVIEW | change, BODY)) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"1", b'"x"', b'{"title":', b"\xff", b'{"a":\xff}'])
def test_a_body_that_is_no_open_graph_is_none(body: bytes) -> None:
    assert decode(KEY, forged(PREVIEW, body)) is None


@pytest.mark.parametrize(
    "change",
    [
        *each("reason", None, "timeout_total", "blocked_name", "full", "internal"),
        *({"reason": reason, "upstream_status": None, "retry_after": None} for reason in ("full", "internal")),
        {"reason": "url_missing", "upstream_status": None, "retry_after": None},
        *each("upstream_status", True, "503", 99, 1000, 10**18),
        *each("location", "https://example.com/", None, 1),
        *each("retry_after", True, "1", [], -1, 2**33, 1e300),
        {"swr_until": NOW + 100},
        {"sie_until": NOW + 100},
        {"held_until": NOW + 10},
    ],
)
def test_a_forged_failure_is_none(change: dict[str, object]) -> None:
    assert decode(KEY, forged(FAILURE | change, b"")) is None


def test_a_failure_with_a_body_is_none() -> None:
    assert decode(KEY, forged(FAILURE, b"{}")) is None
