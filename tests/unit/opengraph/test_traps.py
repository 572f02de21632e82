"""What other readers of Open Graph fell into, from bytes to response; on pages of our own."""

from typing import Any

import pytest

from scrap.opengraph import open_graph, read_with_html5lib
from tests.reference import assert_agrees

URL = "https://example.com/final/page"


def answer(page: str | bytes, *, charset: str | None = None) -> dict[str, Any]:
    """The response, by whichever parser: both find the same where the fast path does not fall back."""
    reading = assert_agrees(page, charset=charset)
    return open_graph(reading.document or read_with_html5lib(reading.text), URL).fields


def test_sizes_belong_to_the_image_that_they_follow() -> None:
    page = """<meta property="og:image" content="/a.png"><meta property="og:image" content="/b.png">
        <meta property="og:image:width" content="2"><meta property="og:image" content="/c.png">"""
    assert [image.get("width") for image in answer(page)["images"]] == [None, 2, None]


def test_images_keep_the_page_s_order() -> None:
    page = """<meta property="og:image" content="/small.png"><meta property="og:image:width" content="1">
        <meta property="og:image" content="/large.png"><meta property="og:image:width" content="999">"""
    assert [image["width"] for image in answer(page)["images"]] == [1, 999]


def test_property_counts_before_name_on_one_tag() -> None:
    assert answer('<meta name="og:title" property="og:description" content="D">')["properties"] == [
        ["og:description", "D"]
    ]


def test_name_counts_where_property_says_nothing_of_open_graph() -> None:
    assert answer('<meta name="og:title" property="dc:title" content="T">')["title"] == "T"


def test_fifty_tags_of_one_kind_are_all_there() -> None:
    page = "".join(f'<meta property="og:image" content="/{n}.png">' for n in range(50))
    assert len(answer(page)["images"]) == 50


@pytest.mark.parametrize(
    ("written", "meant"), [("&amp;amp;", "&amp;"), ("&amp;lt;b&amp;gt;", "&lt;b&gt;"), ("&lt;", "<")]
)
def test_references_are_decoded_once(written: str, meant: str) -> None:
    assert answer(f'<meta property="og:title" content="{written}">')["title"] == meant


def test_addresses_of_pages_keep_their_parameters() -> None:
    page = '<meta property="og:url" content="/?a=1&copy=2&amp;reg=3">'
    assert answer(page)["url"] == "https://example.com/?a=1&copy=2&reg=3"


def test_the_final_address_is_the_base() -> None:
    assert answer('<meta property="og:image" content="i.png">')["image"] == "https://example.com/final/i.png"


def test_the_first_base_counts_and_is_relative_to_the_final_address() -> None:
    page = '<base target="_top"><base href="../x/"><base href="/y/"><meta property="og:image" content="i.png">'
    assert answer(page)["image"] == "https://example.com/x/i.png"


@pytest.mark.parametrize("closer", ["<iframe src='//gtm.example'></iframe>", "<div>", "text", "<img>", "</head><body>"])
def test_what_closes_the_head_early_hides_nothing(closer: str) -> None:
    page = f"<!doctype html><html><head><noscript>{closer}</noscript><meta property='og:title' content='T'></head>"
    assert answer(page)["title"] == "T"


def test_the_charset_is_not_the_first_meta_s_alone() -> None:
    page = "<meta charset='none-such'><meta charset=euc-kr><meta property='og:title' content='한국'>".encode("euc-kr")
    assert answer(page)["title"] == "한국"


def test_a_declaration_is_trusted_over_what_the_bytes_look_like() -> None:
    page = "<meta charset=windows-1252><meta property='og:title' content='é'>".encode()
    assert answer(page)["title"] == "Ã©"


def test_a_declaration_may_come_late() -> None:
    page = ("<!-- " + "x" * 3000 + " --><meta charset=shift_jis><meta property='og:title' content='日本'>").encode(
        "cp932"
    )
    assert answer(page)["title"] == "日本"


def test_one_bad_byte_is_one_bad_character() -> None:
    page = "<meta charset=utf-8><meta property='og:title' content='日本 ?'>".encode().replace(b"?", b"\xff")
    assert answer(page)["title"] == "日本 \ufffd"


def test_no_title_and_no_twitter_card_sneaks_in() -> None:
    page = """<title>T</title><meta name="description" content="D"><meta name="twitter:title" content="T">
        <meta property="fb:app_id" content="1"><script type="application/ld+json">{"@type": "Article"}</script>"""
    assert answer(page) == {}


def test_templates_hide_what_is_inside() -> None:
    page = '<template><meta property="og:title" content="no"></template><meta property="og:title" content="yes">'
    assert answer(page)["properties"] == [["og:title", "yes"]]


def test_a_table_moves_what_is_inside_before_itself() -> None:
    meta = '<meta property="og:title" content="{}">'
    page = f"<table><tr><td>{meta.format('second')}</td></tr>{meta.format('first')}</table>"
    assert answer(page)["title"] == "first"


def test_another_name_of_the_namespace_counts_where_it_is_declared() -> None:
    meta = '<meta property="x:title" content="T">'
    assert answer(f'<html prefix="x: https://ogp.me/ns#"><head>{meta}')["title"] == "T"
    assert answer(f'<html xmlns:x="http://opengraphprotocol.org/schema/">{meta}')["title"] == "T"
    assert answer(meta) == {}


def test_og_counts_whatever_is_declared() -> None:
    assert answer('<html prefix="og: https://example.com/#"><meta property="og:title" content="T">')["title"] == "T"
