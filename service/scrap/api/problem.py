"""Errors as callers see them: RFC 9457 problem details, made of nothing but the reason's own words."""

import http
import math

import orjson
from starlette.responses import Response

from scrap.api.call import Call
from scrap.errors import Outcome, Reason, ScrapError, UpstreamError

MEDIA_TYPE = "application/problem+json"
METHODS = frozenset({"GET", "HEAD"})
"""What every path takes."""

# Problem types are tag URIs (RFC 4151): stable names that nobody has to serve; docs/problems.md explains each.
_TYPE_PREFIX = "tag:scrap.dev,2026:"

# The status of a reason where it is not its outcome's.
_STATUS = {
    Reason.NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.REQUEST_TIMEOUT: 408,
    Reason.REQUEST_TOO_LARGE: 431,
    Reason.CALLER_LEFT: 499,  # nginx's number: nobody reads it but the log
}

_TITLES: dict[Reason | Outcome, str] = {
    Reason.NOT_FOUND: "Not found",
    Reason.METHOD_NOT_ALLOWED: "Method not allowed",
    Reason.REQUEST_TIMEOUT: "The request took too long",
    Reason.REQUEST_TOO_LARGE: "The request is too large",
    Reason.CALLER_LEFT: "The caller left",
    Outcome.CALLER_ERROR: "The request cannot be understood",
    Outcome.BLOCKED: "The target may not be fetched",
    Outcome.UPSTREAM_ERROR: "The page could not be had",
    Outcome.TIMEOUT: "The page took too long",
    Outcome.SHED: "Too busy",
    Outcome.INTERNAL_ERROR: "Something of ours failed",
}


def type_of(reason: Reason) -> str:
    """The stable `type` URI of a reason's problem."""
    return _TYPE_PREFIX + (reason if reason in _STATUS else reason.outcome).replace("_", "-")


def title_of(reason: Reason) -> str:
    """The `title` of a reason's problem: the same for every problem of its type."""
    return _TITLES.get(reason) or _TITLES[reason.outcome]


def status_of(reason: Reason) -> int:
    """The HTTP status that answers a reason."""
    return _STATUS.get(reason, reason.outcome.status)


def problem(error: ScrapError, call: Call, headers: dict[str, str] | None = None) -> Response:
    """The answer to a failed call (RFC 9457, section 3), noted in the call."""
    reason = error.reason
    status = status_of(reason)
    call.fail(error, status)
    members: dict[str, object] = {
        "type": type_of(reason),
        "title": title_of(reason),
        "status": status,
        "detail": reason.sentence,
        "instance": call.request_id,
        "reason": reason.value,
        "fault": reason.fault.value,
    }
    answered = {"X-Request-ID": call.request_id, "Cache-Control": "no-store"} | (headers or {})
    if call.source:  # a page was sought
        answered["Server-Timing"] = call.server_timing.decode()
    if isinstance(error, UpstreamError) and error.status is not None:
        members["upstream_status"] = error.status
    if reason is Reason.METHOD_NOT_ALLOWED:
        answered["Allow"] = ", ".join(sorted(METHODS))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        answered["Retry-After"] = str(math.ceil(retry_after))
    return Response(orjson.dumps(members), status, answered, MEDIA_TYPE)


def wire(error: ScrapError, call: Call, *, close: bool) -> bytes:
    """The same answer as bytes (HTTP/1.1), for a connection that is closed after it or not."""
    answer = problem(error, call, {"Connection": "close"} if close else None)
    head = [f"HTTP/1.1 {answer.status_code} {http.HTTPStatus(answer.status_code).phrase}".encode()]
    head += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*head, b"", bytes(answer.body)])
