"""A small page cannot cause a large response: what exceeds a limit is left out."""

import orjson
import pytest

from scrap.opengraph import Bound, Document, OpenGraph, ParseLimits, open_graph, read_with_html5lib
from tests.reference import assert_agrees

URL = "https://example.com/a/page.html"
LIMITS = ParseLimits()
TITLE = '<meta property="og:title" content="t">'


def graph(page: str, url: str = URL) -> OpenGraph:
    """What a page says, by the fast path and by the reference, which agree."""
    reading = assert_agrees(page)
    document = reading.document or read_with_html5lib(reading.text)
    return open_graph(document, url)


def size(graph: OpenGraph) -> int:
    return len(orjson.dumps(graph.fields))


def test_a_page_within_all_limits_exceeds_none() -> None:
    assert graph(TITLE).bound is None


def test_properties_beyond_the_number_are_left_out() -> None:
    tags = [f'<meta property="og:x:{number}" content="c">' for number in range(LIMITS.properties + 1)]
    assert graph("".join(tags[:-1])).bound is None
    found = graph("".join(tags))
    assert found.bound is Bound.PROPERTIES
    assert len(found.fields["properties"]) == LIMITS.properties


def test_every_token_of_an_attribute_is_one_property() -> None:
    found = graph(f'<meta property="{"og:a " * 3000}" content="{"c" * 30}">')
    assert found.bound is Bound.PROPERTIES
    assert len(found.fields["properties"]) == LIMITS.properties


@pytest.mark.parametrize("content", ["c", "é", "&amp;", "가"], ids=["ascii", "latin", "reference", "hangul"])
def test_a_content_that_is_too_long_is_left_out(content: str) -> None:
    longest = f'<meta property="og:description" content="{content * LIMITS.value_chars}">'
    longer = f'<meta property="og:description" content="{content * (LIMITS.value_chars + 1)}">'
    assert graph(TITLE + longest).bound is None
    found = graph(TITLE + longer)
    assert (found.bound, found.fields["properties"]) == (Bound.LENGTH, [["og:title", "t"]])


def test_a_name_that_is_too_long_is_left_out() -> None:
    longest = "og:" + "n" * (LIMITS.name_chars - 3)
    assert graph(f'<meta property="{longest}" content="c">').bound is None
    found = graph(f'{TITLE}<meta property="{longest}n" content="c">')
    assert (found.bound, found.fields["properties"]) == (Bound.LENGTH, [["og:title", "t"]])


def test_left_out_properties_count_as_read() -> None:
    long = f'<meta property="og:{"n" * 200}" content="c">'
    assert len(graph(long + TITLE * LIMITS.properties).fields["properties"]) == LIMITS.properties - 1


def test_a_url_that_is_too_long_is_left_out() -> None:
    spare = LIMITS.url_chars - len("https://example.com/a/")
    assert graph(f'<meta property="og:image" content="{"i" * spare}">').bound is None
    found = graph(f'<meta property="og:image" content="{"i" * (spare + 1)}">')
    assert (found.bound, list(found.fields)) == (Bound.LENGTH, ["properties"])


def test_percent_encoding_makes_a_url_too_long() -> None:
    found = graph(f'<meta property="og:image" content="{"가" * 1000}">')
    assert (found.bound, list(found.fields)) == (Bound.LENGTH, ["properties"])


@pytest.mark.parametrize("base", ["https://example.com/" + "b" * 40_000, "b" * 40_000])
def test_no_relative_url_is_resolved_by_a_base_that_is_too_long(base: str) -> None:
    images = '<meta property="og:image" content="i.png"><meta property="og:image" content="https://example.org/j.png">'
    document = Document(read_with_html5lib(images).metas, base)
    found = open_graph(document, URL)
    assert found.bound is Bound.LENGTH
    assert found.fields["images"] == [{"url": "https://example.org/j.png"}]


def test_the_first_property_that_does_not_fit_ends_the_response() -> None:
    long = "d" * 10_000
    found = graph("".join(f'<meta property="og:x:{number}" content="{long}">' for number in range(20)) + TITLE)
    assert found.bound is Bound.RESPONSE
    assert 0.9 * LIMITS.response_bytes < 2 * size(found) <= 2 * LIMITS.response_bytes
    assert "title" not in found.fields


def test_a_long_url_of_the_page_is_written_as_often_as_fits() -> None:
    found = graph(
        "".join(f'<meta property="og:image" content="{number}">' for number in range(1000)),
        url="https://example.com/" + "p" * 8000 + "/",
    )
    assert found.bound is Bound.RESPONSE
    assert len(found.fields["images"]) >= 5
    assert size(found) <= LIMITS.response_bytes


def test_escapes_of_json_count() -> None:
    found = graph("".join(f'<meta property="og:x:{number}" content="{chr(1) * 3000}">' for number in range(10)))
    assert found.bound is Bound.RESPONSE
    assert size(found) <= LIMITS.response_bytes


def test_the_first_limit_is_the_one_that_is_named() -> None:
    assert graph(TITLE + f'<meta property="og:{"n" * 200}" content="c">' + TITLE * 2000).bound is Bound.LENGTH


def test_an_attribute_is_split_into_tokens_as_far_as_16_kib() -> None:
    long = "x:y " * 5000
    assert graph(f'<meta property="og:a {long}og:b" content="c">').fields["properties"] == [["og:a", "c"]]
    renamed = f'<html prefix="x: https://ogp.me/ns# {long}z: https://ogp.me/ns#">'
    found = graph(f'{renamed}<meta property="x:title" content="t"><meta property="z:title" content="u">')
    assert found.fields["title"] == "t"
    assert len(found.fields["properties"]) == 1
