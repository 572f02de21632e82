"""Content types, said and sniffed."""

import pytest

from scrap.fetch import media


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
        ([' text/html ; a=b; Charset = "euc-kr" ; x=y'], True, "euc-kr"),
        (["text/html; charset="], True, None),
        (["text/html; xcharset=utf-8"], True, None),
        (["application/xhtml+xml"], True, None),
        (["text/plain"], False, None),
        (["application/octet-stream; charset=utf-8"], False, "utf-8"),
        (["text/htmlx"], False, None),
        (["text/plain", "text/html"], True, None),
        (["text/html", "nonsense"], True, None),
    ],
)
def test_what_the_header_says(values: list[str], is_html: bool | None, charset: str | None) -> None:
    assert media.read(values) == media.Media(is_html, charset)


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
