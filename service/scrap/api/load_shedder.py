"""The load shedder: while the service is overloaded, requests that need a fetch are rejected before anything else.

It is the outermost middleware, for at four times the peak load there are three rejections to a page: what one costs is
missing for pages.
"""

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.api.problem import problem
from scrap.api.request_context import request_id_of
from scrap.api.scrap import PATH, remembered
from scrap.errors import Outcome
from scrap.events import Emit, RequestEnded, RequestStarted
from scrap.preview import Previewer


class LoadShedder:
    """ASGI middleware; outside of `RequestContext`, whose events it emits for what it rejects."""

    def __init__(self, app: ASGIApp, *, previewer: Previewer, emit: Emit) -> None:
        self._app = app
        self._previewer = previewer
        self._emit = emit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rejects the request, or hands it on."""
        if not self._previewer.is_overloaded or scope["path"] != PATH or self._admits(scope):
            await self._app(scope, receive, send)
        else:
            await self._reject(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        """Whether the request needs no fetch, or may have one.

        Its URL is looked up as written and not parsed, which would be a fifth of a rejection's cost. So what the cache
        holds is answered if the same query was asked before.
        """
        if scope["method"] not in {"GET", "HEAD"}:
            return True
        target = remembered(scope["query_string"])
        return (target is not None and self._previewer.knows(target)) or self._previewer.admit()

    async def _reject(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._emit(RequestStarted())
        started = time.perf_counter()
        error = self._previewer.reject()
        summary = RequestEnded(request_id_of(scope), scope["method"], PATH, 200, Outcome.OK, 0.0, path=PATH)
        response = problem(summary, error.reason, retry_after=error.retry_after)
        response.raw_headers.append((b"x-request-id", summary.request_id.encode()))
        await response(scope, receive, send)
        summary.seconds, summary.ended = time.perf_counter() - started, time.time()
        self._emit(summary)
