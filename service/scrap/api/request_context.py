"""What surrounds every request: its id, its summary, and the events that it starts and ends with."""

import asyncio
import random
import re
import time
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrap.api.problem import problem
from scrap.errors import Outcome, Reason, ScrapError
from scrap.events import Emit, RequestEnded, RequestStarted

UNMATCHED: Final = "unmatched"  # the route of a path that is none
_SAFE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")  # it cannot hurt a log or a header
_ids: Final = random.Random()  # noqa: S311 - ids tell requests apart; nothing is secret about them


def new_request_id() -> str:
    """An id for a request that brings none of its own."""
    return f"{_ids.getrandbits(64):016x}"


def identify(scope: Scope) -> tuple[str, str, str]:
    """The id of a request and the trace that it continues, from its headers.

    Returns:
        `X-Request-ID` if it is safe in logs and headers, else a new id; traceparent and tracestate, a list if it is
        repeated (RFC 9110, section 5.3), each "" where there is none.
    """
    request_id, parents, states = "", [], []
    for name, value in scope["headers"]:
        if name == b"x-request-id" and not request_id:
            request_id = value.decode() if _SAFE_REQUEST_ID.fullmatch(value) else new_request_id()
        elif name == b"traceparent":
            parents.append(value.decode("latin-1"))
        elif name == b"tracestate":
            states.append(value.decode("latin-1"))
    request_id = request_id or new_request_id()
    return (request_id, parents[0], ", ".join(states)) if parents else (request_id, "", "")


class RequestContext:
    """ASGI middleware: gives each request its summary, `request.state.summary`, and emits it at the end.

    An unexpected error is answered here: Starlette would raise it again, for a log that has it already.
    """

    def __init__(self, app: ASGIApp, *, emit: Emit) -> None:
        self._app = app
        self._emit = emit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request_id, traceparent, tracestate = identify(scope)
        summary = RequestEnded(request_id, scope["method"], UNMATCHED, 200, Outcome.OK, 0.0, path=scope["path"])
        scope.setdefault("state", {})["summary"] = summary
        self._emit(RequestStarted(traceparent, tracestate))
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
    """The response to what is not yet a request, as bytes for a connection that is closed after it (HTTP/1.1)."""
    emit(RequestStarted())
    summary = RequestEnded(new_request_id(), "", UNMATCHED, 200, Outcome.OK, None)
    response = problem(summary, error.reason, retry_after=getattr(error, "retry_after", None))
    emit(summary)
    headers = [*response.raw_headers, (b"x-request-id", summary.request_id.encode()), (b"connection", b"close")]
    status = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()
    return b"\r\n".join([status, *(name + b": " + value for name, value in headers), b"", bytes(response.body)])
