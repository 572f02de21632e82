"""What our own answer says of its freshness: RFC 9111, seen from the origin's side."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrap.cache.entry import Entry


def cache_control(entry: "Entry") -> str:
    """The Cache-Control of the answer; with `age` it says what is left (RFC 9111, section 5.2.2; RFC 5861).

    It never changes while an entry lives, a stale one included: its Age has then passed max-age, which is the truth.
    """
    fresh = _whole(entry.fresh_until - entry.stored)
    value = f"public, max-age={fresh}"
    if entry.swr_until > entry.fresh_until:
        value += f", stale-while-revalidate={_whole(entry.swr_until - entry.fresh_until)}"
    if entry.sie_until > entry.fresh_until:
        value += f", stale-if-error={_whole(entry.sie_until - entry.fresh_until)}"
    return value


def age(entry: "Entry", now: float) -> int:
    """The Age of the answer, in whole seconds since it was made (RFC 9111, section 5.1)."""
    return _whole(now - entry.stored)


def retry_after(entry: "Entry", now: float) -> int | None:
    """The Retry-After of a failure's answer, in whole seconds: what is left of the host's own, where it gave one.

    It is the time for which we keep the failure, too (RFC 9110, section 10.2.3).
    """
    if entry.retry_after is None:
        return None
    return max(1, math.ceil(entry.stored + entry.retry_after - now))


def _whole(seconds: float) -> int:
    return max(0, int(seconds))
