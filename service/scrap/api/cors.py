"""CORS: the origins whose scripts may read responses (WHATWG Fetch, section 3.2)."""

from collections.abc import Callable, Collection
from functools import partial

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_REQUEST_HEADERS = ("Cache-Control", "If-None-Match", "Traceparent", "Tracestate", "X-Request-ID")
_RESPONSE_HEADERS = ("Age", "Content-Location", "ETag", "Link", "Retry-After", "Server-Timing", "X-Request-ID")


def cors(origins: Collection[str]) -> Callable[[ASGIApp], ASGIApp]:
    """The middleware for these origins; "*" is every one."""
    return partial(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "HEAD"),
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_RESPONSE_HEADERS,
    )
