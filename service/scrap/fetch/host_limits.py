"""Per-host limits: fetches at once, and the Retry-After that a host sent."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import monotonic, time

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch.limits import FetchLimits

_WITH_RETRY_AFTER = {429, 503}


@dataclass(slots=True)
class _Queue:
    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class HostSlots:
    """Slots for simultaneous fetches from one host; a host without a fetch takes no memory."""

    def __init__(self, limits: FetchLimits) -> None:
        self._per_host = limits.per_host
        self._waiting = limits.per_host_waiting
        self._queues: dict[str, _Queue] = {}

    async def take(self, host: str) -> None:
        """Takes a slot, or waits for one; it must be given back. Raises Overloaded where too many wait already."""
        queue = self._queues.get(host)
        if queue is None:
            queue = self._queues[host] = _Queue()
        if queue.taken < self._per_host:
            queue.taken += 1
            return
        if len(queue.waiting) >= self._waiting:
            raise Overloaded(Reason.FULL, f"{self._waiting} already wait for the host")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.waiting.append(turn)
        try:
            await turn  # the slot is handed over, not freed: the order of the queue is kept
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(host)
            else:
                with contextlib.suppress(ValueError):  # passed over already
                    queue.waiting.remove(turn)
            raise

    def give_back(self, host: str) -> None:
        """Gives a slot to the fetch that waits longest, or frees it."""
        queue = self._queues[host]
        while queue.waiting:
            turn = queue.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        queue.taken -= 1
        if not queue.taken:
            del self._queues[host]


class Refusals:
    """Hosts that sent a Retry-After, and until when it counts.

    Args:
        clock: monotonic seconds.
        wall: seconds since the epoch, for a Retry-After that is a date.
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
        if not self._until or host not in self._until:
            return
        until, status = self._until[host]
        left = until - self._clock()
        if left > 0:
            raise UpstreamError(Reason.UPSTREAM_STATUS, "the host sent a Retry-After", status=status, retry_after=left)
        del self._until[host]

    def note(self, host: str, status: int, retry_after: str) -> float | None:
        """Remembers a Retry-After; returns its seconds, within our limits, or None where there is none."""
        if status not in _WITH_RETRY_AFTER or not retry_after:
            return None
        seconds = self._seconds(retry_after)
        if seconds is None or seconds <= 0:
            return None
        seconds = min(seconds, self._most)
        self._until.pop(host, None)
        if len(self._until) >= self._hosts:
            del self._until[min(self._until, key=lambda known: self._until[known][0])]
        self._until[host] = (self._clock() + seconds, status)
        return seconds

    def _seconds(self, retry_after: str) -> float | None:
        """Reads seconds or a date (RFC 9110, section 10.2.3)."""
        text = retry_after.strip()
        if text.isascii() and text.isdigit():
            return float(text.lstrip("0")[:12] or 0)
        try:
            return parsedate_to_datetime(text).timestamp() - self._wall()
        except (ValueError, OverflowError):
            return None
