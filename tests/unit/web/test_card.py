"""The card of a page: its layout, its kind, and what it says."""

from typing import Any

import pytest

from scrap.web.card import card_of

URL = "https://example.com/page"
IMAGE = "https://example.com/i.png"


def graph(image: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    images = [] if image is None else [{"url": IMAGE, **image}]
    return fields | ({"image": IMAGE, "images": images} if images else {})


@pytest.mark.parametrize(
    ("image", "layout"),
    [
        (None, "plain"),
        ({}, "large"),
        ({"width": 1200, "height": 630}, "large"),
        ({"width": 600}, "large"),
        ({"width": 599}, "small"),
        ({"height": 314}, "small"),
        ({"width": 1000, "height": 1000}, "small"),
        ({"width": "wide", "height": "high"}, "large"),
    ],
)
def test_the_layout_follows_the_size_of_the_image(image: dict[str, Any] | None, layout: str) -> None:
    assert card_of(graph(image), URL).layout == layout


@pytest.mark.parametrize(
    ("fields", "kind", "about"),
    [
        ({}, "link", []),
        ({"type": "website"}, "link", []),
        ({"type": "article"}, "article", []),
        ({"article": {"author": ["A", "B"], "published_time": "2026-11-20T08:00Z"}}, "article", ["A, B", "2026-11-20"]),
        ({"type": "video.movie"}, "video", []),
        ({"videos": [{"url": URL, "width": 640, "height": 360}], "type": "article"}, "video", ["640x360"]),
    ],
)
def test_the_kind(fields: dict[str, Any], kind: str, about: list[str]) -> None:
    card = card_of(fields, URL)
    assert (card.kind, card.about) == (kind, about)


def test_the_image_is_the_first_that_has_an_address() -> None:
    secure = "https://example.com/secure.png"
    images = [{"width": 1}, {"url": "http://example.com/i.png", "secure_url": secure, "alt": "A picture"}]
    card = card_of({"image": "http://example.com/i.png", "images": images}, URL)
    assert (card.image, card.alt, card.layout) == (secure, "A picture", "large")


def test_a_page_without_a_site_name_is_its_host() -> None:
    assert card_of({}, URL).site == "example.com"
    assert card_of({"url": "https://canonical.example/"}, URL).site == "canonical.example"
    assert card_of({"site_name": "Example"}, URL).site == "Example"
