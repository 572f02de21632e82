"""Refreshes of pages without Open Graph: by the fast path and by the reference parser alike."""

import pytest

from scrap.opengraph import FallbackReason, read_with_html5lib
from scrap.refresh import Refresh
from tests.reference import assert_agrees, read

_NEXT = Refresh(0, "/n")
_META = '<meta http-equiv="refresh" content="0;url=/n">'


@pytest.mark.parametrize(
    "page",
    [
        _META,
        f"<noscript>{_META}</noscript><script>location.replace('/n')</script>",
        f"<body><noscript><p>{_META}</noscript>",
        "<META content='0; URL=&#x2F;n' HTTP-EQUIV=REFRESH>",
        "<meta http-equiv='&#114;efresh' content='0;/n'>",
        f"<meta name='viewport' content='x'><title>{_META}</title><!--{_META.replace('/n', '/x')}-->{_META}",
        f"<meta http-equiv=refresh><meta http-equiv=refresh content=''><meta http-equiv=refresh content=x>{_META}",
        f"{_META}<meta http-equiv=refresh content='9;url=/m'><svg><meta http-equiv=refresh content='1;x'></svg>",
        f"</head><p>{_META}",
        f"<meta charset=utf-8><meta {'data-x=y ' * 1000} http-equiv=refresh content='0;/n'>",
        '<meta http-equiv="refresh" name="twitter:x" content="0;/n">',
    ],
)
def test_the_first_refresh_of_a_page_without_open_graph(page: str) -> None:
    document = assert_agrees(page).document
    assert document
    assert document.refresh == _NEXT


@pytest.mark.parametrize(
    "page",
    [
        f"{_META}<meta property=og:title content=x>",
        f"<meta property=og:title content=x>{_META}",
        f"<script>'{_META}'</script>",
        f"<textarea>{_META}</textarea>",
        f"<!-- {_META} -->",
        "<meta http-equiv=refreshed content='0;/n'>",
        "<meta name=refresh content='0;/n'>",
        "<div http-equiv=refresh content='0;/n'>",
    ],
)
def test_no_refresh(page: str) -> None:
    document = assert_agrees(page).document
    assert document
    assert document.refresh is None


@pytest.mark.parametrize(("before", "after"), [("<table>", "</table>"), ("<svg>", ""), ("<select>", "</select>")])
def test_the_reference_parser_reads_refreshes_that_the_tree_may_drop(before: str, after: str) -> None:
    page = before + _META + after
    assert assert_agrees(page).fallback_reason
    assert read_with_html5lib(page).refresh in (_NEXT, None)
    assert read_with_html5lib(f"<table>{_META}").refresh == _NEXT
    assert read_with_html5lib(f"<template>{_META}").refresh is None


def test_a_page_with_open_graph_needs_no_fallback_for_a_refresh() -> None:
    assert assert_agrees(f"<meta property=og:title content=x><svg></svg>{_META}").fallback_reason is None
    long = f"<meta {'data-x=y ' * 3000} http-equiv=refresh content='0;/n'>"
    assert assert_agrees(long).fallback_reason is FallbackReason.LENGTH


@pytest.mark.parametrize(
    ("charset", "encoded"),
    [("shift_jis", "日本".encode("cp932")), ("utf-16le", None), ("gb18030", b"\x81\x30\x81\x30")],
)
def test_its_url_is_decoded(charset: str, encoded: bytes | None) -> None:
    if encoded is None:
        page, url = "<meta http-equiv=refresh content='1,日本'>".encode("utf-16le"), "日本"
    else:
        page = b"<meta http-equiv=refresh content='1,%s'>" % encoded
        url = encoded.decode("cp932" if charset == "shift_jis" else charset)
    document = read([page], charset=charset).document
    assert document
    assert document.refresh == (1, url)


def test_a_refresh_that_comes_in_pieces() -> None:
    page = f"<meta charset=utf-8></head>{'x' * 9000}{_META}".encode()
    for size in (1, 7, 1000):
        document = read([page[at : at + size] for at in range(0, len(page), size)]).document
        assert document
        assert document.refresh == _NEXT
