"""Freshness in the headers of our own responses (RFC 9111, as an origin)."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrap.cache.entry import Entry


def cache_control(entry: "Entry") -> str:
    """Cache-Control; less `age`, it is what is left (RFC 9111, section 5.2.2; RFC 5861).

    It never changes while an entry lives, a stale one included: its Age has then passed max-age.
    """
    value = f"public, max-age={int(entry.fresh_until - entry.stored)}"
    if entry.swr_until > entry.fresh_until:
        value += f", stale-while-revalidate={int(entry.swr_until - entry.fresh_until)}"
    if entry.sie_until > entry.fresh_until:
        value += f", stale-if-error={int(entry.sie_until - entry.fresh_until)}"
    return value


def age(entry: "Entry", now: float) -> int:
    """Age, in whole seconds since the entry was made (RFC 9111, section 5.1)."""
    return max(0, int(now - entry.stored))


def retry_after(entry: "Entry", now: float) -> int | None:
    """Retry-After of a failure, in whole seconds: what is left of the host's own, where it sent one.

    The failure is kept for that time, too (RFC 9110, section 10.2.3).
    """
    if entry.retry_after is None:
        return None
    return max(1, math.ceil(entry.stored + entry.retry_after - now))
