"""The reference parser: what counts in a page is what html5lib's tree has, built within limits."""

import time
from collections.abc import Container, Iterator
from functools import partial
from typing import Any

from html5lib import HTMLParser
from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import namespaces
from html5lib.treebuilders import getTreeBuilder

from scrap.opengraph.document import NAMESPACES, Bound, Document, Meta, declared_prefixes, limited, properties
from scrap.opengraph.limits import ParseLimits
from scrap.refresh import parse_refresh

_HTML = "{" + namespaces["html"] + "}"
_DECLARING = frozenset(_HTML + name for name in ("html", "head", "meta"))
_SLICE = 2048  # characters between two checks of the clock
_CHECK = 64  # tokens between two checks: one may move an element past thousands of others
_TreeBuilder: Any = getTreeBuilder("etree")


class _Reached(Exception):
    def __init__(self, bound: Bound) -> None:
        self.bound = bound


class _Tokens(HTMLTokenizer):
    """html5lib's tokens, and as a file the text that they are read from: few, and for so many seconds of CPU time."""

    def __init__(self, text: str, limits: ParseLimits, parser: HTMLParser) -> None:
        self._text = text
        self._at = 0
        self._limit = limits.tokens
        self._end = time.thread_time() + limits.seconds
        super().__init__(self, parser)
        # No list of invalid characters is needed, and to make it takes the square of their number.
        self.stream.reportCharacterErrors = None  # type: ignore[assignment]  # as html5lib itself does, on narrow builds

    def check(self) -> None:
        if time.thread_time() > self._end:
            raise _Reached(Bound.SECONDS)

    def read(self, size: int = _SLICE, /) -> str:
        self.check()
        text = self._text[self._at : self._at + min(size, _SLICE)]
        self._at += len(text)
        return text

    def __iter__(self) -> Iterator[Any]:
        for number, token in enumerate(super().__iter__()):
            if number == self._limit:
                raise _Reached(Bound.TOKENS)
            if number % _CHECK == 0:
                self.check()
            yield token


class _Tree(_TreeBuilder):  # type: ignore[misc]  # html5lib makes the base class at run time
    """Builds html5lib's tree until it is too deep or too large, of elements alone.

    Nothing that html5lib does with elements depends on the text and the comments that are there already.
    """

    def __init__(self, limits: ParseLimits, *args: Any) -> None:
        self._limits = limits
        self._elements = 0
        super().__init__(*args)

    def elementClass(self, *args: Any) -> Any:  # noqa: N802 - html5lib's names
        self._elements += 1
        if self._elements > self._limits.elements:
            raise _Reached(Bound.ELEMENTS)
        if len(self.openElements) >= self._limits.nesting:
            raise _Reached(Bound.NESTING)
        return super().elementClass(*args)

    def insertText(self, data: str, parent: Any = None) -> None:  # noqa: N802
        pass

    def insertComment(self, token: Any, parent: Any = None) -> None:  # noqa: N802
        pass


class _Parser(HTMLParser):
    def parseError(self, *args: Any) -> None:  # noqa: N802 - html5lib's name
        """Keeps no list of a page's errors: it may be longer than the page."""


def read_with_html5lib(text: str, limits: ParseLimits = ParseLimits()) -> Document:  # noqa: B008 - frozen
    """Reads a page's Open Graph from html5lib's tree.

    It takes 40 to 90 ms for an average page, all of it on the interpreter: not for an event loop's thread. Where it
    reaches a limit, or fails, the tree built by then counts, and the document has that limit as its `bound`.
    """
    new_parser: Any = _Parser  # its types are narrower than its code
    parser = new_parser(partial(_Tree, limits))
    bound = None
    try:
        # What html5lib's own `parse` does, with our tokens.
        parser.innerHTMLMode = parser.scripting = False
        parser.tokenizer = _Tokens(text, limits, parser)
        parser.reset()
        parser.mainLoop()
    except _Reached as reached:
        bound = reached.bound
    except Exception:  # noqa: BLE001 - html5lib's assertions and int() fail on pages that are odd enough
        bound = Bound.CRASH
    root = parser.tree.getDocument()
    return Document([], bound=bound) if root is None else _document(root, limits, bound)


def _document(root: Any, limits: ParseLimits, bound: Bound | None = None) -> Document:
    for template in list(root.iter(_HTML + "template")):
        template.clear()  # what is in it does not count
    prefixes: dict[str, str] = {}
    for element in root.iter():
        if element.tag in _DECLARING:
            prefixes |= declared_prefixes(element.attrib)
    bases = (base.get("href") for base in root.iter(_HTML + "base") if "href" in base.attrib)
    elements = list(root.iter(_HTML + "meta"))
    known = NAMESPACES | prefixes.keys()
    metas, bound = limited(_metas(elements, known), limits, bound)
    refresh = None
    if not any(_metas(elements, known)):
        contents = (meta.get("content", "") for meta in elements if meta.get("http-equiv", "").lower() == "refresh")
        refresh = next(filter(None, map(parse_refresh, contents)), None)
    return Document(metas, next(bases, None), prefixes, bound, refresh)


def _metas(elements: list[Any], known: Container[str]) -> Iterator[Meta]:
    for meta in elements:
        for name in properties(meta.get("property", ""), known) or properties(meta.get("name", ""), known):
            yield name, meta.get("content")
