"""Refreshes, by HTML's shared declarative refresh steps."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrap import refresh
from scrap.refresh import parse_refresh


@pytest.mark.parametrize(
    ("value", "seconds", "url"),
    [
        ("0;URL=/target", 0, "/target"),
        ("0; url=foo", 0, "foo"),
        ("5", 5, None),
        ("5 ", 5, None),
        ("5;", 5, None),
        (" \t\n\f\r 5 , ; x", 5, "; x"),
        ("1.9;foo", 1, "foo"),
        ("1.9.9...;foo", 1, "foo"),
        (".5;foo", 0, "foo"),
        ("...;foo", 0, "foo"),
        (".", 0, None),
        ("1 foo", 1, "foo"),
        ("1\nurl=foo", 1, "foo"),
        ("1,foo", 1, "foo"),
        ("1;;foo", 1, ";foo"),
        ("1; url = foo", 1, "foo"),
        ("1; uRl\t=\nfoo", 1, "foo"),
        ("1; url foo", 1, "url foo"),
        ("1; ur=foo", 1, "ur=foo"),
        ("1; u", 1, "u"),
        ("1; url", 1, "url"),
        ("1; url=", 1, ""),
        ("1; 'foo", 1, "foo"),
        ("1; 'foo'bar", 1, "foo"),
        ('1; "foo\'bar"', 1, "foo'bar"),
        ("1; url='foo\"", 1, 'foo"'),
        ('1; url="fo\'o" x', 1, "fo'o"),
        ("1; url=''", 1, ""),
        ("1; url=u'x'", 1, "u'x'"),
        ("1; url=url=x", 1, "url=x"),
        ("1; url=a b\nc ", 1, "a b\nc "),
        ("0001;x", 1, "x"),
        ("9" * 5000 + ";x", 999999999, "x"),
        ("0" * 5000 + ";x", 0, "x"),
    ],
)
def test_what_a_refresh_asks_for(value: str, seconds: int, url: str | None) -> None:
    assert parse_refresh(value) == (seconds, url)


@pytest.mark.parametrize(
    "value",
    ["", " ", ";", "x", ";url=x", "+5;x", "-1;x", "5x;y", "5url=x", "1e3;x", "\xa05;x", "5\xa0;x", "٣;x", "0:x"],
)
def test_a_value_that_is_no_refresh(value: str) -> None:
    assert parse_refresh(value) is None


def by_the_steps(value: str) -> tuple[int, str | None] | None:
    """The standard's steps, one by one."""
    space, digits = "\t\n\f\r ", "0123456789"
    rest = value.lstrip(space)
    after = rest.lstrip(digits)
    number = rest[: len(rest) - len(after)]
    if not number and not after.startswith("."):
        return None
    rest = after.lstrip(digits + ".")
    if rest:
        if rest[0] not in ";," + space:
            return None
        rest = rest.lstrip(space)
        rest = (rest[1:] if rest[:1] in (";", ",") else rest).lstrip(space)
    seconds = int(number.lstrip("0")[:9] or 0)
    if not rest:
        return seconds, None
    named = rest[:3].lower() == "url" and rest[3:].lstrip(space).startswith("=")
    if named:
        rest = rest[3:].lstrip(space)[1:].lstrip(space)
    if rest[:1] in ("'", '"') and rest:
        rest = rest[1:].split(rest[0])[0]
    return seconds, rest


@settings(max_examples=2000, deadline=None, database=None, derandomize=True)
@given(st.text("01.;,= \t\n'\"uUrRlLx/é\xa0٣", max_size=20) | st.text(max_size=20))
def test_any_value_is_read_by_the_steps_of_the_standard(value: str) -> None:
    assert parse_refresh(value) == by_the_steps(value)


def test_the_work_grows_as_the_value_does() -> None:
    """Each repetition is possessive, so what was matched is never tried another way."""
    pattern = refresh._REFRESH.pattern
    assert len(re.findall(r"[*+?]\+", pattern)) > 8
    assert not re.search(r"[*+]", re.sub(r"[*+?]\+|\(\?", "", pattern))
    for unit in ["1", ".", " ", ";", "u", "url=", "'", "1;url='"]:
        value = "0;" + unit * 100_000
        found = parse_refresh(value)
        assert found
        assert len(found.url or "") < len(value)
