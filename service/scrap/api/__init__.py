"""HTTP in: the public API, its errors and description, and the management port."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scrap.api import openapi, problem, scrap
from scrap.api.connection import ConnectionLimits
from scrap.api.load_shedder import LoadShedder
from scrap.api.management import management_app
from scrap.api.request_context import RequestContext
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


def public_app(previewer: Previewer, *, emit: Emit, version: str) -> Starlette:
    """Builds the public application.

    Args:
        previewer: makes the previews.
        emit: where the events go.
        version: the service's version, for the API's description.
    """
    description = openapi.render(version)

    async def describe(request: Request) -> Response:
        headers = {"Cache-Control": openapi.CACHE_CONTROL}
        return Response(description, headers=headers, media_type="application/json")

    app = Starlette(
        routes=[Route(scrap.PATH, scrap.ScrapEndpoint(previewer).get), Route(openapi.PATH, describe)],
        middleware=[Middleware(RequestContext, emit=emit), Middleware(LoadShedder, previewer=previewer)],
        exception_handlers=problem.HANDLERS,
    )
    app.router.redirect_slashes = False
    return app
