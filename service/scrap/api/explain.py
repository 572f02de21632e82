"""`GET /api/v1/explain?url=…`."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from scrap.api.application import ExactRoute
from scrap.api.problem import server_timing
from scrap.api.target_reader import TargetReader
from scrap.explanation import Explainer

PATH = "/api/v1/explain"


def explain_route(explainer: Explainer, targets: TargetReader) -> ExactRoute:
    """The route that fetches the page at a URL, and responds with how its Open Graph was found, as JSON."""

    async def explain(request: Request) -> Response:
        summary = request.state.summary
        target = targets.read(request.scope["query_string"], request.state.fields)
        summary.target, summary.target_host = target.href, target.host
        preview, explanation = await explainer.explain(target, request.state.disconnect)
        preview.fill_in(summary)
        headers = {"Cache-Control": "no-store", "Server-Timing": server_timing(summary).decode()}
        return Response(orjson.dumps(explanation), headers=headers, media_type="application/json")

    return ExactRoute(PATH, explain)
