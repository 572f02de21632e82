"""The description on the service: its routes."""

from starlette.requests import Request
from starlette.responses import Response

from scrap.api import ExactRoute
from scrap.api_docs import openapi, problem_pages, swagger_ui
from scrap.api_docs.files import CACHE_CONTROL

ROUTES = frozenset({openapi.PATH, swagger_ui.PATH, problem_pages.TEMPLATE})


def routes(version: str, *, has_swagger_ui: bool) -> list[ExactRoute]:
    """The routes of the description; `version` is the service's."""
    description = openapi.render(version)

    async def describe(request: Request) -> Response:
        headers = {"Cache-Control": CACHE_CONTROL}
        return Response(description, headers=headers, media_type="application/json")

    found = [ExactRoute(openapi.PATH, describe)]
    found += [ExactRoute(*page, template=problem_pages.TEMPLATE) for page in problem_pages.endpoints()]
    if has_swagger_ui:
        found += [ExactRoute(*page, template=swagger_ui.PATH) for page in swagger_ui.endpoints()]
    return found
