"""The fast path finds what html5lib finds, in soup; in whatever pieces it comes.

`SCRAP_FUZZ=60 pytest tests/property/test_opengraph.py` tries 60 times as many pages, others each time: 200,000.
"""

import os
import tracemalloc

import html5lib
import orjson
import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st

from scrap.opengraph import Document, ParseLimits, markup, open_graph, read_with_html5lib, scanner, tree
from tests import corpus
from tests.reference import PATIENT, assert_agrees, read
from tests.soup import mutations, soups

_TIMES = int(os.environ.get("SCRAP_FUZZ", "1"))
_PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]


def _examples(number: int) -> settings:
    return settings(
        max_examples=_TIMES * number,
        deadline=None,
        phases=_PHASES,
        derandomize=_TIMES == 1,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


@_examples(2000)
@given(soups())
def test_soup_is_read_as_html5lib_reads_it(page: str) -> None:
    assert_agrees(page)


@_examples(1000)
@given(soups(diverging=False))
def test_soup_of_plain_elements_needs_no_fallback(page: str) -> None:
    assume("<!--\0" not in page and "<!---\0" not in page)
    assert assert_agrees(page).fallback_reason is None


@_examples(1000)
@given(soups(), st.integers(16, 90), st.integers(1, 4), st.integers(10, 40))
def test_soup_behind_the_head_is_read_as_html5lib_reads_it(page: str, longest: int, tokens: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "LONGEST", longest)
        patch.setattr(scanner, "_TOKENS", tokens)
        data = b"</head>" + page.encode()
        whole = assert_agrees(data)
        for step in (1, 7, size):
            assert read([data[at : at + step] for at in range(0, len(data), step)], charset="utf-8") == whole


@_examples(1500)
@given(soups())
def test_a_tree_of_soup_without_text_has_the_elements_of_html5libs_own(page: str) -> None:
    try:
        root = html5lib.parse(page, scripting=False)
    except Exception:  # noqa: BLE001 - html5lib's own assertions fail on pages that are odd enough
        assume(False)
    assert read_with_html5lib(page, PATIENT) == tree._document(root, PATIENT)


_OWN = [path.read_bytes() for path in sorted((corpus.REPOSITORY / "tests" / "pages").glob("*.html"))]


@st.composite
def _excerpts(draw: st.DrawFn) -> bytes:
    """Some 3 KiB of a real page, around an og: tag where there is one: html5lib takes its time."""
    page = draw(st.sampled_from(corpus.pages())).body
    start = max(0, page.find(b"og:", draw(st.integers(0, len(page)))) - draw(st.integers(0, 3000)))
    return page[start : start + 3000]


@_examples(150)
@given(mutations(st.sampled_from(_OWN)))
def test_damaged_pages_of_our_own_are_read_as_html5lib_reads_them(page: bytes) -> None:
    assert_agrees(page, charset=None)


@corpus.required
@_examples(250)
@given(mutations(_excerpts()))
def test_damaged_real_pages_are_read_as_html5lib_reads_them(page: bytes) -> None:
    assert_agrees(page, charset=None)


@_examples(250)
@given(soups(), st.lists(st.integers(1, 20), min_size=1), st.sampled_from([None, "utf-8", "utf-16le", "iso-2022-jp"]))
def test_the_split_does_not_matter(text: str, sizes: list[int], charset: str | None) -> None:
    page = text.encode({"utf-16le": "utf-16le", "iso-2022-jp": "iso-2022-jp"}.get(charset or "", "utf-8"), "ignore")
    pieces: list[bytes] = []
    rest = page
    while rest:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(rest[:size])
        rest = rest[size:]
    assert read(pieces, charset=charset) == read([page], charset=charset)


@_examples(1000)
@given(soups(), st.integers(16, 90), st.integers(1, 4), st.integers(1, 40))
def test_soup_is_read_in_short_steps_as_html5lib_reads_it(page: str, longest: int, tokens: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "LONGEST", longest)
        patch.setattr(scanner, "_LONG", longest // 2)
        patch.setattr(scanner, "_TOKENS", tokens)
        whole = assert_agrees(page)
        data = page.encode()
        assert read([data[at : at + size] for at in range(0, len(data), size)], charset="utf-8") == whole


@_examples(150)
@given(
    st.lists(st.tuples(st.text("og:imagevdrtcls_ ", max_size=24), st.none() | st.text(max_size=20))),
    st.text(max_size=9),
)
def test_any_metas_make_a_response_without_empty_fields(metas: list[tuple[str, str | None]], base: str) -> None:
    answer = open_graph(Document(metas, base), "https://example.com/").fields
    assert bool(answer) == bool(metas)
    assert all(value not in (None, "", [], {}) for value in answer.values())


_NAMES = st.text('og:imagevdrtcls_\x01"', max_size=200)
_CONTENTS = (
    st.none() | st.text(max_size=200) | st.sampled_from(["i", "가" * 300, "\x01" * 300, '"\\' * 300, "../" * 90])
)


@_examples(300)
@given(
    st.lists(st.tuples(st.sampled_from(["og:image", "og:video:url", "article:tag", "og:x:y"]) | _NAMES, _CONTENTS)),
    st.none() | st.sampled_from(["https://b.example/" + "b" * 250 + "/", "b" * 700, "/?" + "\\" * 250]),
    st.integers(0, 4000),
    st.integers(1, 50),
)
def test_no_response_is_larger_than_its_limit(
    metas: list[tuple[str, str | None]], base: str | None, spare: int, times: int
) -> None:
    limits = ParseLimits(response_bytes=300 + spare, url_chars=500)
    graph = open_graph(Document(metas * times, base, {"x": "og"}), "https://example.com/" + "p" * 300, limits)
    assert len(orjson.dumps(graph.fields)) <= limits.response_bytes
    if graph.bound is None:
        assert graph.fields.get("properties", []) == [list(meta) for meta in metas * times]


@_examples(60)
@given(soups(), st.integers(1, 400))
def test_memory_is_a_constant_and_a_small_multiple_of_the_page(page: str, times: int) -> None:
    """Reading, what was found, the model and the JSON; html5lib's tree has limits of its own."""
    pieces = [page.encode()] * times
    tracemalloc.start()
    try:
        document = read(pieces, charset="utf-8").document
        graph = open_graph(document or Document([]), "https://example.com/")
        assert len(orjson.dumps(graph.fields)) <= ParseLimits().response_bytes
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 1024 * 1024 + 6 * sum(map(len, pieces))


@_examples(300)
@given(soups(), st.integers(0, 9))
@example("<meta name=og:title content=&#xD800;/>", 1)
def test_a_page_within_limits_that_are_tight_is_read_alike(page: str, number: int) -> None:
    assert_agrees(page, limits=ParseLimits(properties=number, name_chars=8, value_chars=number))


@pytest.mark.parametrize("text", ["", "<", "<meta property=og:title content"])
def test_html5lib_reads_any_beginning(text: str) -> None:
    assert read_with_html5lib(text).metas == []
