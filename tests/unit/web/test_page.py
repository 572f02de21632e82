"""What a form asks for, and how much of a page is shown."""

import pytest

from scrap.web.page import asked, bar, clip, pretty, with_scheme


@pytest.mark.parametrize(
    ("query", "url"),
    [
        (b"", ""),
        (b"url=", ""),
        (b"url=https%3A%2F%2Fa.example%2F", "https://a.example/"),
        (b"url=+https%3A%2F%2Fa.example%2F%3Fa%3D1%2B2+", "https://a.example/?a=1+2"),
        (b"utm=1&url=a&url=b", "a"),
        (b"url=%ED%95%9C", "한"),
        (b"url=%FF", "\ufffd"),
        (b"\xff\xfe=&url", ""),
    ],
)
def test_the_url_of_a_form(query: bytes, url: str) -> None:
    assert asked(query) == url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("example.com", "https://example.com"),
        ("example.com:8080/a?b", "https://example.com:8080/a?b"),
        ("bücher.example/ä", "https://bücher.example/ä"),
        ("https://example.com", "https://example.com"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("localhost", "localhost"),
        ("user@example.com", "user@example.com"),
    ],
)
def test_a_url_as_a_person_writes_it(written: str, url: str) -> None:
    assert with_scheme(written) == url


def test_long_texts_are_clipped() -> None:
    assert clip("a" * 500) == "a" * 500
    assert clip("a" * 501) == "a" * 500 + "…"
    assert len(pretty({"title": "a" * 100_000})) == 32 * 1024 + 1


def test_the_bar_of_phases() -> None:
    assert bar({"a": 0.001, "b": 0.003}) == [("a", 0.0, 25.0), ("b", 25.0, 75.0)]
    assert bar({"a": 0.0}) == [("a", 0.0, 0.0)]
