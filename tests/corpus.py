"""The 579 real pages of ../shared/corpus, where it is beside the repository; never copied in."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
_ROOT = REPOSITORY.parent / "shared" / "corpus"
AVAILABLE = (_ROOT / "index.json").is_file()

required = pytest.mark.skipif(not AVAILABLE, reason="the 579 real pages are not here (../shared/corpus)")


FOLDER = _ROOT / "pages"


@dataclass(frozen=True)
class Page:
    """A page as it was stored.

    Attributes:
        number: its number, and its file's.
        charset: what it has to be decoded with.
        head_end: the offset of its `</head>`, None where there is none.
        expected: [property, content] of its og: tags, by html5lib's tree of the whole page.
    """

    number: int
    charset: str
    head_end: int | None
    expected: list[list[str | None]]

    @property
    def body(self) -> bytes:
        return (FOLDER / f"{self.number:04}.html").read_bytes()

    @property
    def head(self) -> bytes:
        """The page up to its head's end; all of it where that is not known."""
        return self.body[: self.head_end]


@cache
def _index() -> Any:
    return json.loads((_ROOT / "index.json").read_text())


# The corpus was decoded by Python's decoders. The Encoding Standard, and so each browser, has another character for
# A2 41 in Big5, and for 98 in windows-1251.
_BY_THE_STANDARD = {243: ("\ufffd", "\x98"), 574: ("\N{FULLWIDTH SOLIDUS}", "\N{DIVISION SLASH}")}


def expected() -> dict[int, list[list[str | None]]]:
    """The og: tags of each page, by its number."""
    lines = (_ROOT / "expected.jsonl").read_text().splitlines()
    found = {line["n"]: line["pairs"] for line in map(json.loads, lines)}
    for number, (pythons, standards) in _BY_THE_STANDARD.items():
        found[number] = [[name, text and text.replace(pythons, standards)] for name, text in found[number]]
    return found


@cache
def pages() -> list[Page]:
    """All pages, in order; none where the corpus is not there."""
    if not AVAILABLE:
        return []
    pairs = expected()
    return [Page(page["n"], page["charset"], page["head_end"], pairs[page["n"]]) for page in _index()["pages"]]


def benchmark_pages() -> list[Page]:
    """The pages for benchmarks: their sizes follow the wild's."""
    return [pages()[number] for number in _index()["bench"]]
