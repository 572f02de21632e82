"""The most frequent keys in bounded memory, against exact counts."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scrap.clients.space_saving import SpaceSaving

# Few keys that come often among many that do not: a pruning is worth nothing where all are alike.
KEYS = st.one_of(st.sampled_from("ABC"), st.integers(0, 40).map(str), st.integers(0, 10_000).map(str))


def counted(keys: list[str], k: int) -> SpaceSaving:
    summary = SpaceSaving(k)
    for key in keys:
        summary.count(key)
        assert len(summary.counters) <= 2 * k
    return summary


@given(st.lists(KEYS, max_size=400), st.integers(1, 20))
def test_what_is_frequent_has_a_counter(keys: list[str], k: int) -> None:
    """A key with more than N/k of N requests has one; no counter is further off than it says."""
    summary, exact = counted(keys, k), Counter(keys)
    assert summary.total == len(keys)
    assert summary.missed * k <= len(keys)
    assert {key for key, count in exact.items() if count * k > len(keys)} <= summary.counters.keys()
    for key, count in exact.items():
        if counter := summary.counters.get(key):
            assert counter.requests <= count <= counter.upper_bound
            assert counter.upper_bound - counter.requests <= summary.missed
        else:
            assert count <= summary.missed


@given(st.lists(KEYS, max_size=400))
def test_few_keys_are_counted_exactly(keys: list[str]) -> None:
    summary = counted(keys, 200)
    assert summary.missed == 0
    assert {key: counter.requests for key, counter in summary.counters.items()} == Counter(keys)


def test_a_flood_of_keys_hides_no_frequent_one() -> None:
    """A tenth of the requests is of one client, each other of a client of its own."""
    summary = counted([("A" if number % 10 == 0 else str(number)) for number in range(100_000)], 128)
    assert summary.counters["A"].requests == 10_000
    assert 0 < summary.missed <= 100_000 / 128
