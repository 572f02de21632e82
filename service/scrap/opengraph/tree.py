"""The reference parser: what counts in a page is what html5lib's tree has, built within limits."""

import time
from collections.abc import Container, Iterator
from typing import Any

from html5lib import HTMLParser
from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import namespaces
from html5lib.treebuilders import getTreeBuilder

from scrap.opengraph.document import NAMESPACES, Bound, Document, Meta, declared_prefixes, limited, properties
from scrap.opengraph.limits import ParseLimits
from scrap.refresh import Refresh, parse_refresh

_HTML = "{" + namespaces["html"] + "}"
_RELEVANT = frozenset(_HTML + name for name in ("html", "head", "base", "meta"))
_SLICE = 2048  # characters between two checks of the clock
_CHECK = 64  # tokens between two checks: one may move an element past thousands of others
_TreeBuilder: Any = getTreeBuilder("etree")


class _Reached(Exception):
    def __init__(self, bound: Bound) -> None:
        self.bound = bound


class _Slices:
    """Gives html5lib a text in slices, for so many seconds of its thread's CPU: it may take long over one tag."""

    def __init__(self, text: str, seconds: float) -> None:
        self._text = text
        self._at = 0
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        if time.thread_time() > self._end:
            raise _Reached(Bound.SECONDS)

    def read(self, size: int = _SLICE, /) -> str:
        self.check()
        text = self._text[self._at : self._at + min(size, _SLICE)]
        self._at += len(text)
        return text


class _Tokens(HTMLTokenizer):
    """html5lib's tokens, as long as there are not too many: those without an element cost time as well."""

    def __init__(self, text: str, limits: ParseLimits, parser: HTMLParser) -> None:
        self._slices = _Slices(text, limits.seconds)
        super().__init__(self._slices, parser)
        # No list of invalid characters is needed, and to make it takes the square of their number.
        self.stream.reportCharacterErrors = None  # type: ignore[assignment]  # as html5lib itself does, on narrow builds
        self._limit = limits.tokens

    def __iter__(self) -> Iterator[Any]:
        for number, token in enumerate(super().__iter__()):
            if number == self._limit:
                raise _Reached(Bound.TOKENS)
            if number % _CHECK == 0:
                self._slices.check()
            yield token


class _Parser(HTMLParser):
    """html5lib's parser, within limits."""

    def __init__(self, limits: ParseLimits) -> None:
        super().__init__(_builder(limits))
        self._limits = limits

    def read(self, text: str) -> None:
        """Builds the tree of a page; what html5lib's own `parse` does, with our tokens."""
        self.innerHTMLMode = self.scripting = False
        self.tokenizer = _Tokens(text, self._limits, self)
        self.reset()
        self.mainLoop()

    def parseError(self, *args: Any) -> None:  # noqa: N802 - html5lib's name
        """Keeps no list of a page's errors: it may be longer than the page."""


def _builder(limits: ParseLimits) -> type[Any]:
    class BoundedTreeBuilder(_TreeBuilder):  # type: ignore[misc]  # html5lib makes the base class at run time
        """Builds html5lib's tree until it is too deep or too large, of elements alone.

        Nothing that html5lib does with elements depends on the text and the comments that are there already.
        """

        elements = 0

        def insertElementNormal(self, token: Any) -> Any:  # noqa: N802 - html5lib's names
            self._count()
            return super().insertElementNormal(token)

        def insertElementTable(self, token: Any) -> Any:  # noqa: N802
            self._count()
            return super().insertElementTable(token)

        def insertText(self, data: str, parent: Any = None) -> None:  # noqa: N802
            pass

        def insertComment(self, token: Any, parent: Any = None) -> None:  # noqa: N802
            pass

        def _count(self) -> None:
            self.elements += 1
            if self.elements > limits.elements:
                raise _Reached(Bound.ELEMENTS)
            if len(self.openElements) >= limits.nesting:
                raise _Reached(Bound.NESTING)

    return BoundedTreeBuilder


def read_with_html5lib(text: str, limits: ParseLimits = ParseLimits()) -> Document:  # noqa: B008 - frozen
    """Reads a page's Open Graph from html5lib's tree.

    It takes 40 to 90 ms for an average page, all of it on the interpreter: not for an event loop's thread. Where it
    reaches a limit, or fails, the tree built by then counts, and the document has that limit as its `bound`.
    """
    parser = _Parser(limits)
    bound = None
    try:
        parser.read(text)
    except _Reached as reached:
        bound = reached.bound
    except Exception:  # noqa: BLE001 - html5lib's assertions and int() fail on pages that are odd enough
        bound = Bound.CRASH
    return _document(parser.tree.getDocument(), limits, bound)


def _document(root: Any, limits: ParseLimits, bound: Bound | None = None) -> Document:
    elements = [] if root is None else _elements(root)
    prefixes: dict[str, str] = {}
    for element in elements:
        if element.tag != _HTML + "base":
            prefixes |= declared_prefixes(element.attrib)
    bases = (element.get("href") for element in elements if element.tag == _HTML + "base" and "href" in element.attrib)
    known = NAMESPACES | prefixes.keys()
    metas, bound = limited(_metas(elements, known), limits, bound)
    refresh = None if any(_metas(elements, known)) else _refresh(elements)
    return Document(metas, next(bases, None), prefixes, bound, refresh)


def _refresh(elements: list[Any]) -> Refresh | None:
    contents = (
        element.get("content", "")
        for element in elements
        if element.tag == _HTML + "meta" and element.get("http-equiv", "").lower() == "refresh"
    )
    return next(filter(None, map(parse_refresh, contents)), None)


def _metas(elements: list[Any], known: Container[str]) -> Iterator[Meta]:
    for element in elements:
        if element.tag == _HTML + "meta":
            names = properties(element.get("property", ""), known) or properties(element.get("name", ""), known)
            for name in names:
                yield name, element.get("content")


def _elements(root: Any) -> list[Any]:
    """Lists html, head, and every base and meta outside of templates, in the order of the tree."""
    found = []
    left = [root]
    while left:
        element = left.pop()
        if element.tag == _HTML + "template":
            continue
        if element.tag in _RELEVANT:
            found.append(element)
        left.extend(reversed(element))
    return found
