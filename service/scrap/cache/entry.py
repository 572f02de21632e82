"""An entry: the bytes of a response, and until when they may be used for what."""

import math
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import orjson

from scrap.cache import etag
from scrap.cache.freshness import Freshness, FreshnessPolicy, of_failure, passing
from scrap.errors import Outcome, Reason, ScrapError, UpstreamError

VERSION = 3  # of the encoding below; a new one is a new name space in the shared level
OVERHEAD = 800  # bytes that an entry costs beside its key and body, measured on CPython 3.11; a test compares

_DIGEST = 16  # bytes before the head
_HEAD = ("reason", "upstream_status", "retry_after", "location")
_TIMES = ("stored", "fresh_until", "swr_until", "sie_until", "held_until")
_PERSON = b"scrap entry %d" % VERSION
_REASONS = {reason.value: reason for reason in Reason}
_KEPT = frozenset({Outcome.BLOCKED, Outcome.UPSTREAM_ERROR, Outcome.TIMEOUT})  # what `freshness.of_failure` keeps
_VARY = (b"vary", b"accept-language")
_LOCATION = re.compile(r"https?://[!-~]+")
_LONGEST_LOCATION = 2048  # characters; a longer header field may be more than a proxy reads
_LATEST = 1e11  # seconds since the epoch: the year 5138
_LONGEST = 2**32  # seconds from `stored` to the last use: more than any window (RFC 9111, section 1.2.2)


class EntryState(StrEnum):
    """What an entry may be used for now."""

    FRESH = "fresh"  # a response
    STALE = "stale"  # a response, and its page is fetched again in the background
    HELD = "held"  # a response; a fetch has just failed, so the page is not fetched for the moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The response to one URL: a preview, or a failure. Times are in seconds since the epoch, for other machines."""

    outcome: Outcome
    reason: Reason | None = None  # why it failed; None for a preview
    body: bytes = b""  # as it is sent; empty for a failure
    etag: str = ""  # the body's strong entity-tag; empty for a failure
    upstream_status: int | None = None  # of the page's response, where there was one
    retry_after: float | None = None  # seconds from `stored` for which the host is not asked again
    stored: float  # when it was made
    fresh_until: float  # before this it is fresh
    swr_until: float  # before this it is a response while its page is fetched again (RFC 5861, section 3)
    sie_until: float  # before this it stands in for a failure (RFC 5861, section 4)
    held_until: float = 0.0  # before this its page is not fetched again, since that has just failed
    location: str = ""  # the URL at which the page was found; empty for a failure, and where it is too long
    # Header fields of every response made of it, made once.
    headers: tuple[tuple[bytes, bytes], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Less Age, it is what is left (RFC 9111, section 5.2.2; RFC 5861). It never changes while an entry lives, a
        # stale one included: its Age has then passed max-age.
        control = f"public, max-age={int(self.fresh_until - self.stored)}"
        if self.swr_until > self.fresh_until:
            control += f", stale-while-revalidate={int(self.swr_until - self.fresh_until)}"
        if self.sie_until > self.fresh_until:
            control += f", stale-if-error={int(self.sie_until - self.fresh_until)}"
        fields = [(b"cache-control", control.encode()), (b"etag", self.etag.encode()), _VARY]
        if self.location:
            fields.append((b"content-location", self.location.encode()))
        object.__setattr__(self, "headers", tuple(fields))

    @property
    def size(self) -> int:
        """Bytes of memory, its key not counted."""
        return len(self.body) + 2 * len(self.location) + OVERHEAD

    def left(self, now: float) -> float:
        """Seconds for which it is of any use; 0 or less where it is of none."""
        return max(self.swr_until, self.sie_until) - now

    def age(self, now: float) -> int:
        """Age, in whole seconds since the entry was made (RFC 9111, section 5.1)."""
        return max(0, int(now - self.stored))

    def retry_after_at(self, now: float) -> int | None:
        """Retry-After, in whole seconds: what is left of the host's own (RFC 9110, section 10.2.3)."""
        return None if self.retry_after is None else max(1, math.ceil(self.stored + self.retry_after - now))

    def state(self, now: float) -> EntryState | None:
        """What it may be used for at `now`; None: at most to stand in for a failure."""
        if now < self.fresh_until:
            return EntryState.FRESH
        if now < self.held_until:
            return EntryState.HELD
        if now < self.swr_until:
            return EntryState.STALE
        return None


def preview(body: bytes, outcome: Outcome, freshness: Freshness, *, location: str = "", now: float) -> Entry:
    """Makes the entry of a preview; `outcome` is OK or NO_OPEN_GRAPH, `location` is where the page was found."""
    fresh_until = now + freshness.lifetime
    return Entry(
        outcome=outcome,
        body=body,
        etag=etag.of(body),
        stored=now,
        fresh_until=fresh_until,
        swr_until=fresh_until + freshness.stale_while_revalidate,
        sie_until=fresh_until + freshness.stale_if_error,
        location=location if len(location) <= _LONGEST_LOCATION else "",
    )


def failure(error: ScrapError, *, policy: FreshnessPolicy, now: float) -> Entry:
    """Makes the entry of a failure; one that is not to be kept (`freshness.of_failure`) is of no use after `now`."""
    status, retry_after = (error.status, error.retry_after) if isinstance(error, UpstreamError) else (None, None)
    until = now + of_failure(error.reason, retry_after=retry_after, policy=policy)
    return Entry(
        outcome=error.reason.outcome,
        reason=error.reason,
        upstream_status=status,
        retry_after=retry_after,
        stored=now,
        fresh_until=until,
        swr_until=until,
        sie_until=until,
    )


def failed_or_stale(failed: Entry, stale: Entry | None, now: float, *, hold: float = 0.0) -> Entry:
    """The response where a page could not be fetched: the failure, or a stale preview that stands in for it.

    The latter is held for as long as the failure would have been kept, and at least for `hold` seconds: one try in that
    time is enough.
    """
    if stale is None or stale.reason is not None or now >= stale.sie_until or failed.reason is None:
        return failed
    if not passing(failed.reason, failed.upstream_status):
        return failed
    return replace(stale, held_until=min(max(failed.fresh_until, now + hold), stale.sie_until))


def encode(key: str, entry: Entry) -> bytes:
    """Writes an entry for the shared level: a digest, a line of JSON, the body. Outcome and etag follow from these."""
    payload = orjson.dumps([getattr(entry, name) for name in (*_HEAD, *_TIMES)]) + b"\n" + entry.body
    return blake2b(payload + key.encode(), digest_size=_DIGEST, person=_PERSON).digest() + payload


def decode(key: str, data: bytes) -> Entry | None:
    """Reads what `encode` wrote for the same key and version; None for anything else.

    The digest is no signature: anybody can compute it, so the entry has to be one that `preview` or `failure` makes.
    """
    head, _, body = data[_DIGEST:].partition(b"\n")
    try:
        entry = _read(body, *orjson.loads(head))
        return entry if encode(key, entry) == data else None
    except (ValueError, TypeError, LookupError):
        return None


def _read(body: bytes, reason: Any, status: Any, retry_after: Any, location: Any, *times: Any) -> Entry:
    """An entry made of those that its kind has; raises ValueError, TypeError or LookupError where they make none."""
    known: dict[str, Any] = {name: _number(time, 0, _LATEST) for name, time in zip(_TIMES, times, strict=True)}
    stored, fresh_until, swr_until, sie_until, held_until = known.values()
    first, last = sorted((swr_until, sie_until))
    if not (stored <= fresh_until <= first <= last <= stored + _LONGEST and held_until <= sie_until):
        raise ValueError("times out of order")
    if reason is None:
        graph = orjson.loads(body)
        if not isinstance(graph, dict):
            raise ValueError("no preview")
        if location != "" and (len(location) > _LONGEST_LOCATION or not _LOCATION.fullmatch(location)):
            raise ValueError("no URL")
        outcome = Outcome.OK if graph else Outcome.NO_OPEN_GRAPH
        return Entry(outcome=outcome, body=body, etag=etag.of(body), location=location, **known)
    outcome = _REASONS[reason].outcome
    if outcome not in _KEPT or not fresh_until == first == last or held_until:
        raise ValueError("no failure that is kept")
    if outcome is Outcome.UPSTREAM_ERROR:  # others have no response
        known["upstream_status"] = None if status is None else int(_number(status, 100, 999))
        known["retry_after"] = None if retry_after is None else _number(retry_after, 0, _LONGEST)
    return Entry(outcome=outcome, reason=_REASONS[reason], **known)


def _number(value: float, least: float, most: float) -> float:
    """A number within limits, which NaN is not; raises ValueError otherwise."""
    if type(value) not in {int, float} or not least <= value <= most:  # bool is no number
        raise ValueError(f"{value!r} is no number from {least} to {most}")
    return value
