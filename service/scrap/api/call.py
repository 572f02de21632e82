"""One call to the public API: what is known of it while it is answered."""

import random
from collections.abc import Mapping

from scrap.errors import Outcome, Reason, ScrapError, UpstreamError
from scrap.events import Notes, Timings
from scrap.preview import MISS
from scrap.urls import Target

_ids = random.Random()  # noqa: S311 - ids tell requests apart; nothing is secret about them


def new_request_id() -> str:
    """An id for a request that brings none of its own."""
    return f"{_ids.getrandbits(64):016x}"


def server_timing(timings: Timings) -> bytes:
    """The phases in milliseconds (Server-Timing, W3C)."""
    fetch = timings.first_byte + timings.body
    return (
        f"dns;dur={timings.dns * 1e3:.1f}, connect;dur={timings.connect * 1e3:.1f}, "
        f"fetch;dur={fetch * 1e3:.1f}, parse;dur={timings.parse * 1e3:.1f}"
    ).encode()


_NOT_YET = Timings()  # of a call that has none of its own so far: never written to
_AT_ONCE = server_timing(_NOT_YET)


class Call:
    """One call; `scope["call"]` of every request."""

    __slots__ = (
        "error",
        "headers",
        "internal",
        "notes",
        "outcome",
        "reason",
        "request_id",
        "source",
        "status",
        "target",
        "timings",
        "upstream_status",
    )

    def __init__(self, request_id: str, headers: Mapping[bytes, bytes]) -> None:
        self.request_id = request_id
        self.headers = headers  # the request's, as far as they count
        self.status = Outcome.OK.status
        self.outcome = Outcome.OK
        self.reason: Reason | None = None
        self.internal = ""
        self.error: Exception | None = None
        self.target: Target | None = None
        self.upstream_status: int | None = None
        self.timings = _NOT_YET
        self.source = ""
        self.notes: Notes | None = None

    @property
    def server_timing(self) -> bytes:
        """What its fetch took; nothing where the answer was there already."""
        return server_timing(self.timings) if self.source == MISS else _AT_ONCE

    def fail(self, error: ScrapError, status: int) -> None:
        """Notes why the call failed, and the status that says so."""
        self.status = status
        self.reason = error.reason
        self.outcome = error.reason.outcome
        self.internal = error.internal
        if isinstance(error, UpstreamError):
            self.upstream_status = error.status
