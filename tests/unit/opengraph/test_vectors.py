"""html5lib's own vectors, with metas before, after and inside."""

import pytest

from tests import vectors
from tests.law import assert_lawful

_META = '<meta property="og:{}" content="{}">'


@pytest.fixture(scope="module", autouse=True)
def _fetched() -> None:
    try:
        vectors.tokenizer_inputs()
    except OSError as error:
        pytest.skip(f"left out: html5lib's vectors cannot be fetched ({error})")


def _encodable(texts: list[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if not any("\ud800" <= character <= "\udfff" for character in text)]


def test_tokens() -> None:
    # Inputs of plain text and references alone are many and slow, and test_values has them.
    for text in _encodable(vectors.tokenizer_inputs()):
        if "<" in text or "-" in text:
            assert_lawful(_META.format("before", "1") + text + _META.format("after", "2"))


def test_values() -> None:
    texts = _encodable(vectors.tokenizer_inputs())
    quoted = (f'<meta property=og:{n} content="{text}">' for n, text in enumerate(texts) if '"' not in text)
    assert assert_lawful("".join(quoted)).unsure is None
    bare = [text for text in texts if text and not set(text) & set("\t\n\f\r >\"'")]
    assert (
        assert_lawful("".join(f"<meta property=og:{n} content={text}>" for n, text in enumerate(bare))).unsure is None
    )


def test_trees() -> None:
    for text in _encodable(vectors.tree_construction_inputs()):
        assert_lawful(_META.format("before", "1") + text + _META.format("after", "2"))


def test_trees_with_a_meta_after_every_tag() -> None:
    for text in _encodable(vectors.tree_construction_inputs()):
        assert_lawful(text.replace(">", ">" + _META.format("in", "3")))
