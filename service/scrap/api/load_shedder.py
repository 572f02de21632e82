"""The load shedder: in an overload it rejects requests that need a fetch, before anything else is done for them."""

from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.admission import Admission
from scrap.api.problem import Problem
from scrap.api.scrap import PATH
from scrap.api.target_reader import TargetReader
from scrap.preview import Previewer


class LoadShedder:
    """ASGI middleware inside of `RequestContext`.

    A page that only the shared cache may have counts as one to fetch: a look-up waits for another server, and a
    rejection has to be quick.
    """

    def __init__(self, app: ASGIApp, *, admission: Admission, previewer: Previewer, targets: TargetReader) -> None:
        self._app = app
        self._admission = admission
        self._previewer = previewer
        self._targets = targets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._admission.is_overloaded or self._admits(scope):
            await self._app(scope, receive, send)
            return
        summary = scope["state"]["summary"]
        summary.route = PATH
        await Problem(summary, self._admission.reject().reason)(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        """Whether the request needs no fetch, or may have one.

        To parse its URL would be a fifth of a rejection's cost: a cached page is found if it was asked for before.
        """
        if scope["path"] != PATH or scope["method"] not in {"GET", "HEAD"}:
            return True
        target = self._targets.remembered(scope["query_string"], scope["state"]["fields"])
        return (target is not None and self._previewer.knows(target)) or self._admission.admit()
