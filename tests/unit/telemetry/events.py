"""One event of each kind, to change what a test is about."""

from dataclasses import fields, replace
from typing import Any

from scrap.errors import Outcome, Reason
from scrap.events import (
    BackgroundFailed,
    Detail,
    Ending,
    Event,
    FetchAdmitted,
    FetchEnded,
    FlightJoined,
    Hit,
    HopEnded,
    PageParsed,
    RequestEnded,
    RequestStarted,
    SharedCacheFailed,
    TargetBlocked,
    Timings,
)
from scrap.telemetry.sinks import Hits

ENDED = RequestEnded(
    ending=Ending(
        method="GET",
        route="/api/v1/scrap",
        status=200,
        outcome=Outcome.OK,
        cache="miss",
        target="https://example.org/page?token=secret",
        target_host="example.org",
        path="/api/v1/scrap",
    ),
    request_id="r-1",
    seconds=0.012,
    detail=Detail(
        timings=Timings(dns=0.001, connect=0.002, first_byte=0.003, body=0.004, parse=0.0005), upstream_status=200
    ),
)
FAILED = RequestEnded(
    ending=Ending(
        method="GET",
        route="/api/v1/scrap",
        status=502,
        outcome=Outcome.UPSTREAM_ERROR,
        reason=Reason.DNS_FAILED,
        target="https://example.org/page?token=secret",
        target_host="example.org",
        path="/api/v1/scrap",
    ),
    request_id="r-2",
    seconds=0.5,
    detail=Detail(internal="gaierror: no answer for https://example.org/page?token=secret"),
)
HIT = RequestEnded(ending=replace(ENDED.ending, cache="fresh"), request_id="r-3", seconds=0.000123)


def hits(*each: Hit) -> Hits:
    """Hits that come together."""
    return Hits(*map(list, zip(*each, strict=True)))


def but(event: RequestEnded, **changes: Any) -> RequestEnded:
    """The event with other values, wherever in it they stand."""

    def of(part: RequestEnded | Ending | Detail) -> dict[str, Any]:
        return {one.name: changes.pop(one.name) for one in fields(part) if one.name in changes}

    ending = replace(event.ending, **of(event.ending))
    detail = replace(event.detail, **of(event.detail)) if event.detail else None
    changed = replace(event, ending=ending, detail=detail, **of(event))
    assert not changes, "there are no such fields"
    return changed


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
    PageParsed(lane="express", unsure=None, started=1_700_000_000.01, seconds=0.0005),
    PageParsed(lane="html5lib", unsure="foreign", started=1_700_000_000.01, seconds=0.04, bound="seconds"),
    SharedCacheFailed("timeout"),
    BackgroundFailed(RuntimeError()),
    ENDED,
    FAILED,
)
