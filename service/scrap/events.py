"""What happens inside, said once: events that the core emits and `telemetry` turns into signals.

An event never changes. No name of a metric, span or log field is known here. All durations are seconds of a monotonic
clock. Values that telemetry uses as labels (a verdict, a parser, a level, a state) come from short fixed lists, never
from a client or a page.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from scrap.errors import Outcome, Reason


@dataclass(slots=True)
class Timings:
    """How long each phase of one fetch took, in seconds, summed over its hops; 0.0 where there was none."""

    wait: float = 0.0  # for a free place in the house, and then at the page's host
    dns: float = 0.0
    connect: float = 0.0  # TCP and TLS
    first_byte: float = 0.0  # from the request sent to the answer's head
    body: float = 0.0
    parse: float = 0.0


class PageNotes(NamedTuple):
    """What was unusual about a page as it was read."""

    truncated: bool = False  # there was more of it
    fallback_reason: str | None = None  # why the express lane gave up: bounded
    bound: str | None = None  # which bound html5lib reached: bounded


@dataclass(frozen=True, slots=True)
class HopEnded:
    """One request of a fetch has its answer's head, or failed; one that the guard refused was none."""

    host: str
    port: int
    url: str  # in full; how much of it is shown is telemetry's decision
    started: float  # seconds since the epoch
    seconds: float
    dns: float
    connect: float
    first_byte: float
    status: int | None  # None where the hop failed before a status was read
    reason: Reason | None  # why it failed; None where it was cancelled: the call was out of time, or wanted no more


@dataclass(frozen=True, slots=True)
class FetchEnded:
    """A fetch is over: its last hop's body was read as far as it was wanted."""

    redirects: int
    wire_bytes: int  # as received, headers not counted
    decoded_bytes: int
    body: float
    truncated: bool


@dataclass(frozen=True, slots=True)
class TargetBlocked:
    """The guard refused a target."""

    verdict: str  # a value of fetch's Verdict: bounded


@dataclass(frozen=True, slots=True)
class PageParsed:
    """A page's Open Graph was read."""

    parser: str  # "fast" or "reference"
    fallback_reason: str | None  # why the fast path gave up: bounded
    started: float  # seconds since the epoch; the end less `seconds`
    seconds: float  # of work, some of it done while the body was still arriving
    bound: str | None = None  # which bound html5lib reached, so that the rest of the page did not count: bounded


@dataclass(frozen=True, slots=True)
class SharedCacheFailed:
    """The shared level did not do what it was asked; the call went on without it."""

    kind: str  # a value of cache's SharedCacheErrorKind: bounded


@dataclass(frozen=True, slots=True)
class FlightJoined:
    """A call found its page being fetched already and waits for that fetch instead of making one."""


@dataclass(frozen=True, slots=True)
class FetchAdmitted:
    """A fetch has its place."""

    waited: float


@dataclass(frozen=True, slots=True)
class BackgroundFailed:
    """Something of ours failed unexpectedly where no call could tell of it."""

    error: BaseException


@dataclass(slots=True)
class RequestStarted:
    """A request's head has arrived.

    Everything until its `RequestEnded` is emitted in the same context (contextvars) or in a task started from it.
    """

    traceparent: str = ""  # the client's trace, as the request's headers name it (W3C Trace Context)
    tracestate: str = ""
    started: float = field(default_factory=time.time, compare=False)  # seconds since the epoch


@dataclass(slots=True)
class RequestEnded:
    """A request was answered, or its client left; until then this is the request's summary, and is filled in."""

    request_id: str  # of letters, digits, ".", "_" and "-"
    method: str
    route: str  # the route's template, never a raw path
    status: int
    outcome: Outcome
    seconds: float | None  # None where it was not measured: the request was rejected before it was read
    reason: Reason | None = None
    # What the response was made from: "fresh", "stale", "joined", "miss"; "" where no page was wanted.
    cache: str = ""
    target: str = ""  # the target's URL in full; how much of it is shown is telemetry's decision
    target_host: str = ""
    path: str = ""  # as the client wrote it; "" where that was not read
    timings: Timings = field(default_factory=Timings)
    notes: PageNotes | None = None  # on the page, where one was read for this request
    internal: str = ""  # for the log alone
    upstream_status: int | None = None
    error: BaseException | None = None  # what was raised where the outcome is INTERNAL_ERROR
    ended: float = field(default_factory=time.time, compare=False)  # seconds since the epoch


Event = (
    HopEnded
    | FetchEnded
    | TargetBlocked
    | PageParsed
    | SharedCacheFailed
    | FlightJoined
    | FetchAdmitted
    | BackgroundFailed
    | RequestStarted
    | RequestEnded
)
Emit = Callable[[Event], None]


def ignore(event: object) -> None:
    """Drops an event: for uses without telemetry."""
