"""One event of each kind, to change what a test is about."""

from scrap.errors import Outcome, Reason
from scrap.events import (
    BackgroundFailed,
    Event,
    FetchAdmitted,
    FetchEnded,
    FlightJoined,
    HopEnded,
    PageParsed,
    RequestEnded,
    RequestStarted,
    SharedCacheFailed,
    TargetBlocked,
    Timings,
)

ENDED = RequestEnded(
    request_id="r-1",
    method="GET",
    route="/api/v1/scrap",
    status=200,
    outcome=Outcome.OK,
    seconds=0.012,
    cache="miss",
    target="https://example.org/page?token=secret",
    target_host="example.org",
    path="/api/v1/scrap",
    timings=Timings(dns=0.001, connect=0.002, first_byte=0.003, body=0.004, parse=0.0005),
)
FAILED = RequestEnded(
    request_id="r-2",
    method="GET",
    route="/api/v1/scrap",
    status=502,
    outcome=Outcome.UPSTREAM_ERROR,
    seconds=0.5,
    reason=Reason.DNS_FAILED,
    target="https://example.org/page?token=secret",
    target_host="example.org",
    path="/api/v1/scrap",
    internal="gaierror: no answer for https://example.org/page?token=secret",
)
HOP = HopEnded(
    host="example.org",
    port=443,
    url="https://example.org/page?token=secret",
    started=1_700_000_000.0,
    seconds=0.006,
    dns=0.001,
    connect=0.002,
    first_byte=0.003,
    status=200,
    reason=None,
)
EVENTS: tuple[Event, ...] = (
    RequestStarted(),
    FlightJoined(),
    FetchAdmitted(0.0001),
    TargetBlocked("private"),
    HOP,
    FetchEnded(redirects=1, wire_bytes=900, decoded_bytes=5000, body=0.004, truncated=True),
    PageParsed(parser="fast", fallback_reason=None, started=1_700_000_000.01, seconds=0.0005),
    PageParsed(parser="reference", fallback_reason="foreign", started=1_700_000_000.01, seconds=0.04, bound="seconds"),
    SharedCacheFailed("timeout"),
    BackgroundFailed(RuntimeError()),
    ENDED,
    FAILED,
)
