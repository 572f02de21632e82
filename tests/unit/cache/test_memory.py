"""The level in memory: bounded by bytes, the least used goes first."""

import tracemalloc

from scrap.cache.entry import OVERHEAD, Entry, preview
from scrap.cache.freshness import Freshness
from scrap.cache.memory import Memory
from scrap.errors import Outcome


def entry(size: int) -> Entry:
    return preview(bytes(size), Outcome.OK, Freshness(100), now=0.0)


def weight(key: str, size: int) -> int:
    return len(key) + size + OVERHEAD


def test_an_entry_is_kept_and_counted() -> None:
    memory = Memory(10_000)
    assert memory.get("a") is None
    memory.put("a", entry(10))
    assert memory.get("a") == entry(10)
    assert memory.used == weight("a", 10)


def test_a_new_entry_takes_the_olds_place() -> None:
    memory = Memory(10_000)
    memory.put("a", entry(10))
    memory.put("a", entry(20))
    assert (memory.used, len(memory)) == (weight("a", 20), 1)


def test_the_least_recently_used_goes() -> None:
    memory = Memory(2 * weight("a", 100))
    memory.put("a", entry(100))
    memory.put("b", entry(100))
    memory.get("a")
    memory.put("c", entry(100))
    assert memory.get("b") is None
    assert memory.get("a") is not None
    assert memory.get("c") is not None
    assert len(memory) == 2


def test_one_large_entry_may_cost_many() -> None:
    memory = Memory(10 * weight("a", 100))
    for key in "abcdefghij":
        memory.put(key, entry(100))
    memory.put("k", entry(5 * weight("a", 100) - OVERHEAD - 1))
    assert memory.used == memory.bound
    assert len(memory) == 6


def test_one_larger_than_the_bound_is_not_kept_and_evicts_no_other() -> None:
    memory = Memory(weight("a", 100))
    memory.put("a", entry(100))
    memory.put("b", entry(101))
    assert memory.get("b") is None
    assert memory.get("a") is not None
    memory.put("a", entry(101))  # what it replaces is out of date
    assert memory.get("a") is None
    assert memory.used == 0


def test_the_bound_is_one_of_real_memory() -> None:
    """What is counted is what CPython takes, within a quarter."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        memory = Memory(4_000_000)
        for number in range(10_000):
            body = b"%d" % number + bytes(500)
            url = f"https://{number}.example/"
            memory.put(f"{url} de", preview(body, Outcome.OK, Freshness(9), location=url, now=1e9 + number))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(memory) < 10_000
    assert 0.75 * memory.used < after - before < 1.25 * memory.used
