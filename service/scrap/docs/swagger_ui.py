"""`/docs`: the OpenAPI document, shown by Swagger UI, all of it from this service."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

Endpoint = Callable[[Request], Awaitable[Response]]

PATH = "/docs"
PAGES = Path(__file__).parent / "pages"
# Of every page for people: nothing of another host, nothing inline; Swagger UI's pictures are in its style sheet.
HEADERS = {
    "Cache-Control": "public, max-age=3600",  # it changes with our version alone
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src data:; script-src 'self'; style-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def endpoints() -> Iterator[tuple[str, Endpoint]]:
    """The path and the endpoint of the page and of each of its files."""
    own, swagger_ui = StaticFiles(directory=PAGES), StaticFiles(packages=[("flask_swagger_ui", "dist")])
    yield PATH, endpoint(own, "docs.html")
    for name in ("docs.css", "docs.js"):
        yield f"{PATH}/{name}", endpoint(own, name)
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        yield f"{PATH}/{name}", endpoint(swagger_ui, name)


def endpoint(files: StaticFiles, name: str) -> Endpoint:
    async def send_file(request: Request) -> Response:
        # No ranges, which HTTP leaves to a server: Starlette's errors of them are no problems (RFC 9110, section 14.2).
        request.scope["headers"] = [field for field in request.scope["headers"] if field[0] != b"range"]
        response = await files.get_response(name, request.scope)
        response.headers.update(HEADERS)
        del response.headers["Accept-Ranges"]
        return response

    return send_file
