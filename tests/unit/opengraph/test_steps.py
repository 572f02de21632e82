"""A page is read in steps: each does a bounded part of the work, all together do what grows as the page does."""

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest

from scrap.opengraph import Bound, Document, FallbackReason, PageReader, markup
from tests.reference import assert_agrees, finished, read

TITLE = '<meta property="og:title" content="T">'
SIZE = 8 * markup.LONGEST
PIECE = 16 * 1024


class Counted:
    """A pattern that counts the bytes that it looks at."""

    def __init__(self, pattern: re.Pattern[bytes], looked_at: list[int]) -> None:
        self._pattern = pattern
        self._looked_at = looked_at

    def match(self, data: bytearray, start: int, end: int) -> re.Match[bytes] | None:
        return self._counted(self._pattern.match(data, start, end), start, end)

    def search(self, data: bytearray, start: int, end: int) -> re.Match[bytes] | None:
        return self._counted(self._pattern.search(data, start, end), start, end)

    def _counted(self, found: re.Match[bytes] | None, start: int, end: int) -> re.Match[bytes] | None:
        """Counts up to the end where that is as far as it had to look: it found nothing, or too little."""
        self._looked_at.append((found.end() if found and found.lastindex else end) - start)
        return found

    def finditer(self, data: bytearray, start: int, end: int) -> Iterator[re.Match[bytes]]:
        """Counts up to each match that is asked for, and up to the end behind the last."""
        for found in self._pattern.finditer(data, start, end):
            self._looked_at.append(found.end() - start)
            start = found.end()
            yield found
        self._looked_at.append(min(end, len(data)) - start)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that each search looked at."""
    found: list[int] = []
    monkeypatch.setattr(markup, "TOKEN", Counted(markup.TOKEN, found))
    monkeypatch.setattr(markup, "APPARENT", Counted(markup.APPARENT, found))
    for name, (first, pattern, nexts) in markup.STATES.items():
        monkeypatch.setitem(markup.STATES, name, (first, cast("Any", Counted(pattern, found)), nexts))
    return found


PAGES = {
    "text": ("", "lorem ipsum "),
    "tags": ("", "<p class=x>y</p>"),
    "less than": ("", "<"),
    "attributes without end": ("<a ", "b='c' "),
    "bare attributes without end": ("<meta ", "b "),
    "equals signs": ("<a ", "="),
    "spaces in a tag": ("<a b", " "),
    "quote without end": ("<a title='", "x"),
    "value without end": ("<a title=", "x"),
    "name without end": ("<a ", "x"),
    "tag's name without end": ("<", "x"),
    "bogus comment without end": ("<?", "x"),
    "attributes of a script": ("<script ", "a=b "),
    "attributes that may count": ("<svg><meta ", "a "),
    "tags that may count": ("<svg>", "<base a>"),
    "text behind a diverging element": ("<svg>", "x"),
    "less than behind a diverging element": ("<svg>", "<"),
}


@pytest.mark.parametrize("family", PAGES)
@pytest.mark.parametrize("size", [1460, PIECE, SIZE])
def test_no_step_looks_at_more_than_its_share(looked_at: list[int], family: str, size: int) -> None:
    beginning, unit = PAGES[family]
    page = (beginning + unit * (SIZE // len(unit))).encode()
    reader = PageReader(charset="utf-8")
    steps = []

    def note() -> None:
        steps.append(sum(looked_at))
        looked_at.clear()

    for at in range(0, len(page), size):
        reader.feed(page[at : at + size])
        note()
        while reader.is_behind:
            reader.feed()
            note()
    reader.end()
    note()
    while reader.is_behind:
        reader.feed()
        note()
    reader.close()
    note()
    assert max(steps) <= 2 * markup.LONGEST
    assert sum(steps) <= 4 * len(page)


def test_a_tag_that_comes_byte_by_byte_is_not_read_as_often(looked_at: list[int]) -> None:
    page = b"<a b='" + b"x" * 2000
    reader = PageReader(charset="utf-8")
    for at in range(len(page)):
        reader.feed(page[at : at + 1])
    assert sum(looked_at) <= 4 * len(page)


def steps_of(reader: PageReader) -> int:
    """Has the reader do what it is behind with; returns the number of steps."""
    steps = 0
    while reader.is_behind:
        reader.feed()
        steps += 1
    return steps


def test_a_step_reads_few_of_the_tokens_that_are_slow() -> None:
    reader = PageReader(charset="utf-8")
    reader.feed(b"<meta a:>" * 2000)
    assert steps_of(reader) >= 5
    reader.end()
    assert steps_of(reader) == 0  # `end` did it


def test_a_step_reads_few_of_the_references() -> None:
    reader = PageReader(charset="utf-8")
    reader.feed(b"<meta prefix property='og:a %b'>" % (b"&a" * 50) * 150)  # fewer than are read in one step otherwise
    assert steps_of(reader) >= 10
    reader.end()
    reading = reader.close()
    assert reading.fallback_reason is None
    assert reading.document


def test_a_page_of_references_is_read_by_the_reference_parser() -> None:
    reader = PageReader(charset="utf-8")
    reader.feed(b"<meta prefix property='og:a %b'>" % (b"&a" * 900) * 20)
    steps_of(reader)
    reader.end()
    assert reader.close().fallback_reason is FallbackReason.LENGTH


def test_a_page_is_read_again_in_steps() -> None:
    page = "<p>笑</p>".encode("iso-2022-jp") * 10_000 + TITLE.encode() + b"<meta charset=iso-2022-jp>"
    reader = PageReader()
    for at in range(0, len(page), PIECE):
        reader.feed(page[at : at + PIECE])
    assert steps_of(reader) >= len(page) / 4096
    reader.end()
    assert steps_of(reader) <= 2
    reading = reader.close()
    assert reading.charset == "iso-2022-jp"
    assert reading.text.count("笑") == 10_000
    assert reading.document
    assert reading.document.metas == [("og:title", "T")]


def test_text_that_must_be_decoded_is_decoded_in_steps() -> None:
    reader = PageReader(charset="utf-16le")
    reader.feed(("x" * 50_000).encode("utf-16-le"))
    assert steps_of(reader) >= 20


@pytest.mark.parametrize(
    ("page", "steps", "name"),
    [
        ("日".encode() * 100_000, 4, "utf-8"),
        ("日".encode() * 100_000 + b"\xc3", 4, "utf-8"),
        (b"a" * 300_000 + "déjà vu à Paris".encode("latin-1"), 4, "windows-1252"),
        ("слова, ".encode("cp1251") * 30_000, 8, "windows-1251"),
        ("слова, ".encode("cp1251") * 30_000 + b"<meta charset=koi8-r>", 0, "koi8-r"),
    ],
)
def test_the_charset_of_a_page_that_says_nothing_is_found_in_steps(page: bytes, steps: int, name: str) -> None:
    reader = PageReader()
    reader.feed(page)
    steps_of(reader)
    reader.end()
    assert steps <= steps_of(reader) <= steps + 6
    assert reader.close().charset == name


def test_an_end_without_a_beginning_is_an_empty_page() -> None:
    for charset in (None, "utf-8", "utf-16le", "iso-2022-jp"):
        assert finished(PageReader(charset=charset)).data == b""


LONG = "x" * (markup.LONGEST + 1)
HIDDEN = "<meta property='og:type' content='hidden'>"


@pytest.mark.parametrize(
    "long",
    [
        f'<img src="data:{LONG}">',
        f"<img src='data:{LONG}' alt=\"{HIDDEN}\">",
        f"<img src=data:{LONG}>",
        f"<a {LONG}>",
        f"<a {LONG}=x/>",
        f"<a{LONG}>",
        f"<a{LONG} b='{HIDDEN}'>",
        f'<a{LONG}b="{HIDDEN}>',
        f"</a{LONG}>",
        f"</a b='{HIDDEN}' {LONG}>",
        f"<?{LONG}' \">",
        f"<!doctype {LONG}' \">",
        f"</ {LONG}' \">",
        f"<a {' ' * len(LONG)} b = {' ' * len(LONG)} '{HIDDEN}'>",
        f"<a {'/' * len(LONG)} b='{HIDDEN}'>",
        f"<a b={' ' * len(LONG)}>",
        f"<a b {' ' * len(LONG)} c='{HIDDEN}'>",
        f"<a b {' ' * len(LONG)}='{HIDDEN}'>",
        f"<a {'b=c ' * len(LONG)}>",
        f"<a {'=' * len(LONG)} b='{HIDDEN}'>",
        f"<script a='{LONG}'>{HIDDEN}</script>",
        f"<SCRIPT a='{LONG}'><!--<script></script>{HIDDEN}--></script>",
        f"<title {LONG}>{HIDDEN}</title>",
        f"<textarea {LONG}='>'>{HIDDEN}</textarea>",
        f"<title>{HIDDEN}</title {LONG} a='{HIDDEN}'>",
        f"</head {LONG}>",
        f"<meta name='{LONG}' content=x>",
        f'<meta name="description" content="og:x: {LONG}">',
        f'<meta itemprop="image" content="data:{LONG}" id="a:b">',
        f"<metadata property='og:type' content='{LONG}'>",
        f"<!--{LONG}{HIDDEN}-->",
    ],
)
def test_a_long_tag_is_read_as_html5lib_reads_it(long: str) -> None:
    reading = assert_agrees(long + TITLE)
    assert reading.document
    assert reading.document.metas == [("og:title", "T")]
    data = (long + TITLE).encode()
    for size in (1460, PIECE):
        assert read([data[at : at + size] for at in range(0, len(data), size)], charset="utf-8") == reading


@pytest.mark.parametrize(
    ("long", "why"),
    [
        (f"<svg a='{LONG}'>", FallbackReason.FOREIGN),
        (f"<table a='{LONG}'>", FallbackReason.TABLE),
        (f"<frameset a='{LONG}'>", FallbackReason.FRAMESET),
        (f"<base href='/{LONG}'>", FallbackReason.LENGTH),
        (f"<html a='{LONG}'>", FallbackReason.LENGTH),
        (f"<HEAD a='{LONG}'>", FallbackReason.LENGTH),
        (f"<meta property='og:type' content='{LONG}'>", FallbackReason.LENGTH),
        (f'<meta property="og:type {LONG}" content="x">', FallbackReason.LENGTH),
        (f'<meta {"id=x " * len(LONG)} property="og:type">', FallbackReason.LENGTH),
        (f"<meta id=a property='og:type' content='{'&amp;' * 1001}'>", FallbackReason.LENGTH),
    ],
)
def test_a_long_tag_may_need_a_fallback(long: str, why: FallbackReason) -> None:
    assert assert_agrees(long + TITLE).fallback_reason is why


def test_a_long_usual_meta_counts() -> None:
    reading = assert_agrees(f'<meta property="og:image" content="data:{LONG}">' + TITLE)
    assert reading.document
    assert reading.document.metas == [("og:title", "T")]  # a content that long is left out
    assert reading.document.bound is Bound.LENGTH


def test_a_long_tag_without_end_hides_what_follows() -> None:
    for beginning in ("<a title='", "<meta content='", "<?", "<a ", "<a b="):
        reading = assert_agrees(TITLE + beginning + LONG + TITLE.replace(">", ""))
        assert reading.document
        assert reading.document.metas == [("og:title", "T")]


def test_a_long_end_of_the_head_is_one() -> None:
    page = TITLE + TITLE.replace("title", "type") + f"</head {LONG}>"
    reading = read([(page + " " * 3 * markup.LONGEST).encode()], charset="utf-8")
    assert len(reading.data) == len(page) + 16 * 1024


def test_a_tag_that_crosses_the_end_of_a_step_is_read_at_the_end_of_the_page() -> None:
    for size in range(markup.LONGEST - 200, markup.LONGEST + 100):
        page = "</head>" + "x" * size + TITLE
        assert read([page.encode()], charset="utf-8").document == Document([("og:title", "T")])
