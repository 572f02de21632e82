"""The load shedder: while the service is overloaded, requests that need a fetch are rejected before the router."""

from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.api.problem import problem
from scrap.api.scrap import PATH, read_query
from scrap.errors import InvalidURL
from scrap.preview import Previewer


class LoadShedder:
    """ASGI middleware; inside of `RequestContext`."""

    def __init__(self, app: ASGIApp, *, previewer: Previewer) -> None:
        self._app = app
        self._previewer = previewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rejects the request, or hands it on."""
        if not self._previewer.is_overloaded or scope["path"] != PATH or self._admits(scope):
            await self._app(scope, receive, send)
            return
        summary = scope["state"]["summary"]
        summary.route = PATH
        error = self._previewer.reject()
        await problem(summary, error.reason, retry_after=error.retry_after)(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        """Whether the request needs no fetch, or may have one."""
        if scope["method"] not in {"GET", "HEAD"}:
            return True
        try:
            target = read_query(scope["query_string"])
        except InvalidURL:
            return True
        return self._previewer.knows(target) or self._previewer.admit()
