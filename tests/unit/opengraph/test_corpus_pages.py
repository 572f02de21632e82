"""579 real pages: what the fast path finds in them, whole, in pieces and cut off."""

import os
import random

import pytest

from scrap.opengraph import Document, Reading, read_with_html5lib
from tests import corpus
from tests.reference import assert_agrees, read

pytestmark = corpus.required

_PARTS = [slice(part, None, 8) for part in range(8)]
_ALL_WHOLE = "SCRAP_FUZZ" in os.environ  # html5lib takes a minute for them


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - to choose the same pages each time


def _og(document: Document) -> list[list[str | None]]:
    return [[name, content] for name, content in document.metas if name.startswith("og:")]


@pytest.fixture(scope="module")
def readings() -> dict[int, Reading]:
    return {page.number: read([page.body]) for page in corpus.pages()}


def test_every_page_has_the_open_graph_of_its_tree(readings: dict[int, Reading]) -> None:
    wrong = []
    for page in corpus.pages():
        reading = readings[page.number]
        document = reading.document or read_with_html5lib(reading.text)
        if _og(document) != page.expected or reading.charset != page.charset:
            wrong.append(page.number)
    assert wrong == []


def test_nearly_every_page_takes_the_fast_path(readings: dict[int, Reading]) -> None:
    sure = sum(reading.document is not None for reading in readings.values())
    assert sure >= 0.98 * len(readings)


def test_pieces_make_the_same_reading() -> None:
    chance = _chance(579)
    for page in corpus.pages()[::5]:
        body = page.body
        pieces = []
        while body:
            size = chance.choice([1, 7, 100, 1460, 4096, 65536])
            pieces.append(body[:size])
            body = body[size:]
        assert read(pieces) == read([page.body])


@pytest.mark.parametrize("part", _PARTS)
def test_pages_that_are_cut_off_are_read_as_html5lib_reads_them(part: slice) -> None:
    chance = _chance(33)
    for page in corpus.pages()[part]:
        body = page.body
        assert_agrees(body[: chance.randint(0, min(len(body), 30_000))], charset=None)


@pytest.mark.parametrize("part", _PARTS)
def test_whole_pages_are_read_as_html5lib_reads_them(part: slice) -> None:
    for page in corpus.pages()[part] if _ALL_WHOLE else corpus.pages()[part][:1]:
        assert_agrees(page.body, charset=None)
