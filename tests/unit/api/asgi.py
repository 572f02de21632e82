"""The public application, and calls of it as a server makes them, without a socket."""

from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message

from scrap import api, api_docs
from scrap.admission import Admission
from scrap.api.request_context import Around
from scrap.clients import NO_CLIENTS
from scrap.events import Emit
from scrap.preview import Previewer

QUERY = b"url=https%3A%2F%2Fexample.org%2F"


def public_app(
    previewer: Previewer, admission: Admission, emit: Emit, *, has_swagger_ui: bool = False, around: Around = None
) -> Starlette:
    """Previews and the description of the API, behind the load shedder."""
    targets = api.TargetReader("en")
    shedder = Middleware(api.LoadShedder, admission=admission, previewer=previewer, targets=targets)
    routes = [api.ExactRoute(api.scrap.PATH, api.ScrapEndpoint(previewer, targets))]
    routes += api_docs.routes("1", has_swagger_ui=has_swagger_ui)
    return api.application(routes, shedder, emit=emit, clients=NO_CLIENTS, around=around)


async def call(
    app: ASGIApp,
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    path: str = "/api/v1/scrap",
    query: bytes = QUERY,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Makes one request; gives status, headers and body."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}
    await app(scope | {"root_path": "", "query_string": query, "headers": headers}, receive, send)
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]
