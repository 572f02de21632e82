"""Is it HTML, and what does its header say about its characters? No I/O."""

import re
from dataclasses import dataclass

SNIFFED_BYTES = 1445  # what the MIME Sniffing standard looks at (section 5.1)

_HTML = {"text/html", "application/xhtml+xml"}
# Types without meaning: the MIME Sniffing standard has the content decide (section 7).
_UNKNOWN = {"unknown/unknown", "application/unknown", "*/*"}
_TYPE = re.compile(r"\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*(?:;|$)")
_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|([^\s;\"]+))", re.IGNORECASE)
# What an HTML page begins with (section 7.1, and `meta` and `link`), each followed by white space or `>`.
_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*<(?:!--|(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|"
    rb"TITLE|B|BODY|BR|P|META|LINK)[\t\n\x0c\r >])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Media:
    """The meaning of Content-Type.

    Attributes:
        is_html: None where the content decides.
        charset: the label as written.
    """

    is_html: bool | None
    charset: str | None


def read(values: list[str]) -> Media:
    """Reads Content-Type headers: the last one that is readable counts (Fetch standard, section 2.2.2)."""
    for value in reversed(values):
        found = _TYPE.match(value)
        if found:
            essence = found[1].lower()
            charset = _CHARSET.search(value)
            label = (charset[1] or charset[2]) if charset else None
            return Media(None if essence in _UNKNOWN else essence in _HTML, label)
    return Media(None, None)


def sniff(beginning: bytes) -> bool:
    """Whether a body of unknown type begins as HTML does."""
    return _BEGINNING.match(beginning) is not None
