"""Content types, said and sniffed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrap.fetch import media
from scrap.fetch.media import Media

_LONG = "0123456789" * 13


def read(lines: list[str]) -> Media:
    """What Content-Type says, in these lines."""
    return media.read(line.encode("latin-1") for line in lines)


@pytest.mark.parametrize(
    ("values", "is_html", "charset"),
    [
        ([], None, None),
        ([""], None, None),
        (["html"], None, None),
        (["*/*"], None, None),
        (["unknown/unknown"], None, None),
        (["text/html"], True, None),
        (["TEXT/HTML"], True, None),
        (["text/html;charset=utf-8"], True, "utf-8"),
        ([' text/html ; a=b; Charset="euc-kr" ; x=y'], True, "euc-kr"),
        (["text/html; charset="], True, None),
        (["text/html; xcharset=utf-8"], True, None),
        (["application/xhtml+xml"], True, None),
        (["application/vnd.wap.xhtml+xml;charset=utf-8"], True, "utf-8"),
        (["text/vnd.wap.wml"], False, None),
        (["text/plain"], False, None),
        (["application/octet-stream; charset=utf-8"], False, "utf-8"),
        (["text/htmlx"], False, None),
        (["text/plain", "text/html"], True, None),
        (["text/html", "nonsense"], True, None),
    ],
)
def test_what_the_header_says(values: list[str], is_html: bool | None, charset: str | None) -> None:
    assert read(values) == Media(is_html, charset)


@pytest.mark.parametrize(
    ("parameters", "charset"),
    [
        (";charset=gbk", "gbk"),
        (";CHARSET=GBK", "GBK"),
        (";charset=gbk(", "gbk("),
        (";x=(;charset=gbk", "gbk"),
        (";charset=gbk;charset=windows-1255", "gbk"),
        (";charset=;charset=gbk", "gbk"),
        (";charset=\x00;charset=gbk", "gbk"),
        (";charset =gbk", None),
        (" ;charset=gbk", "gbk"),
        (";charset= gbk", " gbk"),
        (";charset='gbk'", "'gbk'"),
        (";charset=gbk'", "gbk'"),
        (";test;charset=gbk", "gbk"),
        (";test=;charset=gbk", "gbk"),
        (";';charset=gbk", "gbk"),
        (';";charset=gbk', "gbk"),
        (" ; ; charset=gbk", "gbk"),
        (";;;;charset=gbk", "gbk"),
        (';charset="gbk"', "gbk"),
        (';charset="gbk', "gbk"),
        (';charset="', ""),
        (';charset=gbk"', 'gbk"'),
        (';charset=" gbk"', " gbk"),
        (r';charset="\ gbk"', " gbk"),
        (r';charset="\g\b\k"', "gbk"),
        (';charset="gbk"x;', "gbk"),
        (r';charset="gb\"k', 'gb"k'),
        (';charset="gbk\\', "gbk\\"),
        (";charset={gbk}", "{gbk}"),
        (f";{_LONG}=x;charset=gbk", "gbk"),
        (";test=\xff;charset=gbk", "gbk"),
        (";x=charset=gbk", None),
        (';x=";charset=gbk', None),
        (";x=a,b;charset=gbk", None),
    ],
)
def test_the_charset_is_the_parameter_of_mime_sniffing(parameters: str, charset: str | None) -> None:
    assert read([f"text/html{parameters}"]).charset == charset


@pytest.mark.parametrize(
    "value",
    [
        "\t",
        "bogus/",
        "bogus/ ",
        "bogus/bogus/;",
        "</>",
        "(/)",
        "text/html(;doesnot=matter",
        "{/}",
        "\xff/\xff",
        "/html",
    ],
)
def test_a_type_that_is_none(value: str) -> None:
    assert read([value]) == Media(None, None)


@pytest.mark.parametrize(
    ("lines", "is_html", "charset"),
    [
        (["", "text/plain"], False, None),
        (["text/plain", ""], False, None),
        (["text/html", "text/plain"], False, None),
        (["text/plain;charset=gbk", "text/html"], True, None),
        (["text/plain;charset=gbk", "text/html;charset=windows-1254"], True, "windows-1254"),
        (["text/html;charset=gbk", "text/html"], True, "gbk"),
        (["text/html;charset=gbk", "TEXT/HTML;charset=windows-1252"], True, "windows-1252"),
        (["text/html;charset=gbk", "text/html;charset=koi8-r", "text/html"], True, "gbk"),
        (["text/html;charset=gbk", 'text/html;x=",text/plain'], True, "gbk"),
        (["text/html;charset=gbk", "text/plain", "text/html"], True, None),
        (["text/html", "*/*"], True, None),
        (["*/*", "text/html"], True, None),
        (["text/html;charset=gbk", "*/*;charset=koi8-r"], True, "gbk"),
        (['text/html;x="', "text/plain"], True, None),
        (['text/html;"', "text/plain"], True, None),
        (["text/html;charset=gbk", "unknown/unknown"], None, None),
    ],
)
def test_several_types_in_lines_and_in_one_line(lines: list[str], is_html: bool | None, charset: str | None) -> None:
    assert read(lines) == read([", ".join(lines)]) == read([",".join(lines)])
    assert read(lines) == Media(is_html, charset)


_TOKENS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Fetch: collect an HTTP quoted string; its value, and where it ends."""
    at += 1
    value = ""
    while at < len(text):
        character, at = text[at], at + 1
        if character == '"':
            break
        if character == "\\" and at < len(text):
            character, at = text[at], at + 1
        value += character
    return value, at


def _split(text: str) -> list[str]:
    """Fetch: get, decode, and split."""
    at = start = 0
    values = []
    while at < len(text):
        if text[at] == '"':
            at = _quoted(text, at)[1]
        elif text[at] == ",":
            values.append(text[start:at])
            at = start = at + 1
        else:
            at += 1
    return [*values, text[start:]]


def _parsed(text: str) -> tuple[str, str | None] | None:
    """MIME Sniffing: parse a MIME type; its essence and its charset."""
    text = text.strip("\t\n\r ")
    essence, _, _ = text.partition(";")
    kind, slash, subtype = essence.rstrip("\t\n\r ").partition("/")
    if not (kind and slash and subtype) or set(kind + subtype) - set(_TOKENS):
        return None
    charset = None
    at = len(essence)
    while at < len(text):
        at += 1
        while at < len(text) and text[at] in "\t\n\r ":
            at += 1
        start = at
        while at < len(text) and text[at] not in ";=":
            at += 1
        name = text[start:at].lower()
        if at == len(text) or text[at] == ";":
            continue
        at += 1
        if at < len(text) and text[at] == '"':
            value, at = _quoted(text, at)
            at = text.find(";", at) if ";" in text[at:] else len(text)
        else:
            end = text.find(";", at) if ";" in text[at:] else len(text)
            value, at = text[at:end].rstrip("\t\n\r "), end
            if not value:
                continue
        if name == "charset" and charset is None and not re.search(r"[^\t\x20-\x7e\x80-\xff]", value):
            charset = value
    return f"{kind}/{subtype}".lower(), charset


def _by_the_steps(lines: list[str]) -> tuple[str | None, str | None]:
    """Fetch: extract a MIME type."""
    essence = charset = result = None
    for value in _split(", ".join(lines)):
        parsed = _parsed(value)
        if parsed is None or parsed[0] == "*/*":
            continue
        result = parsed[1]
        if parsed[0] != essence:
            essence, charset = parsed
        elif result is None:
            result = charset
    return essence, result


_PIECES = [
    "text/html",
    "text/plain",
    "*/*",
    "charset",
    "=",
    ";",
    ",",
    '"',
    "\\",
    " ",
    "\t",
    "gbk",
    "x",
    "\x00",
    "\xff",
    "/",
]
_LINES = st.lists(
    st.lists(st.sampled_from(_PIECES) | st.characters(max_codepoint=255), max_size=14).map("".join), max_size=3
)


@settings(max_examples=3000, deadline=None, database=None, derandomize=True)
@given(_LINES)
def test_any_header_is_read_by_the_steps_of_the_standards(lines: list[str]) -> None:
    essence, charset = _by_the_steps(lines)
    found = read(lines)
    assert found.is_html == (None if essence in (None, "unknown/unknown") else essence == "text/html")
    assert (found.charset or "").strip("\t\n\r ") == (charset or "").strip("\t\n\r ")


class Consumed:
    """A pattern that counts the characters that its matches are made of."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self.characters = 0

    def match(self, text: str) -> re.Match[str] | None:
        found = self._pattern.match(text)
        self.characters += len(found[0]) if found else 0
        return found

    def findall(self, text: str, start: int = 0) -> list[tuple[str, ...]]:
        self.characters += sum(len(found[0]) for found in self._pattern.finditer(text, start))
        return self._pattern.findall(text, start)


@pytest.mark.parametrize(
    "unit",
    [",", ";", '"', "\\", "a/", 'text/html;charset="', "text/html;charset=x,", ";charset=", '\\"', '";"', "=", " "],
)
def test_the_work_grows_as_the_header_does(monkeypatch: pytest.MonkeyPatch, unit: str) -> None:
    counted = {name: Consumed(getattr(media, name)) for name in ("_VALUE", "_TYPE", "_PARAMETER")}
    for name, pattern in counted.items():
        monkeypatch.setattr(media, name, pattern)
    header = "text/html" + unit * (64 * 1024 // len(unit))
    read([header])
    assert sum(pattern.characters for pattern in counted.values()) <= 2 * len(header)


@pytest.mark.parametrize(
    "beginning",
    [
        b"<!DOCTYPE html>",
        b"<!doctype HTML ",
        b" \r\n\t<html lang=en>",
        b"<HTML>",
        b"\xef\xbb\xbf<html>",
        b"<!-- x",
        b"<p>",
    ],
)
def test_beginnings_of_html(beginning: bytes) -> None:
    assert media.sniff(beginning)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"<",
        b"<htm",
        b"<html",
        b"<htmlx>",
        b"<?xml version='1.0'?>",
        b"{}",
        b"\x89PNG",
        b"text <html>",
        b"%PDF-1.7",
    ],
)
def test_beginnings_of_something_else(beginning: bytes) -> None:
    assert not media.sniff(beginning)


def test_a_long_header_is_read_in_part() -> None:
    """A parameter takes half a microsecond."""
    parameter = ";charset=koi8-r"
    assert read(["text/html" + ";" * (1024 - len("text/html" + parameter)) + parameter]).charset == "koi8-r"
    assert read(["text/html" + ";" * 1024 + parameter]) == media.Media(is_html=True, charset=None)
