"""An answer as it is kept: finished bytes, and until when they are good for what."""

import struct
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import orjson

from scrap.cache import etag
from scrap.cache.freshness import Freshness, FreshnessPolicy, of_failure, passing
from scrap.cache.headers import cache_control
from scrap.errors import Outcome, Overloaded, Reason, ScrapError, UpstreamError

VERSION = 1  # of the encoding below; a new one is a new name space in the shared level
OVERHEAD = 640  # bytes that an entry costs beside its key and body, measured on CPython 3.11; a test compares

_SEAL = 16  # bytes of digest before the payload
_HEAD_LENGTH = struct.Struct(">I")
_PERSON = b"scrap entry %d" % VERSION
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_REASONS = {reason.value: reason for reason in Reason}
_KEPT = frozenset({Outcome.BLOCKED, Outcome.UPSTREAM_ERROR, Outcome.TIMEOUT})  # what `freshness.of_failure` keeps
_LATEST = 1e11  # seconds since the epoch: the year 5138
_LONGEST = 2**32  # seconds from `stored` to the last use: more than any window (RFC 9111, section 1.2.2)


class EntryState(StrEnum):
    """What an entry may be used for now."""

    FRESH = "fresh"  # answer it
    STALE = "stale"  # answer it, and refresh it in the background
    HELD = "held"  # answer it; a refresh has just failed, so leave the page alone for the moment


@dataclass(frozen=True, slots=True)
class Entry:
    """The answer to one URL: a preview, or the failure to get one.

    Times are seconds since the epoch, for entries travel between machines.

    Attributes:
        outcome: how the call ended.
        reason: why it failed; None for a preview.
        body: what is sent, as it is; empty for a failure, whose words are the reason's own.
        etag: the body's strong entity-tag; empty for a failure.
        upstream_status: the page's HTTP status, where there was one.
        retry_after: seconds from `stored` for which the host asked to be left alone, or for which we do.
        stored: when it was made.
        fresh_until: before this it is answered without a thought.
        swr_until: before this it is answered while it is refreshed (RFC 5861, section 3).
        sie_until: before this it stands in when its page cannot be had (RFC 5861, section 4).
        held_until: before this no refresh is tried, since one has just failed.
    """

    outcome: Outcome
    reason: Reason | None
    body: bytes
    etag: str
    upstream_status: int | None
    retry_after: float | None
    stored: float
    fresh_until: float
    swr_until: float
    sie_until: float
    held_until: float = 0.0
    # The header fields that every answer made of it has; made once, for a hit has no time to make them.
    headers: tuple[tuple[bytes, bytes], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        fields = ((b"cache-control", cache_control(self).encode()), (b"etag", self.etag.encode()))
        object.__setattr__(self, "headers", fields)

    @property
    def size(self) -> int:
        """Bytes of memory, its key not counted."""
        return len(self.body) + OVERHEAD

    @property
    def useful_until(self) -> float:
        """When it is of no use at all any more."""
        return max(self.fresh_until, self.swr_until, self.sie_until)

    def state(self, now: float) -> EntryState | None:
        """What it may be used for at `now`; None: at most to stand in for a failure."""
        if now < self.fresh_until:
            return EntryState.FRESH
        if now < self.held_until:
            return EntryState.HELD
        if now < self.swr_until:
            return EntryState.STALE
        return None


def preview(
    body: bytes, outcome: Outcome, freshness: Freshness, *, now: float, upstream_status: int | None = None
) -> Entry:
    """Makes the entry of a preview; `outcome` is OK or NO_OPEN_GRAPH."""
    fresh_until = now + freshness.lifetime
    return Entry(
        outcome=outcome,
        reason=None,
        body=body,
        etag=etag.of(body),
        upstream_status=upstream_status,
        retry_after=None,
        stored=now,
        fresh_until=fresh_until,
        swr_until=fresh_until + freshness.stale_while_revalidate,
        sie_until=fresh_until + freshness.stale_if_error,
    )


def failure(error: ScrapError, *, policy: FreshnessPolicy, now: float) -> Entry:
    """Makes the entry of a failure; one that is not to be kept (`freshness.of_failure`) is of no use after `now`."""
    upstream = error if isinstance(error, UpstreamError) else None
    retry_after = error.retry_after if isinstance(error, UpstreamError | Overloaded) else None
    until = now + of_failure(error.reason, retry_after=retry_after, policy=policy)
    return Entry(
        outcome=error.reason.outcome,
        reason=error.reason,
        body=b"",
        etag="",
        upstream_status=upstream.status if upstream else None,
        retry_after=retry_after,
        stored=now,
        fresh_until=until,
        swr_until=until,
        sie_until=until,
    )


def settle(failed: Entry, spare: Entry | None, now: float) -> Entry:
    """Decides what answers a call whose page could not be had: the failure, or a stale preview in its place.

    A preview that stands in is held for as long as the failure would have been kept: one try in that time is enough.
    """
    if spare is None or spare.reason is not None or now >= spare.sie_until or failed.reason is None:
        return failed
    if not passing(failed.reason, failed.upstream_status):
        return failed
    return replace(spare, held_until=min(failed.fresh_until, spare.sie_until))


def encode(key: str, entry: Entry) -> bytes:
    """Writes an entry for the shared level: a seal, a head's length, the head in JSON, the body."""
    head = orjson.dumps(
        [
            entry.outcome,
            entry.reason,
            entry.etag,
            entry.upstream_status,
            entry.retry_after,
            entry.stored,
            entry.fresh_until,
            entry.swr_until,
            entry.sie_until,
            entry.held_until,
        ]
    )
    payload = _HEAD_LENGTH.pack(len(head)) + head + entry.body
    return _seal(key, payload) + payload


def decode(key: str, data: bytes) -> Entry | None:
    """Reads what `encode` wrote for the same key; None for anything else whatsoever.

    The seal covers key, version and payload, so an entry that is cut, damaged, foreign, of another version or filed
    under another key is nothing. It is no signature: anybody can compute it, so the entry has to be one that `preview`
    or `failure` makes. A newer release's reason is nothing, too.
    """
    payload = data[_SEAL:]
    if data[:_SEAL] != _seal(key, payload):
        return None
    try:
        (length,) = _HEAD_LENGTH.unpack_from(payload)
        start = _HEAD_LENGTH.size
        return _read(orjson.loads(payload[start : start + length]), payload[start + length :])
    except (ValueError, TypeError, LookupError, struct.error):
        return None


def _read(head: list[Any], body: bytes) -> Entry:
    """The entry with this head and body.

    Raises:
        ValueError, TypeError, LookupError: it is none of ours.
    """
    outcome, reason, tag, status, retry_after, *times = head
    stored, fresh_until, swr_until, sie_until, held_until = (_number(time, 0, _LATEST) for time in times)
    if not stored <= fresh_until <= min(swr_until, sie_until) <= max(swr_until, sie_until) <= stored + _LONGEST:
        raise ValueError("times out of order")
    if held_until > sie_until:
        raise ValueError("held for longer than it is kept")
    check = _check_preview if reason is None else _check_failure
    entry = Entry(
        outcome=_OUTCOMES[outcome],
        reason=None if reason is None else _REASONS[reason],
        body=body,
        etag=str(tag),
        upstream_status=None if status is None else int(_number(status, 100, 599)),
        retry_after=None if retry_after is None else _number(retry_after, 0, _LONGEST),
        stored=stored,
        fresh_until=fresh_until,
        swr_until=swr_until,
        sie_until=sie_until,
        held_until=held_until,
    )
    check(entry)
    return entry


def _number(value: object, least: float, most: float) -> float:
    """A number within bounds; NaN is within none.

    Raises:
        ValueError: it is none.
    """
    if type(value) not in {int, float} or not least <= value <= most:  # type: ignore[operator]  # bool is no number
        raise ValueError(f"{value!r} is no number from {least} to {most}")
    return float(value)  # type: ignore[arg-type]


def _check_preview(entry: Entry) -> None:
    graph = orjson.loads(entry.body)
    if not isinstance(graph, dict) or entry.outcome is not (Outcome.OK if graph else Outcome.NO_OPEN_GRAPH):
        raise ValueError("no Open Graph")
    if entry.etag != etag.of(entry.body) or entry.retry_after is not None:
        raise ValueError("no preview's head")


def _check_failure(entry: Entry) -> None:
    assert entry.reason is not None  # noqa: S101 - the caller has looked
    if entry.outcome is not entry.reason.outcome or entry.outcome not in _KEPT:
        raise ValueError("no failure that is kept")
    if entry.outcome is not Outcome.UPSTREAM_ERROR and (entry.upstream_status, entry.retry_after) != (None, None):
        raise ValueError("a status without a response")
    if entry.body or entry.etag or entry.held_until or not entry.fresh_until == entry.swr_until == entry.sie_until:
        raise ValueError("no failure's head")


def _seal(key: str, payload: bytes) -> bytes:
    digest = blake2b(payload, digest_size=_SEAL, person=_PERSON)
    digest.update(key.encode())
    return digest.digest()
