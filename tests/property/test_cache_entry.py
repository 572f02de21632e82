"""What is written can be read; what was not written by us is nothing."""

import re
from dataclasses import replace
from hashlib import blake2b

import orjson
from hypothesis import given
from hypothesis import strategies as st

from scrap.cache import entry, etag
from scrap.cache.entry import Entry, EntryState, decode, encode
from scrap.cache.freshness import Freshness, FreshnessPolicy
from scrap.errors import Outcome, Reason, ScrapError, UpstreamError

ages = st.floats(0, 1e9)
times = st.floats(0, 5e10)
failures = [reason for reason in Reason if reason.outcome in {Outcome.BLOCKED, Outcome.UPSTREAM_ERROR, Outcome.TIMEOUT}]
statuses = st.none() | st.integers(100, 599)


@st.composite
def previews(draw: st.DrawFn) -> Entry:
    """Previews as they are made, some standing in for a failure."""
    graph = draw(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
    outcome = Outcome.OK if graph else Outcome.NO_OPEN_GRAPH
    freshness = Freshness(draw(ages), draw(ages), draw(ages))
    location = draw(st.just("") | st.from_regex(r"https?://[!-~]{1,30}", fullmatch=True))
    made = entry.preview(orjson.dumps(graph), outcome, freshness, location=location, now=draw(times))
    return replace(made, held_until=draw(st.just(0.0) | st.floats(0, made.sie_until)))


@st.composite
def kept_failures(draw: st.DrawFn) -> Entry:
    """Failures as they are made, of those that are kept."""
    reason = draw(st.sampled_from(failures))
    error = ScrapError(reason)
    if reason.outcome is Outcome.UPSTREAM_ERROR:
        error = UpstreamError(reason, status=draw(statuses), retry_after=draw(st.none() | ages))
    return entry.failure(error, policy=FreshnessPolicy(), now=draw(times))


entries = previews() | kept_failures()


@given(entries, st.text(max_size=50))
def test_what_is_written_can_be_read(written: Entry, key: str) -> None:
    assert decode(key, encode(key, written)) == written


# What a stranger might write where an entry has one of its words, and what he might write there if he knows it.
rubbish: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.just([]) | st.just({})
)
heads = st.tuples(
    st.none() | st.sampled_from([*Reason]) | rubbish,
    statuses | rubbish,
    st.none() | ages | rubbish,
    st.sampled_from(["", "https://example.com/", "https://example.com/\r\nSet-Cookie: a=b"]) | rubbish,
    times | rubbish,
    times | rubbish,
    times | rubbish,
    times | rubbish,
    st.just(0) | times | rubbish,
)
bodies = st.sampled_from([b"", b"{}", b'{"title":"x"}', b"[]", b"null", b'{"a":1']) | st.binary(max_size=20)


@given(heads, st.none() | bodies, entries, st.sets(st.integers(0, 8)), ages)
def test_a_forged_entry_is_nothing_or_clean(
    head: tuple[object, ...], body: bytes | None, real: Entry, forged: set[int], later: float
) -> None:
    words: list[object] = orjson.loads(encode("key", real)[16:].removesuffix(real.body))
    for index in forged:
        words[index] = head[index]
    written = orjson.dumps(words, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str)
    payload = written + b"\n" + (real.body if body is None else body)
    seal = blake2b(payload + b"key", digest_size=16, person=b"scrap entry 3").digest()
    read = decode("key", seal + payload)
    if read is None:
        return
    now = read.stored + later
    for name, value in read.headers:
        assert re.fullmatch(rb"[a-z-]+", name)
        assert re.fullmatch(rb"[\x21-\x7e ]*", value)
    assert 0 <= read.age(now) <= 1e11
    assert 1 <= (read.retry_after_at(now) or 1) <= 2**32
    assert read.state(now) in {*EntryState, None}
    if read.reason is None:
        assert isinstance(orjson.loads(read.body), dict)
        assert read.etag == etag.of(read.body)
        assert read.outcome.fault is None
    else:
        assert read.outcome is read.reason.outcome
        assert read.outcome.status in {403, 502, 504}
    assert read.upstream_status is None or 100 <= read.upstream_status <= 599


@given(st.binary(max_size=300))
def test_bytes_of_strangers_are_nothing(data: bytes) -> None:
    assert decode("key", data) is None


@given(entries, st.data())
def test_damage_is_nothing(whole: Entry, data: st.DataObject) -> None:
    written = bytearray(encode("key", whole))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    assert decode("key", bytes(written)) is None


@given(st.text(max_size=60), st.binary(max_size=10))
def test_a_tag_is_found_in_any_list_and_rubbish_is_none(text: str, body: bytes) -> None:
    tag = etag.of(body)
    assert etag.matches(f'"x",{tag}', tag)
    assert etag.matches(text, tag) is (text.strip() == "*")
