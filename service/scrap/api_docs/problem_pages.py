"""`/problems/NAME`: what a problem's type means, for people; docs/problems.md has the same text."""

import tomllib
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from scrap.api.problem import HELP, members_of, name_of, reasons_by
from scrap.api_docs.files import HEADERS, PAGES, Endpoint, endpoint
from scrap.errors import Reason

TEMPLATE = f"{HELP}{{name}}"  # the route of them all, in metrics


def endpoints() -> Iterator[tuple[str, Endpoint]]:
    """The path and the endpoint of each page, and of their style sheet."""
    for reasons in reasons_by("type").values():
        yield HELP + name_of(reasons[0]), _page(render("problem.html", reasons), render("problem.md", reasons))
    yield f"{HELP}problem.css", endpoint("problem.css")


def render(template: str, reasons: list[Reason]) -> str:
    """The text of the type that these reasons have, in a template's format."""
    from jinja2 import Environment, FileSystemLoader, select_autoescape  # noqa: PLC0415 - only a server has use for it

    name = name_of(reasons[0])
    text = " ".join(tomllib.loads((PAGES / "problems.toml").read_text())[name].split())
    environment = Environment(loader=FileSystemLoader(PAGES), autoescape=select_autoescape(), trim_blocks=True)
    members = members_of(reasons[0])
    return environment.get_template(template).render(members, name=name, text=text, reasons=reasons)


def _page(html: str, markdown: str) -> Endpoint:
    async def send_page(request: Request) -> Response:
        is_browser = "text/html" in request.headers.get("accept", "")
        text, kind = (html, "text/html") if is_browser else (markdown, "text/markdown")
        return Response(text, headers=HEADERS | {"Vary": "Accept"}, media_type=kind)

    return send_page
