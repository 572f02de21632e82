"""Problem details (RFC 9457), made of nothing but the reason."""

from functools import cache
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scrap.errors import Outcome, Reason, ScrapError
from scrap.events import RequestEnded, Timings
from scrap.preview import MISS

MEDIA_TYPE = "application/problem+json"
_MEDIA = MEDIA_TYPE.encode()
_RETRY_AFTER = 1  # seconds, of every rejection by the service: a client that waits for longer finds free slots unused
# Problem types are tag URIs (RFC 4151), which need no server; docs/problems.md explains each.
_TYPE_PREFIX = "tag:scrap.dev,2026:"

# The status of a reason where it is not its outcome's.
_STATUS = {
    Reason.NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.REQUEST_TIMEOUT: 408,
    Reason.REQUEST_TOO_LARGE: 431,
    Reason.CALLER_LEFT: 499,  # nginx's number, for the log
}

_TITLES: dict[Reason | Outcome, str] = {
    Reason.NOT_FOUND: "Not found",
    Reason.METHOD_NOT_ALLOWED: "Method not allowed",
    Reason.REQUEST_TIMEOUT: "The request took too long",
    Reason.REQUEST_TOO_LARGE: "The request is too large",
    Reason.CALLER_LEFT: "The client closed the connection",
    Outcome.CALLER_ERROR: "The request is invalid",
    Outcome.BLOCKED: "The target may not be fetched",
    Outcome.UPSTREAM_ERROR: "The page could not be fetched",
    Outcome.TIMEOUT: "The page took too long",
    Outcome.SHED: "The service is unavailable",
    Outcome.INTERNAL_ERROR: "Internal error",
}


def type_of(reason: Reason) -> str:
    """The `type` of a reason's problem, a stable URI."""
    return _TYPE_PREFIX + (reason if reason in _STATUS else reason.outcome).replace("_", "-")


def title_of(reason: Reason) -> str:
    """The `title` of a reason's problem, the same for each of its type."""
    return _TITLES.get(reason) or _TITLES[reason.outcome]


def status_of(reason: Reason) -> int:
    """The HTTP status of a reason."""
    return _STATUS.get(reason, reason.outcome.status)


@cache
def _members(reason: Reason) -> dict[str, object]:
    """The members that every problem with this reason has."""
    return {
        "type": type_of(reason),
        "title": title_of(reason),
        "status": status_of(reason),
        "detail": reason.sentence,
        "reason": reason.value,
        "fault": reason.fault.value,
    }


class Problem(Response):
    """The response to a failed request.

    Args:
        upstream_status: the HTTP status of the page's response.
        retry_after: the host's, in seconds; a rejection by the service has its own.
        timing: the value of Server-Timing.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        reason: Reason,
        request_id: str,
        *,
        upstream_status: int | None = None,
        retry_after: int | None = None,
        timing: bytes = b"",
    ) -> None:
        members = {**_members(reason), "instance": request_id}
        if upstream_status is not None:
            members["upstream_status"] = upstream_status
        self.background = None
        self.status_code = status_of(reason)
        self.body = orjson.dumps(members)
        length = b"%d" % len(self.body)
        self.raw_headers = [(b"cache-control", b"no-store"), (b"content-type", _MEDIA), (b"content-length", length)]
        if timing:
            self.raw_headers.append((b"server-timing", timing))
        if reason.outcome is Outcome.SHED:
            retry_after = _RETRY_AFTER
        if retry_after is not None:
            self.raw_headers.append((b"retry-after", b"%d" % retry_after))


def failed(
    summary: RequestEnded, reason: Reason, *, upstream_status: int | None = None, retry_after: int | None = None
) -> Problem:
    """The response to a failed request, noted in its summary."""
    summary.reason, summary.outcome, summary.status = reason, reason.outcome, status_of(reason)
    summary.upstream_status = upstream_status
    timing = server_timing(summary) if summary.cache else b""  # a page was asked for
    return Problem(reason, summary.request_id, upstream_status=upstream_status, retry_after=retry_after, timing=timing)


async def on_scrap_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for our own errors."""
    assert isinstance(error, ScrapError)  # noqa: S101 - it is registered for these
    request.state.summary.internal = error.internal
    return failed(request.state.summary, error.reason)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for what its router raises: 404, and 405 with Allow."""
    assert isinstance(error, HTTPException)  # noqa: S101 - likewise
    is_found = error.status_code != HTTPStatus.NOT_FOUND
    response = failed(request.state.summary, Reason.METHOD_NOT_ALLOWED if is_found else Reason.NOT_FOUND)
    response.headers.update(error.headers or {})
    return response


def server_timing(summary: RequestEnded) -> bytes:
    """Server-Timing (W3C): the phases of the request's own fetch in milliseconds; 0.0 where it made none."""
    timings = summary.timings if summary.cache == MISS else Timings()
    fetch = timings.first_byte + timings.body
    phases = timings.dns * 1e3, timings.connect * 1e3, fetch * 1e3, timings.parse * 1e3
    return b"dns;dur=%.1f, connect;dur=%.1f, fetch;dur=%.1f, parse;dur=%.1f" % phases
