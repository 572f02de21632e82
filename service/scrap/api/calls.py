"""All calls to the public API, from their first byte to their last event."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.api.call import Call, new_request_id
from scrap.api.problem import METHODS, problem, status_of
from scrap.api.refusals import UNMATCHED, Refusals
from scrap.errors import Overloaded, Reason, ScrapError
from scrap.events import Emit, RequestEnded, RequestStarted

# A caller's own id is taken over where it cannot hurt a log or a header.
_SAFE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_READ = frozenset({b"x-request-id", b"traceparent", b"tracestate", b"if-none-match"})

# Looks at all that a caller says, where nothing else is under way, and may have an answer before it is a request.
TurnAway = Callable[[bytes], bytes | None]


def _welcome(data: bytes) -> None:
    """Turns nobody away."""


def _call(scope: Scope) -> Call:
    """The call of a request, with what its headers say that counts here; repeated ones are one list (RFC 9110, 5.3)."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _READ:
            headers[name] = headers[name] + b", " + value if name in headers else value
    own_id = headers.get(b"x-request-id")
    request_id = str(own_id, "ascii") if own_id and _SAFE_REQUEST_ID.fullmatch(own_id) else new_request_id()
    return Call(request_id, headers)


class Calls:
    """The ASGI application: gives every request its `Call`, has it answered, and says when it begins and ends.

    Args:
        endpoints: who answers, by path; any other path is one and the same route to metrics and logs.
        emit: where the events go.
        refusals: answer who never becomes a call.
        turn_away: refuses calls before they are any.

    Attributes:
        in_flight: calls that are being answered.
    """

    def __init__(
        self,
        endpoints: Mapping[str, ASGIApp],
        *,
        emit: Emit,
        refusals: Refusals,
        turn_away: TurnAway = _welcome,
    ) -> None:
        self.refusals = refusals
        self.turn_away = turn_away
        self.in_flight = 0
        self._endpoints = endpoints
        self._emit = emit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        call = scope["call"] = _call(scope)
        path = scope["path"]
        started = time.perf_counter()
        self.in_flight += 1
        traceparent, tracestate = (call.headers.get(name, b"") for name in (b"traceparent", b"tracestate"))
        self._emit(RequestStarted(traceparent.decode("latin-1"), tracestate.decode("latin-1")))
        try:
            await self._answer(call, scope, receive, send)
        except asyncio.CancelledError:  # by the server, whose time to shut down is over
            call.fail(Overloaded(Reason.DRAINING), status_of(Reason.DRAINING))
            raise
        finally:
            self.in_flight -= 1
            self._end(call, scope["method"], path, started)

    async def _answer(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._endpoint(scope)(scope, receive, send)
        except ScrapError as error:
            answer = problem(error, call)
        except Exception as error:  # noqa: BLE001 - it is recorded at the call's end
            call.error = error
            answer = problem(ScrapError(Reason.INTERNAL, repr(error)), call)
        else:
            return
        await answer(scope, receive, send)

    def _endpoint(self, scope: Scope) -> ASGIApp:
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            raise ScrapError(Reason.NOT_FOUND)
        if scope["method"] not in METHODS:
            raise ScrapError(Reason.METHOD_NOT_ALLOWED)
        return endpoint

    def _end(self, call: Call, method: str, path: str, started: float) -> None:
        self._emit(
            RequestEnded(
                request_id=call.request_id,
                method=method,
                route=path if path in self._endpoints else UNMATCHED,
                status=call.status,
                outcome=call.outcome,
                seconds=time.perf_counter() - started,
                reason=call.reason,
                cache=call.source,
                target=call.target.href if call.target else "",
                target_host=call.target.host if call.target else "",
                path=path,
                timings=call.timings,
                notes=call.notes,
                internal=call.internal,
                upstream_status=call.upstream_status,
                error=call.error,
            )
        )
