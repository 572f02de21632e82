"""What surrounds every request: its id, its summary, and its events."""

import asyncio
import random
import re
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrap.api.problem import Problem
from scrap.clients import ClientReader
from scrap.errors import Outcome, Reason, ScrapError
from scrap.events import Emit, RequestEnded, RequestStarted

Around = Callable[[ASGIApp], ASGIApp] | None

UNMATCHED: Final = "unmatched"  # the route of a path that has none
_READ: Final = frozenset(
    b"accept-language cache-control forwarded if-none-match traceparent tracestate user-agent x-forwarded-for"
    b" x-request-id".split()
)
_SAFE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")  # in logs, headers and JSON
_ids: Final = random.Random()  # noqa: S311 - an id is no secret


def new_request_id() -> bytes:
    return b"%016x" % _ids.getrandbits(64)


class RequestContext:
    """ASGI middleware: creates `request.state.summary` and `.fields`, and emits the summary at the request's end.

    It responds to unexpected errors, which Starlette would raise again, for a second log line; and to requests that the
    server cancels: its time to shut down is over. Repeated fields are one list (RFC 9110, section 5.3). `around` wraps
    the application, and what it responds instead.
    """

    def __init__(self, app: ASGIApp, *, emit: Emit, clients: ClientReader, around: Around = None) -> None:
        self._app = around(app) if around else app
        self._around = around
        self._emit = emit
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fields: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _READ:
                fields[name] = b"%b, %b" % (fields[name], value) if name in fields else value
        given = fields.get(b"x-request-id", b"")
        request_id = given if _SAFE_REQUEST_ID.fullmatch(given) else new_request_id()
        summary = RequestEnded(request_id.decode(), scope["method"], UNMATCHED, 0, Outcome.OK, 0.0, path=scope["path"])
        summary.client_address, summary.user_agent = self._clients.read(scope.get("client"), fields)
        scope.setdefault("state", {}).update(summary=summary, fields=fields)
        parent, state = fields.get(b"traceparent", b""), fields.get(b"tracestate", b"")
        self._emit(RequestStarted(parent.decode("latin-1"), state.decode("latin-1")))
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                summary.status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except (Exception, asyncio.CancelledError) as error:
            is_started = bool(summary.status)
            if isinstance(error, Exception):  # it is logged with the summary
                summary.error, summary.internal = error, repr(error)
            response: ASGIApp = Problem(summary, Reason.INTERNAL if summary.error else Reason.DRAINING)
            if is_started:
                raise
            if self._around:
                response = self._around(response)
            await response(scope, receive, send_with_id)
        finally:
            summary.route = scope.get("template", summary.route)
            summary.seconds, summary.ended = time.perf_counter() - started, time.time()
            self._emit(summary)


def rejection(error: ScrapError, peer: Sequence[Any] | None, *, emit: Emit, clients: ClientReader) -> bytes:
    """The response to what is not yet a request, for a connection that is closed after it (HTTP/1.1)."""
    request_id = new_request_id()
    summary = RequestEnded(request_id.decode(), "", UNMATCHED, 0, Outcome.OK, None)
    summary.client_address, summary.user_agent = clients.read(peer, {})
    problem = Problem(summary, error.reason)
    emit(RequestStarted())
    emit(summary)
    status = f"HTTP/1.1 {summary.status} {HTTPStatus(summary.status).phrase}".encode()
    date = formatdate(usegmt=True).encode()  # RFC 9110, section 6.6.1
    headers = (b"date", date), *problem.raw_headers, (b"x-request-id", request_id), (b"connection", b"close")
    return b"\r\n".join([status, *(b"%b: %b" % field for field in headers), b"", problem.body])
