"""What is written can be read; what was not written by us is nothing."""

from hypothesis import given
from hypothesis import strategies as st

from scrap.cache import etag
from scrap.cache.entry import Entry, decode, encode
from scrap.errors import Outcome, Reason

times = st.floats(0, 1e11)
entries = st.builds(
    Entry,
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    body=st.binary(max_size=500),
    etag=st.binary(max_size=3).map(etag.of),
    upstream_status=st.none() | st.integers(100, 599),
    retry_after=st.none() | st.floats(0, 1e9),
    stored=times,
    fresh_until=times,
    swr_until=times,
    sie_until=times,
    held_until=times,
)


@given(entries, st.text(max_size=50))
def test_what_is_written_can_be_read(entry: Entry, key: str) -> None:
    assert decode(key, encode(key, entry)) == entry


@given(st.binary(max_size=300))
def test_bytes_of_strangers_are_nothing(data: bytes) -> None:
    assert decode("key", data) is None


@given(entries, st.data())
def test_damage_is_nothing(entry: Entry, data: st.DataObject) -> None:
    written = bytearray(encode("key", entry))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    assert decode("key", bytes(written)) is None


@given(st.text(max_size=60), st.binary(max_size=10))
def test_a_tag_is_found_in_any_list_and_rubbish_is_none(text: str, body: bytes) -> None:
    tag = etag.of(body)
    assert etag.matches(f'"x",{tag}', tag)
    assert etag.matches(text, tag) is (text.strip() == "*")
