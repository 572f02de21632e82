"""Per-host limits: fetches at once, and the Retry-After that a host sent."""

import asyncio
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import monotonic, time

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch.limits import FetchLimits

_WITH_RETRY_AFTER = {429, 503}


class HostSlots:
    """Slots for simultaneous fetches from one host; a host without a fetch takes no memory."""

    def __init__(self, limits: FetchLimits) -> None:
        self._per_host = limits.per_host
        self._waiting = limits.per_host_waiting
        self._hosts: dict[str, tuple[asyncio.Semaphore, int]] = {}  # with how many have a slot or wait for one

    async def take(self, host: str) -> None:
        """Takes a slot, or waits for one; it must be given back. Raises Overloaded where too many wait already."""
        slots, fetches = self._hosts.get(host) or (asyncio.Semaphore(self._per_host), 0)
        if fetches >= self._per_host + self._waiting:
            raise Overloaded(Reason.FULL, f"{self._waiting} already wait for the host")
        self._hosts[host] = slots, fetches + 1
        try:
            await slots.acquire()
        except asyncio.CancelledError:
            self._leave(host)
            raise

    def give_back(self, host: str) -> None:
        """Gives a slot to the fetch that waits longest, or frees it."""
        self._leave(host).release()

    def _leave(self, host: str) -> asyncio.Semaphore:
        slots, fetches = self._hosts.pop(host)
        if fetches > 1:
            self._hosts[host] = slots, fetches - 1
        return slots


class Refusals:
    """Hosts that sent a Retry-After, and until when it counts.

    `clock` gives monotonic seconds; `wall` those since the epoch, for a Retry-After that is a date.
    """

    def __init__(
        self, limits: FetchLimits, *, clock: Callable[[], float] = monotonic, wall: Callable[[], float] = time
    ) -> None:
        self._most = limits.retry_after_seconds
        self._hosts = limits.retry_after_hosts
        self._clock = clock
        self._wall = wall
        self._until: dict[str, tuple[float, int]] = {}

    def check(self, host: str) -> None:
        """Raises UpstreamError, with the host's own status and the seconds left, while its Retry-After counts."""
        if host in self._until:
            until, status = self._until[host]
            left = until - self._clock()
            if left > 0:
                message = "the host sent a Retry-After"
                raise UpstreamError(Reason.UPSTREAM_STATUS, message, status=status, retry_after=left)
            del self._until[host]

    def note(self, host: str, status: int, retry_after: str) -> float | None:
        """Remembers a Retry-After; returns its seconds, within our limits, or None where there is none."""
        seconds = self._seconds(retry_after) if status in _WITH_RETRY_AFTER else 0.0
        if seconds <= 0:
            return None
        seconds = min(seconds, self._most)
        self._until.pop(host, None)
        if len(self._until) >= self._hosts:
            del self._until[min(self._until, key=lambda known: self._until[known][0])]
        self._until[host] = (self._clock() + seconds, status)
        return seconds

    def _seconds(self, retry_after: str) -> float:
        """Reads seconds or a date (RFC 9110, section 10.2.3); 0 for what is neither."""
        text = retry_after.strip()
        if text.isascii() and text.isdigit():
            return float(text.lstrip("0")[:12] or 0)
        try:
            return parsedate_to_datetime(text).timestamp() - self._wall()
        except (ValueError, OverflowError):
            return 0.0
