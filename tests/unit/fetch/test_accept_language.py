"""Accept-Language in one spelling: equal preferences are one text, and nothing else of a client's gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrap.fetch.accept_language import normalized


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("de", "de"),
        ("en-US,en;q=0.9", "en-US,en;q=0.9"),
        ("en-US,en;q=0.5", "en-US,en;q=0.9"),
        ("EN-us , en ; Q=0.5", "en-US,en;q=0.9"),
        ("en;q=0.5,en-US", "en-US,en;q=0.9"),
        ("fr, de", "fr,de;q=0.9"),
        ("da, en-gb;q=0.8, en;q=0.7", "da,en-GB;q=0.9,en;q=0.8"),
        ("de-CH,de;q=0.9,en;q=0.8,fr;q=0.7,it;q=0.6", "de-CH,de;q=0.9,en;q=0.8"),
        ("de;q=0.1,en;q=0.2,fr;q=0.3,it;q=0.4", "it,fr;q=0.9,en;q=0.8"),
        ("en,en;q=0.5,EN;q=0.3,de;q=0.4", "en,de;q=0.9"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sr-LATN-rs", "sr-Latn-RS"),
        ("de-DE-1996", "de-DE-1996"),
        ("de-x-ABCD-ef", "de-x-abcd-ef"),
        ("en-u-ca-GREGORY", "en-u-ca-gregory"),
        ("i-KLINGON", "i-klingon"),
        ("es-419", "es-419"),
        ("de;q=0,en", "en"),
        ("de;q=0.000", ""),
        ("de;q=1.000,en;q=0.", "de"),
        ("*", ""),
        ("de,*;q=0.5", "de"),
        (",,de,,", "de"),
        ("", ""),
    ],
)
def test_one_spelling(given: str, expected: str) -> None:
    assert normalized(given) == expected
    assert normalized(expected) == expected


@pytest.mark.parametrize(
    "invalid",
    [
        "de_DE",
        "deutschland",
        "de-",
        "-de",
        "de;q=2",
        "de;q=0.1234",
        "de;q=-1",
        "de;q=nan",
        "de;level=1",
        "d\xe4",
        "de\r\nX-Injected: yes",
        "../../etc/passwd",
        "a-" * 17 + "ab",
    ],
)
def test_what_is_no_range_is_ignored(invalid: str) -> None:
    assert normalized(invalid) == ""
    assert normalized(f"{invalid},fr") == "fr"


def test_what_is_too_long_is_ignored() -> None:
    assert normalized("de" + " " * 254) == "de"
    assert normalized("de" + " " * 255) == ""


@given(st.text(st.sampled_from("abcdEFGH0189-;q=., *\t\r\n\x00\xe4"), max_size=300))
def test_a_result_is_short_and_is_its_own_spelling(text: str) -> None:
    result = normalized(text)
    assert len(result) <= 3 * 35 + 2 * len(",;q=0.9")
    assert result.isascii()
    assert result == "" or result.isprintable()
    assert normalized(result) == result
