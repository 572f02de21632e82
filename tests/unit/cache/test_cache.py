"""The two levels as one; the shared level's own tests are integration tests, for it is a server."""

import subprocess
import sys

import pytest

from scrap.cache import Cache, CacheLimits, Hit, SharedSettings
from scrap.cache.entry import OVERHEAD, Entry, EntryState, failure, preview
from scrap.cache.freshness import Freshness, FreshnessPolicy
from scrap.errors import InvalidURL, Outcome, Overloaded, Reason, UpstreamError
from scrap.events import Event, ignore
from tests.clock import Clock

KEY = "https://example.com/"


class Kit:
    """A cache without a shared level, its clock and its events."""

    def __init__(self) -> None:
        self.clock = Clock(1_800_000_000.0)
        self.events: list[Event] = []
        self.cache = Cache(CacheLimits(memory=10_000), SharedSettings(), emit=self.events.append, clock=self.clock)

    def page(self, body: bytes = b"{}") -> Entry:
        return preview(body, Outcome.OK, Freshness(100, 50, 500), now=self.clock.now)

    def failed(self, error: UpstreamError | InvalidURL | Overloaded) -> Entry:
        return failure(error, policy=FreshnessPolicy(negative=30), now=self.clock.now)


@pytest.fixture
def kit() -> Kit:
    return Kit()


def test_the_memory_says_what_may_be_done(kit: Kit) -> None:
    assert kit.cache.from_memory(KEY) is None
    entry = kit.page()
    kit.cache.put(KEY, entry)
    assert kit.cache.from_memory(KEY) == Hit(entry, EntryState.FRESH)
    kit.clock.now += 100
    assert kit.cache.from_memory(KEY) == Hit(entry, EntryState.STALE)
    kit.clock.now += 50
    assert kit.cache.from_memory(KEY) is None
    assert [kit.cache.lookups["memory", state] for state in ("miss", "fresh", "stale")] == [2, 1, 1]


def test_a_failure_is_answered_until_it_is_over(kit: Kit) -> None:
    entry = kit.failed(UpstreamError(Reason.DNS_FAILED))
    assert kit.cache.fail(KEY, entry) is entry
    assert kit.cache.from_memory(KEY) == Hit(entry, EntryState.FRESH)
    kit.clock.now += 30
    assert kit.cache.from_memory(KEY) is None


def test_a_stale_preview_stands_in_and_its_page_is_left_alone_for_the_moment(kit: Kit) -> None:
    kit.cache.put(KEY, kit.page(b"old"))
    kit.clock.now += 200
    assert kit.cache.from_memory(KEY) is None
    answer = kit.cache.fail(KEY, kit.failed(UpstreamError(Reason.CONNECT_FAILED)))
    assert answer.body == b"old"
    assert kit.cache.from_memory(KEY) == Hit(answer, EntryState.HELD)
    kit.clock.now += 30
    assert kit.cache.from_memory(KEY) is None
    assert [kit.cache.lookups["memory", state] for state in ("miss", "fresh", "stale")] == [2, 0, 1]


def test_a_page_that_is_gone_is_gone(kit: Kit) -> None:
    kit.cache.put(KEY, kit.page())
    kit.clock.now += 200
    answer = kit.cache.fail(KEY, kit.failed(UpstreamError(Reason.UPSTREAM_STATUS, status=410)))
    assert answer.reason is Reason.UPSTREAM_STATUS
    assert kit.cache.from_memory(KEY) == Hit(answer, EntryState.FRESH)


@pytest.mark.parametrize("error", [InvalidURL(Reason.URL_SCHEME), Overloaded(Reason.FULL)])
def test_what_is_not_the_pages_fault_leaves_no_trace(kit: Kit, error: InvalidURL | Overloaded) -> None:
    kit.cache.fail(KEY, kit.failed(error))
    assert len(kit.cache.memory) == 0
    kit.cache.put(KEY, kit.page())
    kit.cache.fail(KEY, kit.failed(error))
    assert kit.cache.from_memory(KEY) == Hit(kit.page(), EntryState.FRESH)


def test_a_shed_call_is_answered_stale(kit: Kit) -> None:
    kit.cache.put(KEY, kit.page(b"old"))
    kit.clock.now += 200
    assert kit.cache.fail(KEY, kit.failed(Overloaded(Reason.FULL))).body == b"old"


def test_an_entry_of_no_use_is_not_kept(kit: Kit) -> None:
    kit.cache.put(KEY, preview(b"{}", Outcome.OK, Freshness(0), now=kit.clock.now))
    assert len(kit.cache.memory) == 0


def test_a_page_that_may_not_be_kept_any_more_ends_the_use_of_its_old_preview(kit: Kit) -> None:
    kit.cache.put(KEY, kit.page(b"old"))
    kit.cache.put(KEY, preview(b"new", Outcome.OK, Freshness(0), now=kit.clock.now))
    assert kit.cache.from_memory(KEY) is None
    assert kit.cache.memory.used == 0


def test_its_use_can_be_read(kit: Kit) -> None:
    kit.cache.put(KEY, kit.page())
    used = len(KEY) + 2 + OVERHEAD
    assert (len(kit.cache.memory), kit.cache.memory.used, kit.cache.shared_up) == (1, used, None)


async def test_without_a_shared_level_everything_else_works(kit: Kit) -> None:
    kit.cache.start()
    assert await kit.cache.from_shared(KEY) is None
    await kit.cache.aclose()
    assert kit.events == []


def test_redis_is_imported_only_where_it_is_wanted() -> None:
    code = "import sys, scrap.cache, scrap.cache.flight; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_bad_url_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="scheme"):
        Cache(CacheLimits(), SharedSettings(url="http://localhost/"), emit=ignore)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(SharedSettings(url="redis://:secret@localhost/"))
