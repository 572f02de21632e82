"""`GET /api/v1/explain?url=…`."""

import orjson
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
        body = orjson.dumps(await self._explainer.explain(target, summary, state.get("disconnect")))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"server-timing", server_timing(summary)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
