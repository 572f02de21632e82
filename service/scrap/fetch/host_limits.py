"""Our manners toward each host: not too much at once, and not again before it asked for."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import monotonic, time

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch.limits import FetchLimits

_ASKS_TO_WAIT = {429, 503}


@dataclass(slots=True)
class _Line:
    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class HostSlots:
    """The places for simultaneous fetches at one host; hosts nobody is fetching from cost nothing."""

    def __init__(self, limits: FetchLimits) -> None:
        self._per_host = limits.per_host
        self._waiting = limits.per_host_waiting
        self._lines: dict[str, _Line] = {}

    async def take(self, host: str) -> None:
        """Takes a place, or waits for one; every place taken must be given back.

        Raises:
            Overloaded: FULL; too many wait for this host already.
        """
        line = self._lines.get(host)
        if line is None:
            line = self._lines[host] = _Line()
        if line.taken < self._per_host:
            line.taken += 1
            return
        if len(line.waiting) >= self._waiting:
            raise Overloaded(Reason.FULL, f"{self._waiting} already wait for the host")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        try:
            await turn  # the place is handed over, not freed: nobody can jump the queue
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(host)
            else:
                with contextlib.suppress(ValueError):  # passed over already
                    line.waiting.remove(turn)
            raise

    def give_back(self, host: str) -> None:
        """Gives a place to whoever waits longest, or frees it."""
        line = self._lines[host]
        while line.waiting:
            turn = line.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        line.taken -= 1
        if not line.taken:
            del self._lines[host]


class Refusals:
    """Hosts that asked not to be called for a while, and until when.

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
        """Lets a call pass, or answers it in the host's name.

        Raises:
            UpstreamError: UPSTREAM_STATUS; the host's own status, and the seconds left.
        """
        if not self._until or host not in self._until:
            return
        until, status = self._until[host]
        left = until - self._clock()
        if left > 0:
            raise UpstreamError(
                Reason.UPSTREAM_STATUS, "the host asked to be left alone", status=status, retry_after=left
            )
        del self._until[host]

    def note(self, host: str, status: int, retry_after: str) -> float | None:
        """Remembers what a host asked for; returns its seconds, within our bounds, or None where it did not ask."""
        if status not in _ASKS_TO_WAIT or not retry_after:
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
