"""How long the preview of a page is fresh: RFC 9111 for a shared cache whose requests are alike and anonymous.

docs/caching.md describes what that means for `private` and `Vary`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

from scrap import http_date
from scrap.errors import Outcome, Reason

Fields = Mapping[bytes, Sequence[bytes]]  # header fields by name, in lower case: the values in order

_MAX_DATE = 64  # bytes; what is read is remembered
_MAX_DIRECTIVES = 4096  # bytes of Cache-Control that are read: each may be a directive, of 0.5 µs
_LONGEST = 2**31  # seconds: what a delta-seconds too large to hold means (RFC 9111, section 1.2.2)

# A directive: a token, and perhaps a token or a quoted string (RFC 9111, section 5.2). What is neither is skipped.
_DIRECTIVE = re.compile(r"""([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:=(?:"((?>(?:[^"\\]|\\.)*))"|([^\s,;"]*)))?""")


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """How long responses are kept, in seconds; raises ValueError where one is negative, not finite, or out of order."""

    # A preview is fresh at least so long, no-store included: a busy link costs its site one fetch a minute. 0 obeys
    # every page, and then a page with no-store is fetched for each request.
    minimum: float = 60.0
    # For a page without a lifetime. Longer: fewer fetches; edits to a page are seen later.
    default: float = 600.0
    # A preview is fresh at most so long.
    maximum: float = 86_400.0
    # A failure (404, no DNS, a timeout, …) is the response for so long, without another fetch; a page that ended early
    # is fresh for so long at most.
    negative: float = 30.0
    # A target that the guard blocked. Short: DNS may be repaired; not 0, or each request costs a look-up.
    blocked: float = 10.0
    # A stale preview is the response for so long while its page is fetched again (RFC 5861, section 3). 0: clients wait
    # for the fetch. A page's own stale-while-revalidate may shorten this, never lengthen it.
    stale_while_revalidate: float = 600.0
    # A stale preview stands in for so long when its page cannot be fetched (RFC 5861, section 4). A page's own
    # stale-if-error may shorten this, never lengthen it.
    stale_if_error: float = 86_400.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0 <= value <= _LONGEST:
                raise ValueError(f"{each.name} must be from 0 to {_LONGEST} seconds, not {value}")
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) is above maximum ({self.maximum})")


class Freshness(NamedTuple):
    """What a preview may be used for, in seconds."""

    lifetime: float  # it is fresh for so long
    stale_while_revalidate: float = 0.0  # after that, while its page is fetched again
    stale_if_error: float = 0.0  # after that lifetime, where its page cannot be fetched


def of_page(fields: Fields, *, now: float, delay: float = 0.0, policy: FreshnessPolicy) -> Freshness:
    """Decides how long the preview of a page may be used (RFC 9111, sections 4.2 and 5.2; RFC 5861).

    Its header fields came at `now`, in seconds since the epoch, `delay` seconds after the request.
    """
    directives = directives_of(b", ".join(fields.get(b"cache-control", ()))[:_MAX_DIRECTIVES])
    # Not to be kept, or not to be shown unasked (sections 5.2.2.3, .4 and .7); `private="Set-Cookie"` and
    # `no-cache="…"` are of single fields, none of which a preview holds.
    not_kept = "no-store" in directives and "must-understand" not in directives
    if not_kept or directives.get("no-cache", "") is None or directives.get("private", "") is None:
        return Freshness(policy.minimum)
    generated = _date(fields[b"date"][0][:_MAX_DATE]) if b"date" in fields else None
    promised = _promised(directives, fields, now if generated is None else generated)
    lifetime = policy.default if promised is None else promised - _age(fields, generated, now, delay)
    lifetime = min(max(policy.minimum, lifetime), policy.maximum)
    return Freshness(
        lifetime,
        _window(directives, "stale-while-revalidate", policy.stale_while_revalidate),
        _window(directives, "stale-if-error", policy.stale_if_error),
    )


def of_failure(reason: Reason, *, retry_after: float | None = None, policy: FreshnessPolicy) -> float:
    """Decides for how many seconds a failure is kept; 0.0 where the fault is the client's or the service's."""
    outcome = reason.outcome
    if outcome is Outcome.BLOCKED:
        return policy.blocked
    if outcome not in {Outcome.UPSTREAM_ERROR, Outcome.TIMEOUT}:
        return 0.0
    return policy.negative if retry_after is None else max(1.0, retry_after)


def passing(reason: Reason, status: int | None) -> bool:
    """Whether a failure has nothing to do with the page itself, so that a stale preview may stand in for it.

    RFC 5861, section 4, names 500, 502, 503 and 504; a page that cannot be reached is the same case (RFC 9111, section
    4.2.4), and 408 and 429 ask for a later try. A 404 is the page's own; what is blocked must not be shown.
    """
    if reason.outcome is Outcome.UPSTREAM_ERROR:
        return status is None or status >= 500 or status in {408, 429}
    return reason.outcome in {Outcome.TIMEOUT, Outcome.SHED}


def directives_of(cache_control: bytes) -> dict[str, str | None]:
    """The directives of Cache-Control; of a repeated one the first counts (RFC 9111, section 4.2.1)."""
    directives: dict[str, str | None] = {}
    for match in _DIRECTIVE.finditer(cache_control.decode("latin-1")):
        name, quoted, token = match.groups()
        directives.setdefault(name.lower(), quoted if quoted is not None else token)
    return directives


def _promised(directives: Mapping[str, str | None], fields: Fields, generated: float) -> float | None:
    """The lifetime that the page states, in seconds, or None; what cannot be read is 0 (RFC 9111, section 4.2.1)."""
    for name in ("s-maxage", "max-age"):
        if name in directives:
            return _seconds(directives[name]) or 0
    if b"expires" not in fields:
        return None
    expires = _date(fields[b"expires"][0][:_MAX_DATE])
    return 0.0 if expires is None else max(0.0, expires - generated)


def _age(fields: Fields, generated: float | None, now: float, delay: float) -> float:
    """How old the response was when it came, in seconds (RFC 9111, section 4.2.3)."""
    stated = _seconds(fields[b"age"][0].decode("latin-1").partition(",")[0].strip()) if b"age" in fields else None
    apparent = 0.0 if generated is None else max(0.0, now - generated)
    return max(apparent, (stated or 0) + max(0.0, delay))


def _window(directives: Mapping[str, str | None], name: str, allowed: float) -> float:
    """A window of staleness: what is allowed, or less where the page states it.

    must-revalidate and proxy-revalidate forbid it; s-maxage forbids it to a shared cache unless the page itself states
    the window, as many do (RFC 9111, sections 4.2.4, 5.2.2.2, .8 and .10).
    """
    if "must-revalidate" in directives or "proxy-revalidate" in directives:
        return 0.0
    if name in directives:
        return min(allowed, _seconds(directives[name]) or 0)
    return 0.0 if "s-maxage" in directives else allowed


def _seconds(text: str | None) -> int | None:
    """Reads a delta-seconds (RFC 9111, section 1.2.2); None where it is none."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    return min(int(text.lstrip("0")[:11] or 0), _LONGEST)  # more digits say no more


@lru_cache(1024)  # Date is the same text for all pages of a second, and takes 25 µs to read
def _date(text: bytes) -> float | None:
    return http_date.parse(text.decode("latin-1"))
