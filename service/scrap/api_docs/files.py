"""Files of the pages for people, and what their responses have."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

Endpoint = Callable[[Request], Awaitable[Response]]

PAGES = Path(__file__).parent / "pages"
_FILES = StaticFiles(directory=PAGES, packages=[("flask_swagger_ui", "dist")])
CACHE_CONTROL = "public, max-age=3600"  # they change with our version alone
# Nothing of another host, nothing inline; Swagger UI's pictures are in its style sheet.
HEADERS = {
    "Cache-Control": CACHE_CONTROL,
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src data:; script-src 'self'; style-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def endpoint(name: str) -> Endpoint:
    async def send_file(request: Request) -> Response:
        # No ranges, which HTTP leaves to a server: Starlette's errors of them are no problems (RFC 9110, section 14.2).
        request.scope["headers"] = [field for field in request.scope["headers"] if field[0] != b"range"]
        response = await _FILES.get_response(name, request.scope)
        response.headers.update(HEADERS)
        del response.headers["Accept-Ranges"]
        return response

    return send_file
