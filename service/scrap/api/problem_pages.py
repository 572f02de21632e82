"""`/problems/NAME`: what a problem's type means, for people; docs/problems.md has the same text."""

import tomllib
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from scrap.api.docs import HEADERS, PAGES, Endpoint, endpoint
from scrap.api.problem import HELP, name_of, status_of, title_of, type_of
from scrap.errors import Reason

TEMPLATE = f"{HELP}{{name}}"  # the route of them all, in metrics


def endpoints() -> Iterator[tuple[str, Endpoint]]:
    """The path and the endpoint of each page, and of their style sheet."""
    for name, reasons in by_name().items():
        yield HELP + name, _page(render("problem.html", name, reasons), render("problem.md", name, reasons))
    yield f"{HELP}problem.css", endpoint(StaticFiles(directory=PAGES), "problem.css")


def by_name() -> dict[str, list[Reason]]:
    """The reasons of each type, by its name."""
    found: dict[str, list[Reason]] = {}
    for reason in Reason:
        found.setdefault(name_of(reason), []).append(reason)
    return found


def render(template: str, name: str, reasons: list[Reason]) -> str:
    """The text of a type, in a template's format."""
    from jinja2 import Environment, FileSystemLoader, select_autoescape  # noqa: PLC0415 - only a server has use for it

    first = reasons[0]
    texts = tomllib.loads((PAGES / "problems.toml").read_text())
    environment = Environment(loader=FileSystemLoader(PAGES), autoescape=select_autoescape(), trim_blocks=True)
    return environment.get_template(template).render(
        name=name,
        type=type_of(first),
        title=title_of(first),
        status=status_of(first),
        fault=first.fault,
        text=" ".join(texts[name].split()),
        reasons=reasons,
    )


def _page(html: str, markdown: str) -> Endpoint:
    async def send_page(request: Request) -> Response:
        is_browser = "text/html" in request.headers.get("accept", "")
        text, kind = (html, "text/html") if is_browser else (markdown, "text/markdown")
        return Response(text, headers=HEADERS | {"Vary": "Accept"}, media_type=kind)

    return send_page
