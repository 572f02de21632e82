"""What our own answers say of their freshness."""

from scrap.cache.entry import Entry, failure, preview
from scrap.cache.freshness import Freshness, FreshnessPolicy
from scrap.errors import Outcome, Reason, UpstreamError

NOW = 1_800_000_000.0


def cache_control(entry: Entry) -> bytes:
    return dict(entry.headers)[b"cache-control"]


def test_cache_control_of_a_preview() -> None:
    entry = preview(b"{}", Outcome.OK, Freshness(100.9, 50, 500), now=NOW)
    assert cache_control(entry) == b"public, max-age=100, stale-while-revalidate=50, stale-if-error=500"
    assert cache_control(preview(b"{}", Outcome.OK, Freshness(60), now=NOW)) == b"public, max-age=60"


def test_age_is_whole_and_never_negative() -> None:
    entry = preview(b"{}", Outcome.OK, Freshness(100), now=NOW)
    assert entry.age(NOW) == 0
    assert entry.age(NOW + 1.9) == 1
    assert entry.age(NOW - 5) == 0  # the other replica's clock is ahead


def test_cache_control_of_a_failure() -> None:
    policy = FreshnessPolicy(negative=30)
    entry = failure(UpstreamError(Reason.DNS_FAILED), policy=policy, now=NOW)
    assert cache_control(entry) == b"public, max-age=30"
    assert entry.retry_after_at(NOW) is None


def test_retry_after_counts_down_to_one() -> None:
    entry = failure(
        UpstreamError(Reason.UPSTREAM_STATUS, status=429, retry_after=90.0), policy=FreshnessPolicy(), now=NOW
    )
    assert entry.retry_after_at(NOW) == 90
    assert entry.retry_after_at(NOW + 30.5) == 60
    assert entry.retry_after_at(NOW + 95) == 1
