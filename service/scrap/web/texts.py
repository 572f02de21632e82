"""The page's texts: one file a language, chosen by Accept-Language (RFC 9110, section 12.5.4)."""

from functools import lru_cache
from importlib.resources import files
from types import SimpleNamespace

import orjson

from scrap.fetch import accept_language

_NAMES = ("en", "ko")  # the first is for everybody else
LANGUAGES = {
    name: SimpleNamespace(**orjson.loads((files("scrap.web") / "texts" / f"{name}.json").read_bytes()))
    for name in _NAMES
}


@lru_cache(256)
def preferred(header: bytes) -> str:
    """The language that a client prefers among those of the page."""
    ranges = accept_language.normalized(header.decode("latin-1")).split(",")
    names = (item.partition(";")[0].partition("-")[0] for item in ranges)
    return next((name for name in names if name in LANGUAGES), _NAMES[0])
