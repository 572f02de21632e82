"""CORS: the origins whose scripts may read responses (WHATWG Fetch, section 3.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

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
        CORSMiddleware,
        allow_origins=policy.origins,
        allow_methods=("GET", "HEAD"),
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_RESPONSE_HEADERS,
    )
