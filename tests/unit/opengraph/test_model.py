"""From metas to the answer: ogp.me's own examples, and what pages make of them."""

from typing import Any

import pytest

from scrap.opengraph import Document, open_graph

URL = "https://example.com/a/page.html"


def answer(*metas: tuple[str, str | None], base: str | None = None, **prefixes: str) -> dict[str, Any]:
    fields = open_graph(Document(list(metas), base, prefixes), URL).fields
    fields.pop("properties", None)
    return fields


def test_no_metas_make_nothing() -> None:
    assert open_graph(Document([], "/base/"), URL).fields == {}


def test_the_four_basic_properties_and_the_optional_ones() -> None:
    assert answer(
        ("og:title", "The Rock"),
        ("og:type", "video.movie"),
        ("og:url", "https://www.imdb.com/title/tt0117500/"),
        ("og:image", "https://ia.media-imdb.com/images/rock.jpg"),
        ("og:audio", "https://example.com/bond/theme.mp3"),
        (
            "og:description",
            "Sean Connery found fame and fortune as the suave, sophisticated British agent, James Bond.",
        ),
        ("og:determiner", "the"),
        ("og:locale", "en_GB"),
        ("og:locale:alternate", "fr_FR"),
        ("og:locale:alternate", "es_ES"),
        ("og:site_name", "IMDb"),
        ("og:video", "https://example.com/bond/trailer.swf"),
    ) == {
        "title": "The Rock",
        "type": "video.movie",
        "url": "https://www.imdb.com/title/tt0117500/",
        "image": "https://ia.media-imdb.com/images/rock.jpg",
        "description": "Sean Connery found fame and fortune as the suave, sophisticated British agent, James Bond.",
        "site_name": "IMDb",
        "locale": "en_GB",
        "determiner": "the",
        "images": [{"url": "https://ia.media-imdb.com/images/rock.jpg"}],
        "videos": [{"url": "https://example.com/bond/trailer.swf"}],
        "audios": [{"url": "https://example.com/bond/theme.mp3"}],
        "locales_alternate": ["fr_FR", "es_ES"],
    }


def test_structured_properties() -> None:
    assert answer(
        ("og:image", "https://example.com/ogp.jpg"),
        ("og:image:secure_url", "https://secure.example.com/ogp.jpg"),
        ("og:image:type", "image/jpeg"),
        ("og:image:width", "400"),
        ("og:image:height", "300"),
        ("og:image:alt", "A shiny red apple with a bite taken out"),
    )["images"] == [
        {
            "url": "https://example.com/ogp.jpg",
            "secure_url": "https://secure.example.com/ogp.jpg",
            "type": "image/jpeg",
            "width": 400,
            "height": 300,
            "alt": "A shiny red apple with a bite taken out",
        }
    ]


def test_sizes_stay_with_their_image_and_images_keep_their_order() -> None:
    rock = "https://example.com/rock{}.jpg".format
    assert answer(
        ("og:image", rock("")),
        ("og:image:width", "300"),
        ("og:image:height", "300"),
        ("og:image", rock(2)),
        ("og:image", rock(3)),
        ("og:image:height", "1000"),
    )["images"] == [
        {"url": rock(""), "width": 300, "height": 300},
        {"url": rock(2)},
        {"url": rock(3), "height": 1000},
    ]


_I, _J = "https://example.com/i.png", "https://example.com/j.png"


@pytest.mark.parametrize(
    ("metas", "images"),
    [
        ([("width", "5"), ("alt", "a"), ("", "/i.png")], [{"width": 5, "alt": "a", "url": _I}]),
        ([("alt", "a"), ("url", "/i.png"), ("width", "5")], [{"alt": "a", "url": _I, "width": 5}]),
        ([("secure_url", "/j.png"), ("", "/i.png")], [{"secure_url": _J, "url": _I}]),
        ([("alt", "a"), ("", "/i.png"), ("url", "/i.png")], [{"alt": "a", "url": _I}]),
        # One root is taken, not more; and what comes between belongs to that.
        ([("alt", "a"), ("", "/i.png"), ("", "/j.png")], [{"alt": "a", "url": _I}, {"url": _J}]),
        ([("alt", "a"), ("", "/i.png"), ("alt", "b"), ("", "/j.png")], [{"alt": "a", "url": _I}, {"url": _J}]),
        # A root that is no address is one.
        ([("alt", "a"), ("", ""), ("", "/j.png")], [{"alt": "a"}, {"url": _J}]),
        ([("alt", "a"), ("", "data:,x"), ("width", "1"), ("", "/j.png")], [{"alt": "a", "width": 1}, {"url": _J}]),
        # Another name of the root that is no address is no root.
        ([("alt", "a"), ("url", ""), ("", "/j.png")], [{"alt": "a", "url": _J}]),
        # An object that a root opened takes no other.
        ([("", ""), ("alt", "a"), ("", "/i.png")], [{"alt": "a"}, {"url": _I}]),
        ([("alt", "a")], [{"alt": "a"}]),
    ],
)
def test_an_object_that_a_sub_property_opened_takes_the_root_that_follows(
    metas: list[tuple[str, str]], images: list[dict[str, Any]]
) -> None:
    named = [(f"og:image:{name}".rstrip(":"), content) for name, content in metas]
    assert answer(*named)["images"] == images


def test_each_kind_of_media_takes_its_own_root() -> None:
    assert answer(("og:video:width", "1"), ("og:image:alt", "a"), ("og:video", "/i.png"), ("og:image", "/j.png")) == {
        "image": _J,
        "images": [{"alt": "a", "url": _J}],
        "videos": [{"width": 1, "url": _I}],
    }


@pytest.mark.parametrize(
    ("metas", "image"),
    [
        ([("secure_url", "/i.png")], _I),
        ([("", "data:,x"), ("secure_url", "/i.png")], _I),
        ([("", "/j.png"), ("secure_url", "/i.png")], _J),
        ([("secure_url", "/i.png"), ("alt", "a"), ("", "/j.png")], _J),
        ([("", ""), ("secure_url", "/i.png"), ("", "/j.png")], _I),  # of the first image that has one
        ([("alt", "a"), ("", ""), ("", "/j.png")], _J),
        ([("secure_url", "data:,x")], None),
    ],
)
def test_the_image_is_the_first_address(metas: list[tuple[str, str]], image: str | None) -> None:
    named = [(f"og:image:{name}".rstrip(":"), content) for name, content in metas]
    assert answer(*named).get("image") == image


@pytest.mark.parametrize(
    ("metas", "fields"),
    [
        ([("product:price:amount", "9.99"), ("product:price:currency", "EUR")], {"price:amount": "9.99"}),
        ([("og:product:condition", "new"), ("product:condition", "used")], {"condition": "new"}),
        ([("product:brand", " "), ("product:brand", "B")], {"brand": "B"}),
        ([("product", "x"), ("product:", "y"), ("og:product", "z"), ("product:gtin", "1")], {"gtin": "1"}),
    ],
)
def test_products(metas: list[tuple[str, str]], fields: dict[str, str]) -> None:
    assert fields.items() <= answer(*metas)["product"].items()


def test_other_object_types_of_facebook() -> None:
    assert answer(
        ("place:location:latitude", "48.8"),
        ("place:location:longitude", "2.3"),
        ("business:contact_data:street_address", "1 Hacker Way"),
        ("business:hours:day", "monday"),
        ("business:hours:day", "tuesday"),
    ) == {
        "place": {"location:latitude": "48.8", "location:longitude": "2.3"},
        "business": {"contact_data:street_address": "1 Hacker Way", "hours:day": "monday"},
    }


def test_url_is_another_name_of_the_root() -> None:
    assert answer(
        ("og:image:url", "/1.png"), ("og:image:width", "1"), ("og:image:url", "/2.png"), ("og:image:width", "2")
    )["images"] == [
        {"url": "https://example.com/1.png", "width": 1},
        {"url": "https://example.com/2.png", "width": 2},
    ]


def test_a_root_and_its_other_name_are_one_image() -> None:
    assert answer(("og:image", "/1.png"), ("og:image:url", "/1.png"), ("og:image:width", "1"))["images"] == [
        {"url": "https://example.com/1.png", "width": 1}
    ]


def test_an_image_without_an_address_takes_its_sizes_with_it() -> None:
    fields = answer(("og:image", "/1.png"), ("og:image", ""), ("og:image:width", "9"), ("og:image", "data:,x"))
    assert fields["images"] == [{"url": "https://example.com/1.png"}, {"width": 9}]
    assert fields["image"] == "https://example.com/1.png"


@pytest.mark.parametrize("text", ["300px", "1e3", "-1", "", "٣", "12.5", "9" * 400, "1_000"])
def test_a_size_that_is_no_number_stays_as_it_is_written(text: str) -> None:
    (image,) = answer(("og:image", "/1.png"), ("og:image:width", text))["images"]
    assert image.get("width", "") == text


def test_the_other_name_of_the_root_takes_its_sizes_with_it_too() -> None:
    wide = (("og:image:url", "data:x"), ("og:image:width", "1"), ("og:image", "/b.jpg"), ("og:image:width", "2"))
    assert answer(*wide)["images"] == [{"width": 1}, {"url": "https://example.com/b.jpg", "width": 2}]
    other = (("og:image", "data:x"), ("og:image:width", "1"), ("og:image:url", "ftp://y/"), ("og:image:width", "2"))
    assert answer(*other)["images"] == [{"width": 1}, {"width": 2}]


def test_a_size_may_have_space_around_it() -> None:
    assert answer(("og:video:width", " 640\n"), ("og:video:height", "0"))["videos"] == [{"width": 640, "height": 0}]


def test_the_first_value_that_is_not_empty_counts() -> None:
    assert answer(
        ("og:title", ""), ("og:title", None), ("og:title", " \n"), ("og:title", " T "), ("og:title", "U")
    ) == {"title": " T "}


def test_values_are_left_as_they_are() -> None:
    assert answer(("og:title", "  Fish &amp; Chips\n"))["title"] == "  Fish &amp; Chips\n"


def test_addresses_are_made_absolute() -> None:
    assert answer(("og:url", "../b?c#d"), ("og:image", "//cdn.example.net/x y.png")) == {
        "url": "https://example.com/b?c#d",
        "image": "https://cdn.example.net/x%20y.png",
        "images": [{"url": "https://cdn.example.net/x%20y.png"}],
    }


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("/b/", "https://example.com/b/x"),
        ("https://cdn.example.net/", "https://cdn.example.net/x"),
        ("javascript:0", "https://example.com/a/x"),
        ("http://[", "https://example.com/a/x"),
        ("", "https://example.com/a/x"),
        (None, "https://example.com/a/x"),
    ],
)
def test_the_base_is_resolved_against_the_page_and_counts_for_its_addresses(base: str | None, expected: str) -> None:
    assert answer(("og:url", "x"), base=base) == {"url": expected}


def test_addresses_relative_to_a_base_of_another_scheme_are_none() -> None:
    assert answer(("og:url", "x"), ("og:image", "/y.png"), base="file:///C:/x/") == {}


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:image/png,x", "ftp://example.com/", "http://[", "", " "])
def test_only_web_addresses_are_kept(link: str) -> None:
    assert answer(("og:url", link), ("og:image", link), ("og:image:secure_url", link)) == {}


def test_an_address_that_is_none_makes_way_for_one_that_is() -> None:
    assert answer(("og:url", "javascript:0"), ("og:url", "/x"))["url"] == "https://example.com/x"


def test_fifty_images_are_fifty_images() -> None:
    fields = answer(*[("og:image", f"/{n}.png") for n in range(50)])
    assert [image["url"] for image in fields["images"]] == [f"https://example.com/{n}.png" for n in range(50)]


def test_verticals_count_whatever_the_type() -> None:
    assert answer(
        ("og:type", "website"),
        ("article:published_time", "2026-11-23"),
        ("article:published_time", "2027"),
        ("article:author", "https://example.com/ann"),
        ("article:author", "Bob"),
        ("article:tag", "a"),
        ("book:isbn", "1"),
        ("book:author", "Ann"),
        ("book:tag", "b"),
        ("profile:first_name", "Ann"),
        ("payment:amount", "3.50"),
    ) == {
        "type": "website",
        "article": {
            "published_time": "2026-11-23",
            "author": ["https://example.com/ann", "Bob"],
            "tag": ["a"],
        },
        "book": {"isbn": "1", "author": ["Ann"], "tag": ["b"]},
        "profile": {"first_name": "Ann"},
        "payment": {"amount": "3.50"},
    }


def test_songs_albums_and_actors_have_properties_of_their_own() -> None:
    assert answer(
        ("music:song:disc", "1"),
        ("music:song", "https://example.com/s1"),
        ("music:song:track", "2"),
        ("music:song", "https://example.com/s2"),
        ("music:album", "https://example.com/al"),
        ("music:album:disc", "1"),
        ("music:album:track", "7"),
        ("music:musician", "M"),
        ("music:duration", "236"),
        ("video:actor", "A"),
        ("video:actor:role", "R"),
        ("video:director", "D"),
        ("video:writer", "W"),
        ("video:tag", "T"),
        ("video:duration", "60"),
    ) == {
        "music": {
            "song": [
                {"disc": "1"},
                {"value": "https://example.com/s1", "track": "2"},
                {"value": "https://example.com/s2"},
            ],
            "album": [{"value": "https://example.com/al", "disc": "1", "track": "7"}],
            "musician": ["M"],
            "duration": "236",
        },
        "video": {
            "actor": [{"value": "A", "role": "R"}],
            "director": ["D"],
            "writer": ["W"],
            "tag": ["T"],
            "duration": "60",
        },
    }


def test_verticals_under_og_are_meant() -> None:
    assert answer(("og:article:author", "A"), ("og:video:tag", "T"), ("og:video:width", "1"), ("og:book:", "x")) == {
        "videos": [{"width": 1}],
        "article": {"author": ["A"]},
        "video": {"tag": ["T"]},
    }


def test_what_is_unknown_or_empty_is_only_in_the_list() -> None:
    metas = [("og:", "x"), ("og:price:amount", "1"), ("article:", "y"), ("article:section", " "), ("music:song", None)]
    assert open_graph(Document([*metas]), URL).fields == {"properties": [[*meta] for meta in metas]}


def test_the_list_has_everything_as_the_page_has_it() -> None:
    metas: list[tuple[str, str | None]] = [("og:title", "a"), ("og:title", None), ("x:title", " "), ("og:type", "")]
    fields = open_graph(Document(metas, prefixes={"x": "og"}), URL).fields
    assert fields["properties"] == [["og:title", "a"], ["og:title", None], ["x:title", " "], ["og:type", ""]]


def test_another_name_of_a_namespace_means_that_namespace() -> None:
    assert answer(("x:title", "T"), ("b:isbn", "1"), x="og", b="book") == {"title": "T", "book": {"isbn": "1"}}
