"""Hosts that sent a Retry-After: they are not asked again while it counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, time

from scrap import http_date
from scrap.errors import Reason, UpstreamError
from scrap.fetch.limits import FetchLimits

_WITH_RETRY_AFTER = {429, 503}


@dataclass(slots=True)
class HostRetryAfter:
    """Hosts that sent a Retry-After, and until when it counts."""

    limits: FetchLimits
    clock: Callable[[], float] = monotonic  # seconds
    wall: Callable[[], float] = time  # seconds since the epoch, for a Retry-After that is a date
    _until: dict[str, tuple[float, int]] = field(init=False, default_factory=dict)  # by `clock`, with the host's status

    def check(self, host: str) -> None:
        """Raises UpstreamError, with the host's own status and the seconds left, while its Retry-After counts."""
        if host in self._until:
            until, status = self._until[host]
            left = until - self.clock()
            if left > 0:
                message = "the host sent a Retry-After"
                raise UpstreamError(Reason.UPSTREAM_STATUS, message, status=status, retry_after=left)
            del self._until[host]

    def note(self, host: str, status: int, retry_after: str) -> float | None:
        """Remembers a Retry-After; returns its seconds, within our limits, or None where there is none."""
        seconds = self._seconds(retry_after) if status in _WITH_RETRY_AFTER else 0.0
        if seconds <= 0:
            return None
        seconds = min(seconds, self.limits.retry_after_seconds)
        self._until.pop(host, None)
        if len(self._until) >= self.limits.retry_after_hosts:
            del self._until[min(self._until, key=lambda known: self._until[known][0])]
        self._until[host] = (self.clock() + seconds, status)
        return seconds

    def _seconds(self, retry_after: str) -> float:
        """Reads seconds or a date (RFC 9110, section 10.2.3); 0 for what is neither."""
        text = retry_after.strip()
        if text.isascii() and text.isdigit():
            return float(text)
        date = http_date.parse(text)
        return 0.0 if date is None else date - self.wall()
