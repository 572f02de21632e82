"""`GET /` and `GET /?url=…`: a form, and what `/api/v1/explain` says of a page, in words and as a card."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qs, quote

import orjson
from jinja2 import Environment, FunctionLoader, Template
from markupsafe import escape
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scrap.admission.retry_after import RETRY_AFTER
from scrap.errors import InvalidURL, Outcome, Overloaded, Reason
from scrap.explanation import Explainer
from scrap.turns import Turns
from scrap.urls import Target
from scrap.web import STATIC, PageSettings
from scrap.web.card import card_of
from scrap.web.static_file import StaticFile
from scrap.web.texts import LANGUAGES, preferred

ReadTarget = Callable[[bytes, Mapping[bytes, bytes]], Target]  # of a query, for the languages of header fields

_MOST_ROWS = 200  # properties that are shown
_MOST_TEXT = 500  # characters of each
_MOST_PROPERTIES = 32 * 1024  # bytes of all of them, as HTML: clients that do not read hold their responses' memory
_MOST_JSON = 48 * 1024  # likewise
_LONGEST = 5  # bytes of a character as HTML: `&#39;`
_NO_SCHEME = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#].*)?", re.DOTALL)
_TEXT = re.compile(r"\{\{ text\.(\w+) \}\}")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{images}; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "accept-language",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def pages(explainer: Explainer, read: ReadTarget, turns: Turns, settings: PageSettings) -> dict[str, ASGIApp]:
    """The endpoints of the page, by path; it is rendered when it is its turn."""
    static = {name: StaticFile(name) for name in STATIC}
    urls = {name.replace(".", "_"): file.url for name, file in static.items()}
    found: dict[str, ASGIApp] = {"/": PageEndpoint(explainer, read, turns, urls, has_images=settings.has_images)}
    return found | {f"/static/{name}": file for name, file in static.items()}


class PageEndpoint:
    def __init__(
        self, explainer: Explainer, read: ReadTarget, turns: Turns, static: Mapping[str, str], *, has_images: bool
    ) -> None:
        self._explainer = explainer
        self._read = read
        self._turns = turns
        self._has_images = has_images
        self._templates = {}
        for language in LANGUAGES:
            environment = Environment(
                loader=FunctionLoader(partial(_source, language)),
                autoescape=True,
                trim_blocks=True,
                lstrip_blocks=True,
                auto_reload=False,
            )
            environment.globals.update(
                static=static, has_images=has_images, text=LANGUAGES[language], language=language
            )
            environment.filters.update(clip=clip, ms=milliseconds, pretty=pretty)
            self._templates[language] = environment.get_template("page.html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        summary, fields = state["summary"], state["fields"]
        url = asked(scope["query_string"])
        document: dict[str, Any] = {}
        error: Reason | None = None
        if url:
            try:
                target = self._read(b"url=" + quote(with_scheme(url), safe="").encode(), fields)
                summary.target, summary.target_host = target.href, target.host
                preview, document = await self._explainer.explain(target, state.get("disconnect"))
                preview.fill_in(summary)
            except (InvalidURL, Overloaded) as raised:
                error = raised.reason
                summary.reason, summary.outcome, summary.internal = error, error.outcome, raised.internal
        if document and not self._turns.is_free:  # all requests of one explanation come here at once
            await self._turns.wait()
        started = time.perf_counter()
        card = card_of(document["open_graph"], document["final_url"]) if document.get("open_graph") else None
        language = preferred(fields.get(b"accept-language", b""))
        body = _render(self._templates[language], document, asked=url, error=error, card=card)
        self._turns.spend(time.perf_counter() - started)
        images = " http: https:" if card and card.image and self._has_images else ""
        headers = _HEADERS | {"Content-Language": language, "Content-Security-Policy": _POLICY.format(images=images)}
        if error and error.outcome is Outcome.SHED:
            headers["Retry-After"] = str(RETRY_AFTER)
        response = Response(body, error.outcome.status if error else HTTPStatus.OK, headers, media_type="text/html")
        await response(scope, receive, send)


def _source(language: str, name: str) -> str:
    """A template with its texts, which are the same for each request: nearly half of all that it has to fill in."""
    source = (files("scrap.web") / "templates" / name).read_text()
    return _TEXT.sub(lambda found: escape(getattr(LANGUAGES[language], found[1])), source)


def _render(template: Template, document: dict[str, Any], **more: Any) -> bytes:
    properties = document.get("open_graph", {}).get("properties", [])
    shown = list(_rows(properties))
    html = template.render(
        document,
        properties=shown,
        hidden=len(properties) - len(shown),
        bar=bar(document.get("seconds", {})),
        **more,
    )
    return html.encode(errors="replace")


def _rows(properties: list[list[str | None]]) -> Iterator[list[str | None]]:
    """The first properties, as many as are shown."""
    left = _MOST_PROPERTIES
    for name, content in properties[:_MOST_ROWS]:
        left -= _size(name or "") + _size(clip(content or ""))
        if left < 0:
            return
        yield [name, content]


def asked(query: bytes) -> str:
    """The URL in the query of a form (URL standard, section 5.1); "" where there is none."""
    return parse_qs(query.decode("latin-1"), errors="replace").get("url", [""])[0].strip()


def with_scheme(url: str) -> str:
    """What a person writes for a URL, with the scheme that a browser would add."""
    return f"https://{url}" if _NO_SCHEME.fullmatch(url) else url


def clip(text: str, length: int = _MOST_TEXT) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _size(text: str) -> int:
    """The bytes of a text as HTML."""
    return len(escape(text).encode(errors="replace"))


def bar(seconds: dict[str, float]) -> list[tuple[str, float, float]]:
    """Name, beginning and width of each phase, in percent of all."""
    percent = 100 / (sum(seconds.values()) or 1.0)
    starts = accumulate(seconds.values(), initial=0.0)
    return [
        (name, round(start * percent, 2), round(taken * percent, 2))
        for (name, taken), start in zip(seconds.items(), starts, strict=False)
    ]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f}"


def pretty(graph: dict[str, Any]) -> str:
    """JSON for a person, without its end where it is long."""
    text = orjson.dumps(graph, option=orjson.OPT_INDENT_2).decode()
    return text if _size(text) <= _MOST_JSON else clip(text, _MOST_JSON // _LONGEST)
