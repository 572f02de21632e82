"""HTTP in: the public API, its errors and description, and the management port."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scrap.api import openapi, scrap
from scrap.api.calls import Calls
from scrap.api.connection import ConnectionLimits
from scrap.api.door import Door
from scrap.api.management import management_app
from scrap.api.refusals import Refusals
from scrap.api.server import Server, ServerLimits, listen, url_of
from scrap.events import Emit
from scrap.preview import Previewer

__all__ = [
    "ROUTES",
    "ConnectionLimits",
    "Server",
    "ServerLimits",
    "listen",
    "management_app",
    "public_app",
    "url_of",
]

ROUTES = frozenset({scrap.PATH, openapi.PATH})


def public_app(previewer: Previewer, *, emit: Emit, version: str) -> Calls:
    """Builds the public application.

    Args:
        previewer: makes the previews.
        emit: where the events go.
        version: the service's version, for the API's description.
    """
    description = openapi.render(version)

    async def describe(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"X-Request-ID": scope["call"].request_id, "Cache-Control": openapi.CACHE_CONTROL}
        await Response(description, headers=headers, media_type="application/json")(scope, receive, send)

    refusals = Refusals(emit)
    return Calls(
        {scrap.PATH: scrap.ScrapEndpoint(previewer), openapi.PATH: describe},
        emit=emit,
        refusals=refusals,
        turn_away=Door(previewer, refusals).refusal,
    )
