"""What a request asks for: its url parameter, and the languages of its client."""

import pytest

from scrap.api.target_reader import TargetReader
from scrap.errors import InvalidURL, Reason

QUERY = b"url=http://example.com/"


@pytest.fixture
def reader() -> TargetReader:
    return TargetReader("en-US,en;q=0.9")


@pytest.mark.parametrize(
    ("query", "href"),
    [
        (b"url=http%3A%2F%2Fexample.com%2F", "http://example.com/"),
        (b"url=http://example.com/", "http://example.com/"),
        (b"url=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2%23top", "https://example.com/?a=1&b=2"),
        (b"url=https://example.com/?q=a+b", "https://example.com/?q=a+b"),
        (b"url=https%3A%2F%2Fexample.com%2F%25E4", "https://example.com/%E4"),
        (b"url=https%3A%2F%2Fexample.com%2F%E4", "https://example.com/%E4"),
        (b"url=%20https%3A%2F%2Fexample.com%2F%0A", "https://example.com/"),
        (b"url=https%3A%2F%2Fb%C3%BCcher.example%2F%C3%A4", "https://xn--bcher-kva.example/%C3%A4"),
        (b"&url=http%3A%2F%2Fexample.com", "http://example.com/"),
    ],
)
def test_url_is_decoded_once(reader: TargetReader, query: bytes, href: str) -> None:
    assert reader.read(query, {}).href == href


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"", Reason.URL_MISSING),
        (b"url", Reason.URL_MISSING),
        (b"url=", Reason.URL_MISSING),
        (b"url=http://a.example/&url=http://b.example/", Reason.URL_REPEATED),
        (b"url=https://example.com/?a=1&b=2", Reason.QUERY_UNKNOWN),
        (b"uri=https://example.com/", Reason.QUERY_UNKNOWN),
        (b"url=%ff%fe", Reason.URL_MALFORMED),
        (b"url=example.com", Reason.URL_MALFORMED),
        (b"url=" + b"http://example.com/" + b"a" * 2048, Reason.URL_TOO_LONG),
        (b"url=gopher://example.com/", Reason.URL_SCHEME),
        (b"url=http://user:secret@example.com/", Reason.URL_CREDENTIALS),
    ],
)
def test_bad_query_has_its_reason(reader: TargetReader, query: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidURL) as caught:
        reader.read(query, {})
    assert caught.value.reason is reason


def test_a_client_that_names_the_languages_of_the_setting_shares_its_key() -> None:
    reader = TargetReader("ko-KR, ko;q=0.9, en;q=0.5")
    for languages in (b"ko-KR, ko;q=0.9, en;q=0.5", b"ko-kr,ko;q=0.8,en;q=0.1"):
        target = reader.read(QUERY, {b"accept-language": languages})
        assert (target.languages, target.key) == ("", target.href)


@pytest.mark.parametrize("languages", [b"", b"*", b"no languages", b"en-us, en;q=0.5"])
def test_a_client_without_languages_of_its_own_gets_those_of_the_setting(
    reader: TargetReader, languages: bytes
) -> None:
    target = reader.read(QUERY, {b"accept-language": languages})
    assert (target.languages, target.key) == ("", target.href)


def test_languages_are_part_of_the_key(reader: TargetReader) -> None:
    target = reader.read(QUERY, {b"accept-language": b"DE, en;q=0.3"})
    assert (target.href, target.languages) == ("http://example.com/", "de,en;q=0.9")
    assert target.key == reader.read(QUERY, {b"accept-language": b"de,en;q=0.5"}).key != reader.read(QUERY, {}).key


def test_what_is_short_is_remembered(reader: TargetReader) -> None:
    target = reader.read(QUERY, {b"accept-language": b"de"})
    assert (
        reader.remembered(QUERY, {b"accept-language": b"de"})
        is reader.read(QUERY, {b"accept-language": b"de"})
        is target
    )
    assert reader.remembered(QUERY, {b"accept-language": b"fr"}) is reader.remembered(QUERY, {}) is None
    reader.read(QUERY, {b"accept-language": b"de" + b" " * 500})
    assert reader.remembered(QUERY, {b"accept-language": b"de" + b" " * 500}) is None


def test_what_was_not_repeated_for_the_longest_is_forgotten(reader: TargetReader) -> None:
    for number in range(8192):
        reader.read(b"url=http://example.com/%d" % number, {})
    reader.read(b"url=http://example.com/0", {})
    reader.read(QUERY, {})
    assert reader.remembered(b"url=http://example.com/0", {})
    assert reader.remembered(b"url=http://example.com/1", {}) is None
