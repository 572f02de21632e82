"""The fast path beside the reference parser."""

from collections.abc import Iterable
from dataclasses import replace

from scrap.opengraph import Bound, PageReader, ParseLimits, Reading, read_with_html5lib

_USUAL = ParseLimits()
PATIENT = ParseLimits(seconds=60, tokens=10**9, elements=10**9, nesting=10**9)


def read(pieces: Iterable[bytes], *, charset: str | None = None, limits: ParseLimits = _USUAL) -> Reading:
    """Reads a page that comes in pieces, until enough was read."""
    reader = PageReader(charset=charset, limits=limits)
    for piece in pieces:
        enough = reader.feed(piece)
        while reader.is_behind and not enough:
            enough = reader.feed()
        if enough:
            break
    return finished(reader)


def finished(reader: PageReader) -> Reading:
    """Does the steps that are left when no more bytes come."""
    reader.end()
    while reader.is_behind:
        reader.feed()
    return reader.close()


def assert_agrees(page: str | bytes, *, charset: str | None = "utf-8", limits: ParseLimits = _USUAL) -> Reading:
    """Asserts that the fast path finds in a page what html5lib finds in the same text, or falls back."""
    reading = read([page.encode() if isinstance(page, str) else page], charset=charset, limits=limits)
    if reading.document is not None:
        expected = read_with_html5lib(
            reading.text, replace(limits, seconds=60, tokens=10**9, elements=10**9, nesting=10**9)
        )
        if expected.bound is not Bound.CRASH:
            assert reading.document == expected, reading.text
    return reading
