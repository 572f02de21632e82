"""What a page without Open Graph has in its place."""

from typing import Any

import pytest

from scrap.opengraph.instead import instead_of

NOTHING: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (b"", NOTHING),
        (b"<p>title</p>", NOTHING),
        (b"<TITLE lang=en> A &amp; B </TITLE><title>C</title>", {"title": "A & B"}),
        (b"<title></title><title>C</title>", NOTHING),
        (b"<title>never closed", {"title": "never closed"}),
        (b"<titles>x</titles>", NOTHING),
        (b"<meta name=twitter:card content=summary>", {"twitter": [("twitter:card", "summary")]}),
        (b"<meta property='Twitter:Title' content='&lt;x'>", {"twitter": [("twitter:title", "<x")]}),
        (b"<meta name=twitter:card>", {"twitter": [("twitter:card", "")]}),
        (b"<meta name=description content=x>", NOTHING),
        (
            b'<script type="application/LD+json">{"@type" : "Article", "name": "N"}</script>"name": "no"',
            {"json_ld": [("@type", "Article"), ("name", "N")]},
        ),
        (b'<script>{"@type": "Article"}</script>', NOTHING),
        (b'<script type="application/ld+json">{broken "name":</script>', NOTHING),
    ],
)
def test_what_is_found(page: bytes, found: dict[str, Any]) -> None:
    assert instead_of(page, "utf-8") == found


def test_texts_are_in_the_charset_of_the_page() -> None:
    page = "<title>한국어</title><meta name=twitter:title content=안녕>".encode("euc-kr")
    assert instead_of(page, "euc-kr") == {"title": "한국어", "twitter": [("twitter:title", "안녕")]}


def test_it_is_limited() -> None:
    cards = b"<meta name=twitter:x content=y>" * 30
    assert len(instead_of(cards, "utf-8")["twitter"]) == 20
    assert instead_of(b" " * 256 * 1024 + b"<title>late</title>", "utf-8") == NOTHING
    assert len(instead_of(b"<title>" + b"t" * 9999, "utf-8")["title"]) == 1000
    script = b'<script type="application/ld+json">' + b'"name": "n",' * 9999 + b"</script>"
    assert len(instead_of(script, "utf-8")["json_ld"]) == 20
    scripts = b"".join(b'<script type=application/ld+json>{"name": "%d"}</script>' % number for number in range(5))
    assert [value for _, value in instead_of(scripts, "utf-8")["json_ld"]] == ["0", "1", "2", "3"]
    attributes = b"<meta" + b" a" * 8 * 1024 + b">"
    assert instead_of(attributes + b"<meta name=twitter:x content=y>", "utf-8") == NOTHING
    assert instead_of(b"<meta>" * 500 + b"<title>late</title>", "utf-8") == NOTHING
