"""The model of ogp.me: from a page's ordered metas to the response. Field by field in docs/json.md.

One pass, in the order of the page. A root (`og:image`) opens an object and closes the one before; what is written
beneath it (`og:image:width`) belongs to the object that is open, and opens one where there is none: the first root's.
"""

from typing import Any, NamedTuple

import orjson

from scrap import urls
from scrap.opengraph.document import VERTICALS, Bound, Document
from scrap.opengraph.limits import ParseLimits

_SIMPLE = frozenset({"title", "type", "description", "site_name", "locale", "determiner"})
_MEDIA = {"image": "images", "video": "videos", "audio": "audios"}
_LINKS = frozenset({"url", "secure_url"})
_SIZES = frozenset({"width", "height"})
_OF_MEDIA = _LINKS | _SIZES | {"", "type", "alt"}
_ARRAYS = frozenset(
    {
        *("article:author", "article:tag", "book:author", "book:tag"),
        *("music:musician", "video:director", "video:writer", "video:tag"),
    }
)
_OBJECTS = frozenset({"music:song", "music:album", "video:actor"})  # arrays whose items have properties of their own
_VERTICALS = frozenset(VERTICALS)
FIELDS = (
    *("title", "type", "url", "image", "description", "site_name", "locale", "determiner"),
    *("images", "videos", "audios", "locales_alternate"),
    *VERTICALS,
)
_LONGEST_SIZE = 9  # digits; beyond, it is no size
_FRAME = orjson.dumps({**{field: [] for field in FIELDS}, "properties": []})  # what a response holds besides values


class OpenGraph(NamedTuple):
    fields: dict[str, Any]  # an object for JSON; empty where the page has no Open Graph
    bound: Bound | None  # the first limit that the page exceeded, so that something was left out


def open_graph(document: Document, url: str, limits: ParseLimits = ParseLimits()) -> OpenGraph:  # noqa: B008 - frozen
    """Makes the model of a page's Open Graph.

    Args:
        document: the page's Open Graph as it is written.
        url: where it was found, after redirects; relative URLs are made absolute by its `<base>`, or this.
        limits: `url_chars` and `response_bytes`. The first property that would not fit into the response ends it.
    """
    if not document.metas:
        return OpenGraph({}, document.bound)
    graph = _Graph(url, document, limits)
    properties = []
    for name, content in document.metas:
        graph.left -= _TIMES_WRITTEN * len(orjson.dumps((name, content))) + _PUNCTUATION
        if graph.left < 0:
            graph.bound = graph.bound or Bound.RESPONSE
            break
        namespace, _, rest = name.partition(":")
        graph.add(document.prefixes.get(namespace, namespace), rest, content or "")
        properties.append([name, content])
    return OpenGraph({**graph.fields(), "properties": properties}, graph.bound)


# Bytes of JSON that a property takes at most: it is in `properties` and once more in its own field.
_TIMES_WRITTEN = 2
_PUNCTUATION = 32  # brackets, quotes, commas, and the name of the array or object that the field is in


class _Graph:
    def __init__(self, url: str, document: Document, limits: ParseLimits) -> None:
        self.bound = document.bound
        self._limits = limits
        self.left = limits.response_bytes - len(_FRAME)  # bytes of the response
        self._links: dict[str, str | None] = {}  # what was resolved already: a picture is often named more than once
        self._base: str | None = url
        if base := document.base:
            self._base = base if len(base) > limits.url_chars else urls.base_of(url, base)
            if len(self._base) > limits.url_chars:
                self._base, self.bound = None, self.bound or Bound.LENGTH
        self._fields: dict[str, Any] = {}
        self._open: dict[str, dict[str, Any]] = {}  # of each kind of object, the last
        self._rooted: set[str] = set()  # kinds of media whose first object has had its root

    def fields(self) -> dict[str, Any]:
        """The fields, in the order of docs/json.md; none that is empty."""
        for plural in _MEDIA.values():
            self._fields[plural] = list(filter(None, self._fields.get(plural, ())))
        links = (item.get("url") or item.get("secure_url") for item in self._fields["images"])
        self._fields["image"] = next(filter(None, links), None)
        return {key: value for key in FIELDS if (value := self._fields.get(key))}

    def add(self, namespace: str, name: str, content: str) -> None:
        kind, _, rest = name.partition(":")
        if namespace != "og":
            self._vertical(namespace, name, content)
        elif kind in _MEDIA and (rest in _OF_MEDIA or kind not in _VERTICALS):
            self._medium(kind, rest, content)
        elif kind in _VERTICALS:  # og:article:author and the like are not by the book, but they are meant
            self._vertical(kind, rest, content)
        elif not content or content.isspace():
            return
        elif name in _SIMPLE:
            self._fields.setdefault(name, content)
        elif name == "locale:alternate":
            self._fields.setdefault("locales_alternate", []).append(content)
        elif name == "url" and (link := self._absolute(content)):
            self._fields.setdefault("url", link)

    def _medium(self, kind: str, name: str, content: str) -> None:
        value: str | int | None = content
        if name in _LINKS or not name:
            value = self._absolute(content)
        elif name in _SIZES:
            value = _size(content)
        is_root = not name
        if name == "url" and content.strip():
            is_root = value is None or value != self._open.get(kind, {}).get("url")
        if kind not in self._open or (is_root and kind in self._rooted):
            self._begin(kind, self._fields.setdefault(_MEDIA[kind], []))
        if is_root:
            self._rooted.add(kind)
        if value not in (None, ""):
            self._open[kind].setdefault(name or "url", value)

    def _vertical(self, namespace: str, name: str, content: str) -> None:
        if not name or not content or content.isspace():
            return
        fields = self._fields.setdefault(namespace, {})
        full = f"{namespace}:{name}"
        kind, _, rest = full.rpartition(":")
        if full in _ARRAYS:
            fields.setdefault(name, []).append(content)
        elif full in _OBJECTS:
            self._begin(full, fields.setdefault(name, []))["value"] = content
        elif kind in _OBJECTS:
            if kind not in self._open:
                self._begin(kind, fields.setdefault(kind.partition(":")[2], []))
            self._open[kind].setdefault(rest, content)
        else:
            fields.setdefault(name, content)

    def _begin(self, kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        items.append({})
        self._open[kind] = items[-1]
        return items[-1]

    def _absolute(self, link: str) -> str | None:
        if link not in self._links:
            url = urls.resolve(self._base, link) if link and not link.isspace() else None
            if url and len(url) > self._limits.url_chars:
                url, self.bound = None, self.bound or Bound.LENGTH
            self._links[link] = url
        url = self._links[link]
        if url:
            self.left -= 2 * len(orjson.dumps(url))  # twice: the first image's is the field `image` as well
            if self.left < 0:
                self.bound = self.bound or Bound.RESPONSE
                return None
        return url


def _size(text: str) -> str | int:
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_SIZE else text
