"""Problem details (RFC 9457), made of nothing but the reason."""

from functools import cache
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from scrap.admission.retry_after import RETRY_AFTER
from scrap.errors import Outcome, Reason, ScrapError
from scrap.events import RequestEnded
from scrap.preview import MISS

MEDIA_TYPE = "application/problem+json"
_MEDIA = MEDIA_TYPE.encode()
HELP = "/problems/"  # of a page for each type

# Status and title of a reason that is a problem type of its own.
_OWN = {
    Reason.NOT_FOUND: (404, "Not found"),
    Reason.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    Reason.REQUEST_TIMEOUT: (408, "The request took too long"),
    Reason.REQUEST_TOO_LARGE: (431, "The request is too large"),
    Reason.CALLER_LEFT: (499, "The client closed the connection"),  # nginx's number, for the log
}
_TITLES = {
    Outcome.CALLER_ERROR: "The request is invalid",
    Outcome.BLOCKED: "The target may not be fetched",
    Outcome.UPSTREAM_ERROR: "The page could not be fetched",
    Outcome.TIMEOUT: "The page took too long",
    Outcome.SHED: "The service is unavailable",
    Outcome.INTERNAL_ERROR: "Internal error",
}


def name_of(reason: Reason) -> str:
    """The name of a reason's problem type: the end of its `type`, and of its page's path."""
    return (reason if reason in _OWN else reason.outcome).replace("_", "-")


@cache
def members_of(reason: Reason) -> dict[str, Any]:
    """The members that every problem with this reason has."""
    status, title = _OWN.get(reason) or (reason.outcome.status, _TITLES[reason.outcome])
    return {
        "type": f"tag:scrap.dev,2026:{name_of(reason)}",  # a tag URI (RFC 4151), which needs no server
        "title": title,
        "status": status,
        "detail": reason.sentence,
        "reason": reason.value,
        "fault": reason.fault.value,
    }


def reasons_by(member: str) -> dict[Any, list[Reason]]:
    """The reasons whose problems have the same value of a member, by that value."""
    found: dict[Any, list[Reason]] = {}
    for reason in Reason:
        found.setdefault(members_of(reason)[member], []).append(reason)
    return found


@cache
def _link(reason: Reason) -> tuple[bytes, bytes]:
    return b"link", f'<{HELP}{name_of(reason)}>; rel="help"'.encode()


class Problem(Response):
    """The response to a failed request, which is noted in the request's summary.

    `retry_after` is the host's, in seconds; a rejection by the service has its own.
    """

    def __init__(
        self,
        summary: RequestEnded,
        reason: Reason,
        *,
        upstream_status: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        members = {**members_of(reason), "instance": summary.request_id}
        summary.reason, summary.outcome, summary.status = reason, reason.outcome, members["status"]
        summary.upstream_status = upstream_status
        if upstream_status is not None:
            members["upstream_status"] = upstream_status
        self.background = None
        self.status_code = summary.status
        self.body = orjson.dumps(members)
        length = b"content-length", b"%d" % len(self.body)
        self.raw_headers = [(b"cache-control", b"no-store"), (b"content-type", _MEDIA), length, _link(reason)]
        if summary.cache:  # a page was asked for
            self.raw_headers.append((b"server-timing", server_timing(summary)))
        wait = RETRY_AFTER if reason.outcome is Outcome.SHED else retry_after
        if wait is not None:
            self.raw_headers.append((b"retry-after", b"%d" % wait))


async def on_scrap_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for our own errors."""
    assert isinstance(error, ScrapError)  # noqa: S101 - it is registered for these
    request.state.summary.internal = error.internal
    return Problem(request.state.summary, error.reason)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for what its router raises: 404, and 405 with Allow."""
    assert isinstance(error, HTTPException)  # noqa: S101 - likewise
    is_found = error.status_code != HTTPStatus.NOT_FOUND
    response = Problem(request.state.summary, Reason.METHOD_NOT_ALLOWED if is_found else Reason.NOT_FOUND)
    response.headers.update(error.headers or {})
    return response


def server_timing(summary: RequestEnded) -> bytes:
    """Server-Timing (W3C): the phases of the request's own fetch in milliseconds; 0.0 where it made none."""
    t = summary.fetch and summary.fetch.timings
    shared = b", shared_cache;dur=%.1f" % (t.shared_cache * 1e3) if t and t.shared_cache else b""
    if not t or summary.cache != MISS:
        return b"dns;dur=0.0, connect;dur=0.0, fetch;dur=0.0, parse;dur=0.0" + shared
    phases = t.dns * 1e3, t.connect * 1e3, (t.first_byte + t.body) * 1e3, t.parse * 1e3
    return b"dns;dur=%.1f, connect;dur=%.1f, fetch;dur=%.1f, parse;dur=%.1f" % phases + shared
