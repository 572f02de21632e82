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


@cache
def pages() -> list[Page]:
    """All pages, in order; none where the corpus is not there."""
    if not AVAILABLE:
        return []
    lines = (_ROOT / "expected.jsonl").read_text().splitlines()
    expected = {line["n"]: line["pairs"] for line in map(json.loads, lines)}
    return [Page(page["n"], page["charset"], page["head_end"], expected[page["n"]]) for page in _index()["pages"]]


def benchmark_pages() -> list[Page]:
    """The pages for benchmarks: their sizes follow the wild's."""
    return [pages()[number] for number in _index()["bench"]]
