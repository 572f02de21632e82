"""The house's own port: liveness, readiness, metrics. Nothing of it is on the public port."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from scrap.api.calls import Calls
from scrap.api.refusals import Refusals
from scrap.events import ignore


def management_app(*, is_ready: Callable[[], bool], exposition: Callable[[str], tuple[bytes, str]]) -> Calls:
    """Builds the management application.

    Args:
        is_ready: says whether new calls are welcome; False while draining.
        exposition: renders the metrics for an Accept header, as (body, content type); called in a thread of its own.
    """

    async def livez(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok\n")(scope, receive, send)  # no dependencies: a restart would mend none of them

    async def readyz(scope: Scope, receive: Receive, send: Send) -> None:
        answer = PlainTextResponse("ok\n") if is_ready() else PlainTextResponse("draining\n", 503)
        await answer(scope, receive, send)

    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        # In a thread: to render takes 10 ms and more, which no call should wait for.
        body, content_type = await asyncio.to_thread(exposition, Headers(scope=scope).get("accept", ""))
        await Response(body, headers={"content-type": content_type})(scope, receive, send)

    endpoints = {"/livez": livez, "/readyz": readyz, "/metrics": metrics}
    # Scrapes and probes are no calls: they would drown the figures of those that are.
    return Calls(endpoints, emit=ignore, refusals=Refusals(ignore))
