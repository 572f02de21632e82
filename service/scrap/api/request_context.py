"""What surrounds every request: its id, its summary, and its events."""

import asyncio
import random
import re
import time
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrap.api.problem import problem, rendered
from scrap.errors import Outcome, Reason, ScrapError
from scrap.events import Emit, RequestEnded, RequestStarted

UNMATCHED: Final = "unmatched"  # the route of a path that has none
Fields = dict[bytes, bytes]

_READ: Final = frozenset(
    (b"accept-language", b"cache-control", b"if-none-match", b"traceparent", b"tracestate", b"x-request-id")
)
_SAFE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")  # in logs, headers and JSON
_ids: Final = random.Random()  # noqa: S311 - an id is no secret


def new_request_id() -> str:
    """An id for a request that has none."""
    return f"{_ids.getrandbits(64):016x}"


def fields_of(scope: Scope) -> Fields:
    """The header fields that are read; repeated ones are one list (RFC 9110, section 5.3)."""
    fields: Fields = {}
    for name, value in scope["headers"]:
        if name in _READ:
            fields[name] = b"%b, %b" % (fields[name], value) if name in fields else value
    return fields


def identify(fields: Fields) -> tuple[str, RequestStarted]:
    """A request's id, `X-Request-ID` if it is safe, else a new one; and the event of its start."""
    given = fields.get(b"x-request-id")
    request_id = given.decode() if given and _SAFE_REQUEST_ID.fullmatch(given) else new_request_id()
    parent, state = fields.get(b"traceparent"), fields.get(b"tracestate", b"")
    return request_id, RequestStarted(parent.decode("latin-1"), state.decode("latin-1")) if parent else RequestStarted()


class RequestContext:
    """ASGI middleware: creates a request's summary, `request.state.summary`, and emits it at the end.

    It responds to unexpected errors: Starlette would raise them again, for a second log line.
    """

    def __init__(self, app: ASGIApp, *, emit: Emit) -> None:
        self._app = app
        self._emit = emit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        fields = fields_of(scope)
        request_id, started_event = identify(fields)
        summary = RequestEnded(request_id, scope["method"], UNMATCHED, 200, Outcome.OK, 0.0, path=scope["path"])
        scope.setdefault("state", {}).update(summary=summary, fields=fields)
        self._emit(started_event)
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                summary.status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except asyncio.CancelledError:  # by the server, whose time to shut down is over
            problem(summary, Reason.DRAINING)
            raise
        except Exception as error:  # noqa: BLE001 - it is logged with the summary
            summary.error, summary.internal = error, repr(error)
            await problem(summary, Reason.INTERNAL)(scope, receive, send_with_id)
        finally:
            if "endpoint" in scope:
                summary.route = scope["path"]  # no route has a parameter
            summary.seconds, summary.ended = time.perf_counter() - started, time.time()
            self._emit(summary)


def rejection(error: ScrapError, emit: Emit) -> bytes:
    """The response to what is not yet a request, for a connection that is closed after it (HTTP/1.1)."""
    request_id, reason = new_request_id(), error.reason
    problem = rendered(reason, getattr(error, "retry_after", None))
    emit(RequestStarted())
    emit(RequestEnded(request_id, "", UNMATCHED, problem.status, reason.outcome, None, reason))
    headers, body = problem.of(request_id)
    status = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()
    lines = (name + b": " + value for name, value in (*headers, (b"connection", b"close")))
    return b"\r\n".join([status, *lines, b"", body])
