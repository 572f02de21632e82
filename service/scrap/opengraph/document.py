"""What was found in a page: its metas in order, and what is needed to read them."""

import re
from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from scrap.opengraph.limits import ParseLimits
from scrap.refresh import Refresh

VERTICALS = ("article", "book", "profile", "music", "video", "payment", "product", "place", "business")
NAMESPACES = frozenset({"og", *VERTICALS})

_TOKEN = re.compile(r"[^\t\n\f\r ]+")
_LONGEST = 16 * 1024  # characters of an attribute that are split: 1 MiB would hold the interpreter for 30 ms
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
# The IRIs of ogp.me, and that of the protocol's first year, which pages still carry.
_IRI = re.compile(rf"https?://(?:www\.)?(?:ogp\.me/ns(?:/({'|'.join(VERTICALS)}))?|opengraphprotocol\.org/schema)[#/]?")

Meta = tuple[str, str | None]


class FallbackReason(StrEnum):
    """Why the reference parser has to read a page: what came before a meta that counts."""

    FOREIGN = "foreign"  # svg, math: other rules for tokens
    SELECT = "select"  # drops the metas inside
    TABLE = "table"  # moves the metas inside before itself
    TEMPLATE = "template"  # hides the metas inside, and is not closed by every end tag
    FRAMESET = "frameset"  # may drop the body that came before
    PLAINTEXT = "plaintext"  # turns the rest into text, unless it is ignored
    COMMENT = "comment"  # one that begins with NUL, which html5lib ends elsewhere
    PREFIX = "prefix"  # a namespace has another name here
    ERROR = "error"  # the fast path itself failed
    LENGTH = "length"  # tags so long, or with so many references, that reading them would hold up the event loop


class Bound(StrEnum):
    """The first limit that a page exceeded, so that a part of it was left out."""

    # html5lib stopped; what it had found by then counts.
    SECONDS = "seconds"
    TOKENS = "tokens"
    ELEMENTS = "elements"
    NESTING = "nesting"
    CRASH = "crash"  # html5lib's own assertions do not hold on every page
    # Properties were left out of the response.
    PROPERTIES = "properties"  # there are more
    LENGTH = "length"  # a name, a content or an absolute URL is longer
    RESPONSE = "response"  # the response would be larger


class Document(NamedTuple):
    """The Open Graph of a page as it is written, in the order of html5lib's tree."""

    # (property, content) of each token of a known namespace: the property in lower case, the content as parsed, None
    # where the tag has none.
    metas: list[Meta]
    base: str | None = None  # the first `<base href>`, as written
    prefixes: Mapping[str, str] = MappingProxyType({})  # names of namespaces beside their own: `{"x": "og"}`
    bound: Bound | None = None  # the first limit that the page exceeded
    refresh: Refresh | None = None  # the first `<meta http-equiv=refresh>` of a page without Open Graph


def limited(metas: Iterable[Meta], limits: ParseLimits, bound: Bound | None = None) -> tuple[list[Meta], Bound | None]:
    """Returns the metas that are within the limits, in order, and the first limit that was exceeded, if not `bound`."""
    found: list[Meta] = []
    for number, meta in enumerate(metas):
        if number == limits.properties:
            return found, bound or Bound.PROPERTIES
        name, content = meta
        if len(name) > limits.name_chars or (content is not None and len(content) > limits.value_chars):
            bound = bound or Bound.LENGTH
        else:
            found.append(meta)
    return found, bound


def properties(value: str, namespaces: Container[str] = NAMESPACES) -> list[str]:
    """Splits a `property` or `name` attribute into its tokens of known namespaces, in lower case."""
    found = []
    for token in _TOKEN.findall(value[:_LONGEST]):
        # ASCII alone has cases here, as everywhere in HTML.
        lower = token.lower() if token.isascii() else token.translate(_ASCII_LOWER)
        namespace, colon, _ = lower.partition(":")
        if colon and namespace in namespaces:
            found.append(lower)
    return found


def declared_prefixes(attributes: Mapping[str, str]) -> dict[str, str]:
    """Reads the names beside their own that `prefix` (RDFa 1.1, section 7.4) and `xmlns:` give to namespaces."""
    words = _TOKEN.findall(attributes.get("prefix", "")[:_LONGEST])
    pairs = list(zip(words[::2], words[1::2], strict=False))
    pairs += [(name[6:], value) for name, value in attributes.items() if name.startswith("xmlns:")]
    found = {}
    for name, iri in pairs:
        known = _IRI.fullmatch(iri.strip("\t\n\f\r "))
        prefix = name.strip(":").translate(_ASCII_LOWER)
        if known and prefix and prefix not in NAMESPACES:
            found[prefix] = known[1] or "og"
    return found
