"""The load shedder: in an overload it rejects requests that need a fetch, before anything else is done for them.

It is the outermost middleware: at four times the peak load there are three rejections to a page, so their cost is
missing for pages.
"""

import time
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.api.problem import rendered
from scrap.api.request_context import Fields, fields_of, identify
from scrap.api.scrap import PATH
from scrap.api.target_reader import TargetReader
from scrap.events import Emit, RequestEnded, Timings
from scrap.preview import Previewer

_NO_TIMINGS: Final = Timings()


class LoadShedder:
    """ASGI middleware; outside of `RequestContext`, whose events it emits for what it rejects."""

    def __init__(self, app: ASGIApp, *, previewer: Previewer, targets: TargetReader, emit: Emit) -> None:
        self._app = app
        self._previewer = previewer
        self._targets = targets
        self._emit = emit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rejects the request, or passes it on."""
        if self._previewer.is_overloaded and scope["path"] == PATH and scope["method"] in {"GET", "HEAD"}:
            fields = fields_of(scope)
            if not self._admits(scope, fields):
                await self._reject(scope, fields, send)
                return
        await self._app(scope, receive, send)

    def _admits(self, scope: Scope, fields: Fields) -> bool:
        """Whether the request needs no fetch, or may have one.

        The URL is not parsed, which would be a fifth of a rejection's cost: a page in the cache is found if the same
        query was received before.
        """
        target = self._targets.remembered(scope["query_string"], fields.get(b"accept-language", b""))
        return (target is not None and self._previewer.knows(target)) or self._previewer.admit()

    async def _reject(self, scope: Scope, fields: Fields, send: Send) -> None:
        request_id, started_event = identify(fields)
        self._emit(started_event)
        started = time.perf_counter()
        error = self._previewer.reject()
        reason = error.reason
        problem = rendered(reason, error.retry_after)
        headers, body = problem.of(request_id)
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        seconds, outcome = time.perf_counter() - started, reason.outcome
        method, status = scope["method"], problem.status
        self._emit(
            RequestEnded(request_id, method, PATH, status, outcome, seconds, reason, path=PATH, timings=_NO_TIMINGS)
        )
