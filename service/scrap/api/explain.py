"""`GET /api/v1/explain?url=…`."""

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scrap.api.problem import server_timing
from scrap.api.target_reader import TargetReader
from scrap.explanation import Explainer

PATH = "/api/v1/explain"


class ExplainEndpoint:
    """An ASGI endpoint: fetches the page at a URL, and responds with how its Open Graph was found, as JSON."""

    def __init__(self, explainer: Explainer, targets: TargetReader) -> None:
        self._explainer = explainer
        self._targets = targets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        summary = state["summary"]
        target = self._targets.read(scope["query_string"], state["fields"])
        summary.target, summary.target_host = target.href, target.host
        preview, explanation = await self._explainer.explain(target, state.get("disconnect"))
        preview.fill_in(summary)
        headers = {"Cache-Control": "no-store", "Server-Timing": server_timing(summary).decode()}
        response = Response(orjson.dumps(explanation), headers=headers, media_type="application/json")
        await response(scope, receive, send)
