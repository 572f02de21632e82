"""CORS: the origins whose scripts may read responses (WHATWG Fetch, section 3.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.api.problem import Problem
from scrap.errors import Reason

_REQUEST_HEADERS = ("Cache-Control", "If-None-Match", "Traceparent", "Tracestate", "X-Request-ID")
_RESPONSE_HEADERS = ("Age", "Content-Location", "ETag", "Link", "Retry-After", "Server-Timing", "X-Request-ID")


@dataclass(frozen=True, slots=True)
class CORSPolicy:
    """Whose scripts may read responses."""

    origins: tuple[str, ...] = ()  # as browsers send them; "*" for every one


def cors(policy: CORSPolicy) -> Callable[[ASGIApp], ASGIApp] | None:
    """The middleware; None where no origin is allowed. It wraps what `RequestContext` itself responds as well."""
    if not policy.origins:
        return None
    return partial(
        ProblemCORSMiddleware,
        allow_origins=policy.origins,
        allow_methods=("GET", "HEAD"),
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_RESPONSE_HEADERS,
    )


class ProblemCORSMiddleware(CORSMiddleware):
    """Starlette's middleware, whose response to a preflight that is not allowed is a problem, and not text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        return response if response.status_code == HTTPStatus.OK else RejectedPreflight(headers=response.headers)


class RejectedPreflight(Response):
    """The problem, with those of Starlette's headers that are about CORS."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = Problem(scope["state"]["summary"], Reason.PREFLIGHT_REJECTED)
        problem.raw_headers += [field for field in self.raw_headers if not field[0].startswith(b"content-")]
        await problem(scope, receive, send)
