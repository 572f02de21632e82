"""The Starlette applications of both ports."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from scrap.api import problem
from scrap.api.request_context import UNMATCHED, Around, RequestContext
from scrap.clients import ClientReader
from scrap.errors import ScrapError
from scrap.events import Emit


class ExactRoute(Route):
    """A route of one path: the expression that Starlette makes of a path matches it before a final newline as well.

    `template` is the route's name in metrics and logs; the path, where it is not given.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], *, template: str = "") -> None:
        super().__init__(path, endpoint, methods=["GET"])
        self.template = template or path

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"] != self.path:
            return Match.NONE, {}
        match = Match.FULL if scope["method"] in {"GET", "HEAD"} else Match.PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": {}, "template": self.template}


def application(
    routes: Sequence[ExactRoute], *middleware: Middleware, emit: Emit, clients: ClientReader, around: Around = None
) -> Starlette:
    """Builds an application whose errors are problems and whose requests are emitted."""
    slashed = [ExactRoute(f"{each.path}/", _without_slash, template=UNMATCHED) for each in routes if each.path != "/"]
    app = Starlette(
        routes=[*routes, *slashed],
        middleware=[Middleware(RequestContext, emit=emit, clients=clients, around=around), *middleware],
        exception_handlers={ScrapError: problem.on_scrap_error, HTTPException: problem.on_http_error},
    )
    app.router.redirect_slashes = False
    return app


async def _without_slash(request: Request) -> Response:
    """Redirects to the path without its final slash.

    Starlette's redirect has the client's Host in it. A relative reference (RFC 3986, section 4.2) has neither that nor
    the prefix of a proxy. It cannot remove a slash that is percent-encoded: 404.
    """
    if b"%" in request.scope["raw_path"]:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    query = request.scope["query_string"].decode("latin-1")
    location = f"../{request.scope['path'].split('/')[-2]}" + (f"?{query}" if query else "")
    return Response(status_code=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": location})
