"""Is it HTML, and what does its header say about its characters? No I/O."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from scrap.fetch.response_head import Fields

SNIFFED_BYTES = 1445  # what the MIME Sniffing standard looks at (section 5.1)

_HTML = {"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"}
# Types without meaning: the MIME Sniffing standard has the content decide (section 7).
_UNKNOWN = {None, "unknown/unknown", "application/unknown"}
_MAX_LENGTH = 1024  # bytes that are read of a header: a microsecond each at most
_S = "\t\n\r "
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = r'(?:[^"\\]++|\\.|\\\Z)*'  # up to its quote, or else all of the rest
_VALUE = re.compile(rf'(?:[^",]++|"{_QUOTED}"?+)+', re.DOTALL)
_TYPE = re.compile(rf"[{_S}]*+({_NAME}/{_NAME})[{_S}]*+(?=;|\Z)")
_PARAMETER = re.compile(rf';[{_S}]*+([^;=]*+)(?:=(?:(")({_QUOTED})"?+[^;]*+|([^;]*+)))?', re.DOTALL)
_PARAMETER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# What an HTML page begins with (section 7.1, and `meta` and `link`), each followed by white space or `>`.
_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*<(?:!--|(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|"
    rb"TITLE|B|BODY|BR|P|META|LINK)[\t\n\x0c\r >])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Media:
    """The meaning of Content-Type."""

    is_html: bool | None  # None where the content decides
    charset: str | None  # the label as written


def read(lines: Iterable[bytes]) -> Media:
    """Reads the Content-Type lines of a header (Fetch standard, section 2.2.2: extract a MIME type)."""
    return _read(b", ".join(lines)[:_MAX_LENGTH])


@lru_cache(256)  # most pages have one of a few
def _read(header: bytes) -> Media:
    essence = charset = first_charset = None
    for value in _VALUE.findall(header.decode("latin-1")):
        found = _TYPE.match(value)
        if not found or found[1] == "*/*":
            continue
        charset = _charset(value, found.end())
        if found[1].lower() != essence:
            essence, first_charset = found[1].lower(), charset
        elif charset is None:
            charset = first_charset
    return Media(None if essence in _UNKNOWN else essence in _HTML, charset)


def _charset(value: str, start: int) -> str | None:
    """The parameter of a MIME type (MIME Sniffing standard, section 4.4)."""
    for name, quote, quoted, bare in _PARAMETER.findall(value, start):
        if name.lower() == "charset":
            label = re.sub(r"\\(.)", r"\1", quoted) if quote else bare.rstrip(_S)
            if (label or quote) and _PARAMETER_VALUE.fullmatch(label):
                return label
    return None


def forbids_sniffing(fields: Fields) -> bool:
    """Whether content of unknown type is no HTML, however it begins (Fetch standard: determine nosniff)."""
    values = b",".join(fields.get(b"x-content-type-options", ())).split(b",", 1)
    return values[0].strip(b"\t\n\r ").lower() == b"nosniff"


def sniff(beginning: bytes) -> bool:
    """Whether a body of unknown type begins as HTML does."""
    return _BEGINNING.match(beginning) is not None
