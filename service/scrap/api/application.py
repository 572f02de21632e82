"""The Starlette applications of both ports."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from scrap.admission import Admission
from scrap.api import openapi, problem, scrap
from scrap.api.client_reader import ClientReader
from scrap.api.load_shedder import LoadShedder
from scrap.api.request_context import RequestContext
from scrap.api.target_reader import TargetReader
from scrap.errors import ScrapError
from scrap.events import Emit
from scrap.preview import Previewer


class ExactRoute(Route):
    """A route of one path: the expression that Starlette makes of a path matches it before a final newline as well."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"] != self.path:
            return Match.NONE, {}
        is_full = self.methods is None or scope["method"] in self.methods
        return Match.FULL if is_full else Match.PARTIAL, {"endpoint": self.endpoint, "path_params": {}}


def public_app(
    previewer: Previewer, admission: Admission, *, languages: str, emit: Emit, version: str, clients: ClientReader
) -> Starlette:
    """Builds the public application; `languages` are those of clients that name none, `version` is OpenAPI's."""
    description = openapi.render(version)

    async def describe(request: Request) -> Response:
        headers = {"Cache-Control": openapi.CACHE_CONTROL}
        return Response(description, headers=headers, media_type="application/json")

    targets = TargetReader(languages)
    endpoint = scrap.ScrapEndpoint(previewer, targets)
    routes = [ExactRoute(scrap.PATH, endpoint, methods=["GET"]), ExactRoute(openapi.PATH, describe)]
    shedder = Middleware(LoadShedder, admission=admission, previewer=previewer, targets=targets)
    return application(routes, shedder, emit=emit, clients=clients)


def application(routes: Sequence[Route], *middleware: Middleware, emit: Emit, clients: ClientReader) -> Starlette:
    """Builds an application whose errors are problems and whose requests are emitted."""
    app = Starlette(
        routes=routes,
        middleware=[Middleware(RequestContext, emit=emit, clients=clients), *middleware],
        exception_handlers={ScrapError: problem.on_scrap_error, HTTPException: problem.on_http_error},
    )
    app.router.redirect_slashes = False
    return app
