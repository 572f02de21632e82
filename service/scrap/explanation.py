"""How a page's Open Graph was found, or why there is none; docs/explain.md describes the document field by field.

Each explanation is a fetch; simultaneous ones of a page are one.
"""

import re
from functools import partial
from typing import Any

import orjson

from scrap import opengraph
from scrap.admission import Admission
from scrap.cache import Hit
from scrap.cache.entry import Entry
from scrap.cache.flight import Disconnect, Flights
from scrap.errors import Outcome, Overloaded
from scrap.events import HOP_PHASES, PHASES, Emit, FetchEnded
from scrap.fetch import FetchedPage
from scrap.preview import MISS, Preview, Previewer
from scrap.urls import Target

LONGEST_TITLE = 70  # characters that cards show
WARNINGS = {
    "title_missing": "There is no og:title; most programs then show no card.",
    "title_long": f"The title is longer than {LONGEST_TITLE} characters; cards show its beginning.",
    "image_missing": "There is no og:image that can be shown; the card has no picture.",
    "image_insecure": "The image has an http: address; programs that require https do not show it.",
    "image_size_missing": "og:image:width or og:image:height is missing; some programs then show no large image.",
    "url_relative": "This address is relative; most programs require an absolute one.",
    "url_unusable": "This is no http or https address; it is ignored.",
    "duplicate_ignored": "Only the first value of this property counts; this one is ignored.",
    "charset_undeclared": "The page does not declare its charset; it was found from its content.",
    "page_too_long": "Tags behind the first {bytes:,} bytes of the page are not read: put all Open Graph before them.",
    "page_cut": "The page was not read to its end; tags after that point are missing.",
    "limit_exceeded": "The page exceeds a limit; a part of its Open Graph is omitted.",
}
WHY = {
    "not_html": "The page is not HTML; only HTML has Open Graph.",
    "no_properties": "No Open Graph was found: no meta with a property such as og:title.",
}
_ONCE = frozenset(f"og:{name}" for name in ("title", "type", "url", "description", "site_name", "locale", "determiner"))
_LINKS = re.compile(r"og:(?:url|(?:image|video|audio)(?::url|:secure_url)?)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HOP = ("url", "status", "reason", *HOP_PHASES)
_PHASES = tuple(phase for phase in PHASES if phase != "shared_cache")  # the page is fetched whatever that has

Object = dict[str, Any]


class Explainer:
    """Makes explanations; `page_bytes` are those of a page that are read at most."""

    def __init__(self, previewer: Previewer, admission: Admission, *, page_bytes: int, emit: Emit) -> None:
        self._previewer = previewer
        self._admission = admission
        self._page_bytes = page_bytes
        self._flights: Flights[tuple[Preview, Object]] = Flights(emit=emit)

    async def explain(self, target: Target, disconnect: Disconnect | None = None) -> tuple[Preview, Object]:
        """Fetches a page and explains the result, be it a failure of the page.

        Raises:
            ScrapError: CALLER_LEFT; the client has left.
            Overloaded: the service had no fetch for it.
        """
        joins = target.key in self._flights
        if self._admission.is_overloaded and not joins and not self._admission.admit():
            raise self._admission.reject()
        preview, document = await self._flights.run(target.key, partial(self._explain, target), disconnect)
        return preview.joined() if joins else preview, document

    async def _explain(self, target: Target) -> tuple[Preview, Object]:
        page: Object = {}

        def look(fetched: FetchedPage, reading: opengraph.Reading | None) -> None:
            types = b", ".join(fetched.fields.get(b"content-type", ())).decode("latin-1")[:1024]
            content = {"type": types, "is_html": fetched.is_html}
            instead = None
            if reading:
                content |= {"charset": reading.charset, "charset_source": reading.charset_source}
                if not (reading.document and reading.document.metas):
                    instead = opengraph.instead_of(reading.data, reading.encoding)
            page.update(final_url=fetched.target.href, content=content, instead=instead)

        preview, hit = await self._previewer.study(target, look)
        entry = preview.entry
        if entry.reason and entry.outcome is Outcome.SHED:
            raise Overloaded(entry.reason, preview.internal)
        document = {"url": target.href, **page, **_document(entry, hit, preview.fetch or FetchEnded())}
        if not entry.reason:
            document["warnings"] = [
                {"code": code, "detail": WARNINGS[code].format(bytes=self._page_bytes), "properties": numbers}
                for code, numbers in _warnings(document, self._page_bytes).items()
            ]
        if document["open_graph"]:
            document["instead"] = None  # html5lib had to find it
        elif not entry.reason:
            why = "no_properties" if page["content"]["is_html"] else "not_html"
            document["why"] = {"code": why, "detail": WHY[why]}
        return preview, _present(**document)


def image_of(graph: Object) -> Object:
    """The image that a card shows: the first that has a URL."""
    return next((image for image in graph.get("images", ()) if {"url", "secure_url"} & image.keys()), {})


def _document(entry: Entry, hit: Hit | None, summary: FetchEnded) -> Object:
    document: Object = {
        "outcome": entry.outcome,
        "cache": {"state": MISS},
        "hops": [_present(**{name: getattr(hop, name) for name in _HOP}) for hop in summary.hops],
        "seconds": _present(**{name: getattr(summary.timings, name) for name in _PHASES}),
        "open_graph": orjson.loads(entry.body) if entry.body else {},
    }
    if reason := entry.reason:
        status = entry.upstream_status
        document["why"] = _present(code=reason, detail=reason.sentence, fault=reason.fault, upstream_status=status)
    if hit:
        age = hit.entry.age(entry.stored)
        document["cache"] = {"state": hit.state or MISS, "outcome": hit.entry.outcome, "age": age}
    if got := summary.content:
        document["body"] = {"bytes": got.decoded_bytes, "received_bytes": got.wire_bytes, "is_truncated": got.truncated}
    if parse := summary.parse:
        document["parser"] = _present(name=parse.parser, fallback_reason=parse.fallback_reason, limit=parse.bound)
    return document


def _present(**members: Any) -> Object:
    """An object without what is not known; seconds have microseconds."""
    known = {name: value for name, value in members.items() if value is not None}
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in known.items()}


def _warnings(document: Object, page_bytes: int) -> dict[str, list[int]]:
    """The numbers of the properties that each warning is about; none where it is about the page."""
    found: dict[str, list[int]] = {}
    if document["content"].get("charset_source") == "content":
        found["charset_undeclared"] = []
    if document["body"]["is_truncated"]:
        found["page_too_long" if document["body"]["bytes"] >= page_bytes else "page_cut"] = []
    if "limit" in document.get("parser", ()):
        found["limit_exceeded"] = []
    graph = document["open_graph"]
    if not graph:
        return found
    title, image, first = graph.get("title", ""), graph.get("image", ""), image_of(graph)
    if not title:
        found["title_missing"] = []
    elif len(title) > LONGEST_TITLE:
        found["title_long"] = []
    if not image:
        found["image_missing"] = []
    elif not {"width", "height"} <= first.keys():
        found["image_size_missing"] = []
    if image.startswith("http:") and "secure_url" not in first:
        found["image_insecure"] = []
    once: set[str] = set()
    for number, (name, content) in enumerate(graph["properties"]):
        value = (content or "").strip()
        if value and name in once:
            found.setdefault("duplicate_ignored", []).append(number)
        elif value and name in _ONCE:
            once.add(name)
        if value and _LINKS.fullmatch(name) and not value.lower().startswith(("http:", "https:")):
            found.setdefault("url_unusable" if _SCHEME.match(value) else "url_relative", []).append(number)
    return found
