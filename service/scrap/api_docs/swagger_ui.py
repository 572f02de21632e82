"""`/docs`: the OpenAPI document, shown by Swagger UI, all of it from this service."""

from collections.abc import Iterator

from starlette.staticfiles import StaticFiles

from scrap.api_docs.files import PAGES, Endpoint, endpoint

PATH = "/docs"


def endpoints() -> Iterator[tuple[str, Endpoint]]:
    """The path and the endpoint of the page and of each of its files."""
    own, swagger_ui = StaticFiles(directory=PAGES), StaticFiles(packages=[("flask_swagger_ui", "dist")])
    yield PATH, endpoint(own, "docs.html")
    for name in ("docs.css", "docs.js"):
        yield f"{PATH}/{name}", endpoint(own, name)
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        yield f"{PATH}/{name}", endpoint(swagger_ui, name)
