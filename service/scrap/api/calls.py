"""All calls to the public API, from their first byte to their last event."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.api.call import Call, new_request_id
from scrap.api.problem import METHODS, problem, status_of
from scrap.api.refusals import UNMATCHED, Refusals
from scrap.errors import Overloaded, Reason, ScrapError
from scrap.events import Emit, EmitHit, Ending, Follow, RequestEnded, RequestStarted, ended

# A caller's own id is taken over where it cannot hurt a log or a header.
_SAFE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_READ = frozenset({b"x-request-id", b"traceparent", b"tracestate", b"if-none-match"})
_UNTRACED = RequestStarted()
# Hits of one page end alike, again and again. What is remembered is bounded, and few links are longer.
_ending = lru_cache(8192)(Ending)
_MEMORABLE: Final = 512  # characters

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


def _started(call: Call) -> RequestStarted:
    """The event, with the caller's trace (W3C Trace Context)."""
    return RequestStarted(
        call.headers[b"traceparent"].decode("latin-1"), call.headers.get(b"tracestate", b"").decode("latin-1")
    )


class Calls:
    """The ASGI application: gives every request its `Call`, has it answered, and says when it begins and ends.

    Args:
        endpoints: who answers, by path; any other path is one and the same route to metrics and logs.
        emit: where the events go.
        hit: where hits go; None: they are events like all others.
        follow: takes `RequestStarted`; None: nobody wants to know when a call begins.
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
        hit: EmitHit | None = None,
        follow: Follow | None = None,
        refusals: Refusals,
        turn_away: TurnAway = _welcome,
    ) -> None:
        self.refusals = refusals
        self.turn_away = turn_away
        self.in_flight = 0
        self._endpoints = endpoints
        self._emit = emit
        self._hit = hit or (lambda hit: emit(ended(hit)))
        self._follow = follow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        call = scope["call"] = _call(scope)
        path = scope["path"]
        started = time.perf_counter()
        self.in_flight += 1
        followed = None
        if self._follow:
            followed = self._follow(_started(call) if b"traceparent" in call.headers else _UNTRACED)
        try:
            await self._answer(call, scope, receive, send)
        except asyncio.CancelledError:  # by the server, whose time to shut down is over
            call.fail(Overloaded(Reason.DRAINING), status_of(Reason.DRAINING))
            raise
        finally:
            self.in_flight -= 1
            self._end(call, scope["method"], path, started, followed)

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

    def _end(self, call: Call, method: str, path: str, started: float, followed: object) -> None:
        seconds = time.perf_counter() - started
        target, host = (call.target.href, call.target.host) if call.target else ("", "")
        route = path if path in self._endpoints else UNMATCHED
        how = method, route, call.status, call.outcome, call.reason, call.source, target, host, path
        detail = call.detail
        if detail is None and len(target) <= _MEMORABLE:
            self._hit((_ending(*how), call.request_id, seconds, time.time(), followed))
        else:
            self._emit(RequestEnded(Ending(*how), call.request_id, seconds, detail))
