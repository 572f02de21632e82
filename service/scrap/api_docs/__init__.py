"""What describes the API: OpenAPI for machines, Swagger UI at `/docs`, and a page for each type of problem."""

from starlette.requests import Request
from starlette.responses import Response

from scrap.api import ExactRoute
from scrap.api_docs import openapi, problem_pages
from scrap.api_docs.files import CACHE_CONTROL, endpoint

_SWAGGER_UI = "/docs"
_ITS_FILES = ("docs.css", "docs.js", "swagger-ui.css", "swagger-ui-bundle.js")

ROUTES = frozenset({openapi.PATH, _SWAGGER_UI, problem_pages.TEMPLATE})


def routes(version: str, *, has_swagger_ui: bool) -> list[ExactRoute]:
    """The routes of the description; `version` is the service's."""
    description = openapi.render(version)

    async def describe(request: Request) -> Response:
        headers = {"Cache-Control": CACHE_CONTROL}
        return Response(description, headers=headers, media_type="application/json")

    found = [ExactRoute(openapi.PATH, describe)]
    found += [ExactRoute(*page, template=problem_pages.TEMPLATE) for page in problem_pages.endpoints()]
    if has_swagger_ui:
        found.append(ExactRoute(_SWAGGER_UI, endpoint("docs.html")))
        found += [ExactRoute(f"{_SWAGGER_UI}/{name}", endpoint(name), template=_SWAGGER_UI) for name in _ITS_FILES]
    return found
