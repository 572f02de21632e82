"""The management port: liveness, readiness, metrics, top clients. Nothing of it is on the public port."""

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from scrap.api.application import ExactRoute, application
from scrap.clients import NO_CLIENTS
from scrap.events import ignore


def management_app(
    *, stopping: asyncio.Event, exposition: Callable[[str], tuple[bytes, str]], top_clients: Callable[[], bytes]
) -> Starlette:
    """Builds the management application.

    It is ready until `stopping` is set. `exposition` renders the metrics for an Accept header, in a thread;
    `top_clients` the list of clients as JSON.
    """

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n")  # no dependencies: a restart would fix none of them

    async def readyz(request: Request) -> Response:
        return PlainTextResponse("draining\n", 503) if stopping.is_set() else PlainTextResponse("ok\n")

    async def metrics(request: Request) -> Response:
        # In a thread: to render takes 10 ms and more, which no request should wait for.
        body, content_type = await asyncio.to_thread(exposition, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    async def clients(request: Request) -> Response:
        return Response(top_clients(), media_type="application/json")

    # Scrapes and probes emit no events: they would drown those of requests.
    endpoints = {"/livez": livez, "/readyz": readyz, "/metrics": metrics, "/clients": clients}
    routes = [ExactRoute(path, endpoint) for path, endpoint in endpoints.items()]
    return application(routes, emit=ignore, clients=NO_CLIENTS)
