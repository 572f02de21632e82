"""Events: what the core emits when it happens, and `telemetry` turns into signals.

No name of a metric, span or log field is known here. All durations are seconds of a monotonic clock. Values that
telemetry uses as labels (a verdict, a parser, a level, a state) come from short fixed lists, never from a client or a
page.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scrap.errors import Outcome, Reason


@dataclass(slots=True)
class Timings:
    """How long each phase of one fetch took, in seconds, summed over its hops; 0.0 where there was none."""

    wait: float = 0.0  # in queues of the service: for a slot, a host, time on the event loop, a thread
    dns: float = 0.0
    connect: float = 0.0  # TCP and TLS
    first_byte: float = 0.0  # from the request sent to the response's head
    body: float = 0.0
    parse: float = 0.0
    shared_cache: float = 0.0  # the look-up in the shared level of the cache


PHASES: Final = ("shared_cache", "wait", "dns", "connect", "first_byte", "body", "parse")
HOP_PHASES: Final = ("dns", "connect", "first_byte")  # those that each hop has


@dataclass(slots=True)
class Hop:
    """One request of a fetch, up to its response's head or its failure; a target that the guard blocks is none."""

    host: str
    port: int
    url: str  # in full; how much of it is shown is telemetry's decision
    started: float  # seconds since the epoch
    seconds: float = 0.0
    dns: float = 0.0
    connect: float = 0.0
    first_byte: float = 0.0
    status: int | None = None  # None where the hop failed before a status was read
    reason: Reason | None = None  # why it failed; None where it was cancelled


@dataclass(slots=True)
class Content:
    """The content of the last response, as far as it was needed."""

    wire_bytes: int  # as received, headers not counted
    decoded_bytes: int
    seconds: float  # of waiting for it and decoding it
    truncated: bool
    ended: float  # seconds since the epoch


@dataclass(slots=True)
class Parse:
    """A page's Open Graph was read."""

    parser: str  # "fast" or "reference"
    fallback_reason: str | None  # why the fast path gave up: bounded
    started: float  # seconds since the epoch; the end less `seconds`
    seconds: float  # of work, some of it done while the content was still arriving
    bound: str | None = None  # the limit that the page exceeded, so that the rest did not count: bounded


@dataclass(slots=True)
class FetchEnded:
    """A fetch is over, however it ended; until then this is its summary, and is filled in."""

    timings: Timings = field(default_factory=Timings)
    queued: float | None = None  # seconds in admission's queue; None where it was not admitted
    hops: list[Hop] = field(default_factory=list)
    content: Content | None = None  # None where no hop had a page
    parse: Parse | None = None  # None where there was no HTML to parse


@dataclass(frozen=True, slots=True)
class TargetBlocked:
    """The guard blocked a target."""

    verdict: str  # a value of fetch's GuardVerdict: bounded


@dataclass(frozen=True, slots=True)
class SharedCacheFailed:
    """An operation of the shared level failed; the request went on without it."""

    kind: str  # a value of cache's SharedCacheErrorKind: bounded


@dataclass(frozen=True, slots=True)
class FlightJoined:
    """A request shares the fetch of another request."""


@dataclass(frozen=True, slots=True)
class BackgroundFailed:
    """The service itself failed unexpectedly, outside of any request's failure."""

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
    """A request has its response, or its client left; until then this is the request's summary, and is filled in."""

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
    client_address: str = ""  # or its network; as much as is to be recorded, as of the next
    user_agent: str = ""  # one line, limited
    fetch: FetchEnded | None = None  # that was made for this request
    internal: str = ""  # for the log alone
    upstream_status: int | None = None
    error: BaseException | None = None  # what was raised where the outcome is INTERNAL_ERROR
    ended: float = field(default_factory=time.time, compare=False)  # seconds since the epoch


Event = FetchEnded | TargetBlocked | SharedCacheFailed | FlightJoined | BackgroundFailed | RequestStarted | RequestEnded
Emit = Callable[[Event], None]
Handlers = Mapping[type[Event], Callable[[Any], None]]
"""What is called with an event of a type; in the event loop's thread, so it must not wait."""


def ignore(event: object) -> None:
    """Drops an event: for uses without telemetry."""
