"""Problem details (RFC 9457), made of nothing but the reason."""

import math
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


class RenderedProblem:
    """A response that differs in the request's id alone, and is rendered once."""

    def __init__(self, reason: Reason, retry_after: float | None) -> None:
        self.status = status_of(reason)
        self._headers = [(b"cache-control", b"no-store"), (b"content-type", MEDIA_TYPE.encode())]
        if retry_after is not None:
            self._headers.append((b"retry-after", b"%d" % math.ceil(retry_after)))
        members = _members(reason, "\0")  # the id is the last member
        self._before, self._after = orjson.dumps(members).split(b"\\u0000")

    def of(self, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body; an id needs no escapes in JSON."""
        name = request_id.encode()
        body = self._before + name + self._after
        return [*self._headers, (b"content-length", b"%d" % len(body)), (b"x-request-id", name)], body


rendered = cache(RenderedProblem)  # of few reasons, each with the same seconds


def _members(reason: Reason, request_id: str) -> dict[str, object]:
    """The members that every problem has."""
    return {
        "type": type_of(reason),
        "title": title_of(reason),
        "status": status_of(reason),
        "detail": reason.sentence,
        "reason": reason.value,
        "fault": reason.fault.value,
        "instance": request_id,
    }


def problem(
    summary: RequestEnded, reason: Reason, *, upstream_status: int | None = None, retry_after: float | None = None
) -> Response:
    """The response to a failed request, also noted in its summary; `retry_after` is in seconds."""
    summary.reason, summary.outcome, summary.status = reason, reason.outcome, status_of(reason)
    summary.upstream_status = upstream_status
    members = _members(reason, summary.request_id)
    if upstream_status is not None:
        members["upstream_status"] = upstream_status
    headers = {"Cache-Control": "no-store"}
    if summary.cache:  # a page was asked for
        headers["Server-Timing"] = server_timing(summary).decode()
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    return Response(orjson.dumps(members), summary.status, headers, MEDIA_TYPE)


async def on_scrap_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for our own errors."""
    assert isinstance(error, ScrapError)  # noqa: S101 - it is registered for these
    request.state.summary.internal = error.internal
    return problem(request.state.summary, error.reason, retry_after=getattr(error, "retry_after", None))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for what its router raises: 404, and 405 with Allow."""
    assert isinstance(error, HTTPException)  # noqa: S101 - likewise
    found = error.status_code != HTTPStatus.NOT_FOUND
    response = problem(request.state.summary, Reason.METHOD_NOT_ALLOWED if found else Reason.NOT_FOUND)
    response.headers.update(error.headers or {})
    return response


def server_timing(summary: RequestEnded) -> bytes:
    """Server-Timing (W3C): the phases of the request's own fetch in milliseconds; 0.0 where it made none."""
    return _server_timing(summary.timings) if summary.cache == MISS else _NO_FETCH


def _server_timing(t: Timings) -> bytes:
    phases = t.dns * 1e3, t.connect * 1e3, (t.first_byte + t.body) * 1e3, t.parse * 1e3
    return b"dns;dur=%.1f, connect;dur=%.1f, fetch;dur=%.1f, parse;dur=%.1f" % phases


_NO_FETCH = _server_timing(Timings())
