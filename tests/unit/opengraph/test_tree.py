"""The reference parser, within its limits."""

import pickle
import tracemalloc

import pytest

from scrap.opengraph import Bound, ParseLimits, read_with_html5lib, tree

META = "<meta property='og:title' content='T'>"


def test_metas_count_wherever_they_stand_but_in_templates() -> None:
    page = f"<svg>{META}</svg><select>{META}</select><template>{META}<template></template></template>"
    assert read_with_html5lib(page + "<table>" + META).metas == [("og:title", "T")] * 2


def test_names_of_namespaces_count_for_the_whole_page() -> None:
    page = "<html prefix='A: http://ogp.me/ns#  b:  https://ogp.me/ns/book# odd'><head xmlns:c='http://ogp.me/ns/x#'>"
    document = read_with_html5lib(page + "<meta property='a:title b:isbn c:x' content='v'>")
    assert document.prefixes == {"a": "og", "b": "book"}
    assert document.metas == [("a:title", "v"), ("b:isbn", "v")]


def test_xmlns_declares_a_name_behind_its_colon_alone() -> None:
    iri = "='http://ogp.me/ns#'"
    assert read_with_html5lib(f"<html xmlns:a{iri} xmlnsb{iri} xmlns{iri}>").prefixes == {"a": "og"}


def test_the_tree_that_stands_when_time_is_up_counts() -> None:
    document = read_with_html5lib(META + "<p>" * 5000, ParseLimits(seconds=0.0))
    assert (document.bound, document.metas) == (Bound.SECONDS, [])
    document = read_with_html5lib(META + "<a " + "".join(f"b{n} " for n in range(200_000)), ParseLimits(seconds=0.2))
    assert (document.bound, document.metas) == (Bound.SECONDS, [("og:title", "T")])


def test_the_tree_that_stands_after_so_many_tokens_counts() -> None:
    document = read_with_html5lib(META + "<!---->" * 200 + META, ParseLimits(tokens=100))
    assert (document.bound, document.metas) == (Bound.TOKENS, [("og:title", "T")])
    assert read_with_html5lib(META, ParseLimits(tokens=1)) == read_with_html5lib(META)


def test_the_tree_that_is_too_large_counts() -> None:
    document = read_with_html5lib(META + "<br>" * 200, ParseLimits(elements=100))
    assert (document.bound, document.metas) == (Bound.ELEMENTS, [("og:title", "T")])


def test_the_tree_that_is_too_deep_counts() -> None:
    document = read_with_html5lib(META + "<div>" * 600 + META)
    assert (document.bound, document.metas) == (Bound.NESTING, [("og:title", "T")])


def test_the_tree_on_which_html5lib_fails_counts() -> None:
    document = read_with_html5lib(META + "&#" + "1" * 5000 + ";" + META)
    assert (document.bound, document.metas) == (Bound.CRASH, [("og:title", "T")])


def test_it_can_be_handed_to_another_process() -> None:
    function, document = pickle.loads(pickle.dumps((read_with_html5lib, read_with_html5lib(META))))  # noqa: S301 - our own
    assert function(META) == document


def test_characters_that_should_not_be_there_cost_nothing() -> None:
    """To list a million of them took html5lib 24 s, which no look at the clock came between."""
    page = META + "\x01\ufdd0\ud800" * 1000 + META
    assert read_with_html5lib(page, ParseLimits(tokens=20)) == read_with_html5lib(META + META)


def test_the_clock_is_checked_between_tokens_and_within_them(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = 0

    def check(_: object) -> None:
        nonlocal checks
        checks += 1

    monkeypatch.setattr(tree._Tokens, "check", check)
    read_with_html5lib("<br>" * 500)
    assert checks >= 500 // tree._CHECK
    checks = 0
    read_with_html5lib("<a b='" + "x" * 100 * tree._SLICE + "'>")
    assert checks >= 100


@pytest.mark.parametrize(
    "unit",
    [
        *("<br>", "<p a b c d e f g h>lorem ipsum", "<a href='x' class='y'>z</a>", "<table><tr><td>x</table>"),
        *("<!---->", "<p>lorem</p>ipsum&amp;", "x</x>", "<b>x<p>y"),
        *("<p>" + "lorem ipsum " * 60, "<!--" + "lorem ipsum " * 60 + "-->"),
    ],
)
def test_a_tree_at_its_bounds_takes_a_kibibyte_an_element(unit: str) -> None:
    """So a tree of 25,000 elements, the default, takes up to 25 MiB; the page's own text is not counted."""
    limits = ParseLimits(seconds=60, elements=1000, tokens=2400)
    page = unit * 3000
    read_with_html5lib(page, limits)  # what is made once, is made
    tracemalloc.start()
    document = read_with_html5lib(page, limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert document.bound in (Bound.ELEMENTS, Bound.TOKENS, Bound.NESTING)
    assert peak <= 1024 * limits.elements
