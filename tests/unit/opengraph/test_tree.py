"""The law, within its bounds."""

import pickle

from scrap.opengraph import Bound, Limits, read_with_html5lib

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
    document = read_with_html5lib(META + "<p>" * 5000, Limits(seconds=0.0))
    assert (document.bound, document.metas) == (Bound.SECONDS, [])
    document = read_with_html5lib(META + "<a " + "".join(f"b{n} " for n in range(200_000)), Limits(seconds=0.2))
    assert (document.bound, document.metas) == (Bound.SECONDS, [("og:title", "T")])


def test_the_tree_that_stands_after_so_many_tokens_counts() -> None:
    document = read_with_html5lib(META + "<!---->" * 200 + META, Limits(tokens=100))
    assert (document.bound, document.metas) == (Bound.TOKENS, [("og:title", "T")])
    assert read_with_html5lib(META, Limits(tokens=1)) == read_with_html5lib(META)


def test_the_tree_that_is_too_large_counts() -> None:
    document = read_with_html5lib(META + "<br>" * 200, Limits(elements=100))
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
