"""One event of each kind, to change what a test is about."""

from scrap.errors import Outcome, Reason
from scrap.events import (
    BackgroundFailed,
    Content,
    Event,
    FetchEnded,
    FlightJoined,
    Hop,
    Parse,
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
    client_address="192.0.2.0/24",
    user_agent="curl/8.14.1",
    fetch=FetchEnded(Timings(dns=0.001, connect=0.002, first_byte=0.003, body=0.004, parse=0.0005)),
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
    client_address="2001:db8:1::/48",
    user_agent="Preview/2.0 (+https://example.net/bot)",
    internal="gaierror: no answer for https://example.org/page?token=secret",
)
HOP = Hop(
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
PARTLY_READ = FetchEnded(
    content=Content(900, 5000, 0.004, truncated=True, ended=1_700_000_000.01),
    parse=Parse("reference", "foreign", 1_700_000_000.01, 0.04, "seconds"),
)
EVENTS: tuple[Event, ...] = (
    RequestStarted(),
    FlightJoined(),
    TargetBlocked("private"),
    FetchEnded(
        queued=0.0001,
        hops=[HOP, HOP],
        content=Content(900, 5000, 0.004, truncated=True, ended=1_700_000_000.01),
        parse=Parse("fast", None, started=1_700_000_000.01, seconds=0.0005),
    ),
    FetchEnded(parse=Parse("reference", "foreign", 1_700_000_000.01, 0.04, "seconds")),
    SharedCacheFailed("timeout"),
    BackgroundFailed(RuntimeError()),
    ENDED,
    FAILED,
)
