"""html5lib's own vectors, with metas before, after and inside."""

from collections.abc import Iterable

import pytest

from tests import vectors
from tests.reference import assert_agrees

_META = '<meta property="og:{}" content="{}">'


@pytest.fixture(scope="module", autouse=True)
def _fetched() -> None:
    try:
        vectors.tokenizer_inputs()
    except OSError as error:
        pytest.skip(f"html5lib's vectors cannot be fetched ({error})")


def _encodable(texts: list[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if not any("\ud800" <= character <= "\udfff" for character in text)]


def _sure(pages: Iterable[str]) -> float:
    """The share of pages that the fast path reads, and reads as expected."""
    sure = [assert_agrees(page).fallback_reason is None for page in pages]
    return sum(sure) / len(sure)


def _around(text: str) -> str:
    return _META.format("before", "1") + text + _META.format("after", "2")


def test_tokens() -> None:
    # Inputs of plain text and references alone are many and slow, and test_values has them.
    texts = [text for text in _encodable(vectors.tokenizer_inputs()) if "<" in text or "-" in text]
    assert _sure(map(_around, texts)) >= 0.95


def test_values() -> None:
    texts = _encodable(vectors.tokenizer_inputs())
    quoted = (f'<meta property=og:{n} content="{text}">' for n, text in enumerate(texts) if '"' not in text)
    assert assert_agrees("".join(quoted)).fallback_reason is None
    bare = [text for text in texts if text and not set(text) & set("\t\n\f\r >\"'")]
    assert (
        assert_agrees("".join(f"<meta property=og:{n} content={text}>" for n, text in enumerate(bare))).fallback_reason
        is None
    )


def test_trees() -> None:
    assert _sure(map(_around, _encodable(vectors.tree_construction_inputs()))) >= 0.6


def test_trees_with_a_meta_after_every_tag() -> None:
    texts = _encodable(vectors.tree_construction_inputs())
    assert _sure(text.replace(">", ">" + _META.format("in", "3")) for text in texts) >= 0.6
