"""Entity-tags."""

import pytest

from scrap.cache import etag


def test_equal_bodies_have_equal_tags() -> None:
    assert etag.of(b"a") == etag.of(b"a") != etag.of(b"b")


def test_is_a_strong_tag() -> None:
    tag = etag.of(b"a")
    assert tag.startswith('"')
    assert tag.endswith('"')
    assert len(tag) == 22


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        (' "abc" ', True),
        ('"x", "abc"', True),
        ('"x",W/"abc","y"', True),
        ('"a,b", "abc"', True),
        ("*", True),
        (" * ", True),
        ('"ABC"', False),
        ('"abcd"', False),
        ("abc", False),
        ('"abc', False),
        ("W/abc", False),
        ('"x,"abc', False),
        ("", False),
        ('"*"', False),
        ("**", False),
    ],
)
def test_matches(held: str, expected: bool) -> None:
    assert etag.matches(held, '"abc"') is expected


def test_any_character_of_a_tag_may_be_in_one() -> None:
    assert etag.matches('"é,!#"', '"é,!#"')
