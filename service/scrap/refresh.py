"""Refreshes: what `<meta http-equiv=refresh>` and the `Refresh` header ask for (HTML, section 4.2.5.3)."""

import re
from typing import NamedTuple

_S = r"[\t\n\f\r ]"
# "5", "5; url=/next", "0,'/next'" and the like: the shared declarative refresh steps, 2 to 12.
_REFRESH = re.compile(
    rf"{_S}*+(?:([0-9]++)|(?=\.))[0-9.]*+(?:\Z|(?=[;,\t\n\f\r ]){_S}*+[;,]?+{_S}*+([uU][rR][lL]{_S}*+={_S}*+)?(.*+))",
    re.DOTALL,
)
_DIGITS = 9  # that are read of a number


class Refresh(NamedTuple):
    """Another page to load, or the same one again."""

    seconds: int  # after which it is loaded
    url: str | None  # as written, relative to the base of the page; None for the page itself


def parse_refresh(value: str) -> Refresh | None:
    """Parses a refresh; None where the value is none."""
    found = _REFRESH.match(value)
    if not found:
        return None
    url = found[3] if found[2] or found[3] else None
    if url and url[0] in "'\"":
        url = url[1:].partition(url[0])[0]
    return Refresh(int((found[1] or "").lstrip("0")[:_DIGITS] or 0), url)
