"""The fast path: what it finds, where it stops, when it falls back."""

import re

import pytest

from scrap.opengraph import FallbackReason, PageReader, ParseLimits, markup
from tests.reference import assert_agrees, finished, read

URL = "https://example.com/page"
TITLE = '<meta property="og:title" content="T">'
TYPE = '<meta property="og:type" content="website">'


def metas(page: str) -> list[tuple[str, str | None]]:
    document = assert_agrees(page).document
    assert document
    return document.metas


@pytest.mark.parametrize(
    "page",
    [
        "<META PROPERTY='og:title' CONTENT='T'>",
        "<meta property=og:title content=T>",
        "<meta\nproperty\n=\n'og:title'\fcontent\t=\r\n'T'/>",
        "<meta/property='og:title'/content='T'/>",
        "<meta property='og:title'content='T'>",
        "<meta content='T' content='U' property='og:title' property='og:type'>",
        "<meta property='&#111;g:title' content='&#84;'>",
        "<meta property='og&colon;title' content='T'>",
        "<meta property='' name='og:title' content='T'>",
        "<meta property='fb:app_id' name='og:title' content='T'>",
        "<meta property='description\n OG:Title\t' content='T'>",
        "<meta content='T' = property='og:title'>",
        "<meta content='T' =property property='og:title'>",
        "<meta content='T' \"property property='og:title'>",
        "<!-->" + TITLE,
        "<!--->" + TITLE,
        "<!-- --!>" + TITLE,
        "<!-- -- --- -->" + TITLE,
        "<!doctype html '>" + TITLE,
        "<?php echo '" + ">" + TITLE,
        '</ ">' + TITLE,
        "</>" + TITLE,
        "<>< <<" + TITLE,
        "<![CDATA[>" + TITLE,
        "<\u017fcript>" + TITLE,
        "<scripts>" + TITLE,
        "<a title='<script>'>" + TITLE,
        '<a title="<!--">' + TITLE,
        "<a b=>" + TITLE,
        '<a b==">' + TITLE,
        '<a =">' + TITLE,
        "<a ='>' b='" + TITLE,
        "<script>'</scrip' '<!-' '</script-->'</script>" + TITLE,
        "<script><!-- <script> </script> --></script>" + TITLE,
        "<script><!-- <script> </script> </script>" + TITLE,
        "<script><!--><script></script>" + TITLE,
        "<script><!-- <scripts </script>" + TITLE,
        "<style></styl </style/ x='>'>" + TITLE,
        "<title></TITLE\n>" + TITLE,
        "<title/></title>" + TITLE,
        "<noscript>" + TITLE,
        "<head></head>" + TITLE,
        "<body><div><p>" + TITLE,
        "</body></html>" + TITLE,
        "<b><p><i>" + TITLE + "</b>",
    ],
)
def test_it_finds_the_one_meta(page: str) -> None:
    assert metas(page) == [("og:title", "T")]


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<meta",
        "<meta>",
        TITLE[:-1],
        "<metaproperty='og:title'>",
        "<meta property=title content=og:title>",
        "<meta property='ogtitle' content='T'>",
        "<meta property='x-og:title :og' content='T'>",
        "<meta property='og\N{NO-BREAK SPACE}:title' content='T'>",
        '<meta description="' + TITLE.replace('"', "'"),
        "<!-- " + TITLE,
        "<!--- " + TITLE,
        "<!-- -- >" + TITLE,
        "<!" + TITLE.replace(">", ""),
        "<?" + TITLE,
        "</p " + TITLE,
        "<p " + TITLE,
        "<a title='" + TITLE + "'>",
        '<a title="' + TITLE.replace('"', "'") + '">',
        "<a title= '" + TITLE,
        "<script>" + TITLE + "</scripts>",
        "<script><!-- <script> </script>" + TITLE,
        "<script><!-- <script>--</script>" + TITLE,
        "<style>" + TITLE,
        "<title>" + TITLE + "</title>",
        "<textarea>" + TITLE,
        "<xmp>" + TITLE,
        "<iframe>" + TITLE,
        "<noembed>" + TITLE,
        "<noframes>" + TITLE,
    ],
)
def test_it_finds_nothing_where_there_is_nothing(page: str) -> None:
    assert metas(page) == []


def test_a_meta_may_say_nothing() -> None:
    assert metas("<meta property=og:title><meta property=og:url content><meta property=og:type content=''>") == [
        ("og:title", None),
        ("og:url", ""),
        ("og:type", ""),
    ]


def test_several_tokens_are_several_metas() -> None:
    assert metas("<meta property='og:image twitter:image OG:image:url' content=i>") == [
        ("og:image", "i"),
        ("og:image:url", "i"),
    ]


def test_a_property_may_have_any_letters() -> None:
    assert metas("<meta property='og:É' content=x>") == [("og:É", "x")]


def test_values_are_what_html5lib_makes_of_them() -> None:
    assert metas("<meta property=og:title content='a\r\nb\rc\0&#13;&amp;amp;日'>") == [
        ("og:title", "a\nb\nc\ufffd\r&amp;日")
    ]


@pytest.mark.parametrize(
    ("page", "base"),
    [
        ("<base href='/a/'><base href='/b/'>", "/a/"),
        ("<base target=_top><base href='&#47;b/'>", "/b/"),
        ("<base href>", ""),
        ("<!-- <base href=/a/> -->", None),
    ],
)
def test_the_first_base_with_an_address_counts(page: str, base: str | None) -> None:
    document = assert_agrees(page + TITLE).document
    assert document
    assert document.base == base


@pytest.mark.parametrize(
    ("beginning", "why"),
    [
        ("<svg>", FallbackReason.FOREIGN),
        ("<math><mi>", FallbackReason.FOREIGN),
        ("<select>", FallbackReason.SELECT),
        ("<table><tr><td>", FallbackReason.TABLE),
        ("<template>", FallbackReason.TEMPLATE),
        ("<frameset>", FallbackReason.FRAMESET),
        ("<plaintext>", FallbackReason.PLAINTEXT),
        ("<!--\0-->", FallbackReason.COMMENT),
        ("<!---\0-->", FallbackReason.COMMENT),
        ("<html prefix='x: http://ogp.me/ns#'>", FallbackReason.PREFIX),
        ("<head xmlns:x='https://ogp.me/ns/article#'>", FallbackReason.PREFIX),
        ("<meta prefix='x: http://opengraphprotocol.org/schema/'>", FallbackReason.PREFIX),
        ("<meta property='og:type' content='' title='" + "x" * 16384 + "'>", FallbackReason.LENGTH),
        ("<meta property='" + "og:x " * 4000 + "' content=''>", FallbackReason.LENGTH),
        ("<base " + "x " * 8192 + "href='/b/'>", FallbackReason.LENGTH),
        ("<html " + "x " * 8192 + ">", FallbackReason.LENGTH),
    ],
)
def test_it_falls_back_for_what_follows(beginning: str, why: FallbackReason) -> None:
    reading = assert_agrees(TYPE + beginning + TITLE)
    assert reading.fallback_reason is why
    assert reading.text == TYPE + beginning + TITLE


@pytest.mark.parametrize(
    "following",
    [
        "<meta property=og:title",
        "<meta property=og:title content='>'>",
        "<meta x='" + "a" * 20,
        "<!-- " + TITLE + " -->",
        "<script>'" + TITLE + "'</script>",
        "<meta name=og:title>",
        "<meta name='&#111;g:title'>",
        "<base href=/>",
        "<html prefix='x: http://ogp.me/ns#'>",
        "<META\fPROPERTY='OG:x'>",
    ],
)
def test_anything_that_could_count_is_a_reason_to_fall_back(following: str) -> None:
    assert assert_agrees(TITLE + "<svg>" + following).fallback_reason in (FallbackReason.FOREIGN, FallbackReason.PREFIX)


@pytest.mark.parametrize(
    "harmless",
    [
        "",
        "</svg><p>og:title",
        "<meta>",
        "<meta name=viewport content='x'>",
        "<meta itemprop=name content='og:title'>",
        "<base target=x>",
        "<html lang=en>",
        "<head prefix='og: http://ogp.me/ns# fb: http://ogp.me/ns/fb#'>",
        "<metadata property=og:title>",
        "<script>'<a>'</script><table>",
        "<meta x=y>" * 1600,
    ],
)
def test_what_cannot_count_is_no_reason_to_fall_back(harmless: str) -> None:
    assert metas(TITLE + "<svg>" + harmless) == [("og:title", "T")]


def test_the_usual_prefixes_need_no_fallback() -> None:
    page = "<html xmlns='http://www.w3.org/1999/xhtml' xmlns:og='http://ogp.me/ns#' prefix='og: http://ogp.me/ns#'>"
    assert metas(page + TITLE) == [("og:title", "T")]
    page = "<html xmlns='http://ogp.me/ns#' xmlnsx='http://ogp.me/ns#'><meta property='x:title'>"
    assert metas(page + TITLE) == [("og:title", "T")]


@pytest.mark.parametrize(
    "declaration",
    [
        "prefix='\"og: http://ogp.me/ns#'",
        'prefix="\'og: http://ogp.me/ns#"',
        "prefix='x=\"og: http://ogp.me/ns#'",
        "prefix='prefix=\"og: http://ogp.me/ns#'",
        "prefix='xmlns:og: http://ogp.me/ns#'",
        "prefix='x:og: http://ogp.me/ns#'",
        "prefix='\"og: http://opengraphprotocol.org/schema/'",
        'xmlns:x:og="http://ogp.me/ns#"',
        'xmlns:"og="http://ogp.me/ns#"',
    ],
)
def test_a_name_that_only_ends_like_a_namespace_is_another(declaration: str) -> None:
    for tag in ("html", "head", "meta"):
        assert (
            assert_agrees(f"<{tag} {declaration}><meta property='\"og:title' content=x>").fallback_reason
            is FallbackReason.PREFIX
        )


MARGIN = 100
_LIMITS = ParseLimits(after_head=MARGIN)


def stops(page: str) -> int | None:
    """How much of an endless page is read; None where all of it is."""
    data = page.encode() + b" " * 10 * MARGIN
    reading = read([data], limits=_LIMITS)
    for size in (1, 7, MARGIN):
        assert read([data[at : at + size] for at in range(0, len(data), size)], limits=_LIMITS) == reading
    return len(reading.data) - len(page) if len(reading.data) < len(data) else None


def test_it_stops_a_while_after_the_head_of_a_page_that_has_a_card() -> None:
    assert stops(TITLE + TYPE + "</head>") == MARGIN
    assert stops(TITLE + TYPE + "</HEAD\n x='>'>") == MARGIN


def test_a_card_may_stand_just_behind_the_head() -> None:
    assert stops(TITLE + "</head>" + TYPE) == MARGIN - len(TYPE)


@pytest.mark.parametrize(
    "page",
    [
        TITLE + TYPE,
        TITLE + TITLE + "</head>",
        TYPE + "<meta property=article:tag content=x></head>",
        "</head>",
        TITLE + TYPE + "<!-- </head> -->",
        TITLE + TYPE + "<script></head></script>",
        TITLE + TYPE + "<a title='</head>'>",
        TITLE + TYPE + "</header>",
        TITLE + "</head>" + " " * MARGIN + TYPE,
        TITLE + "</head>" + " " * MARGIN + "</head>" + TYPE,
    ],
)
def test_it_reads_on_otherwise(page: str) -> None:
    assert stops(page) is None


HIDDEN = TYPE.replace('"', "'")


@pytest.mark.parametrize(
    "hiding",
    [
        f'<a title="{HIDDEN}">',
        f"<script>{HIDDEN}</script>",
        f"<style>a{HIDDEN}</style>",
        f"<!-- {HIDDEN} -->",
        f"<!--{TYPE}--><script>'</head>'{TYPE}</script>",
        f"<title>{TYPE}</title>",
        f"<a b='>{TYPE}'>",
        f"<p {HIDDEN}",
        f"<? {HIDDEN}",
        "<metadata property='og:type' content='x'>",
        "<meta>" * 200 + "<meta itemprop='image' content='og:x'>",
        '<meta itemprop="name" content="a > b"><html lang="en"><head>',
        "<meta http-equiv='Content-Type' content='text/html; charset=utf-8'>",
        '<svg><meta itemprop="a"></svg><table><html>',
    ],
)
def test_a_meta_behind_the_head_counts_and_what_looks_like_one_does_not(hiding: str) -> None:
    assert metas(TITLE + "</head><p>text</p>" + hiding) == [("og:title", "T")]
    if "<svg>" not in hiding:
        assert metas("</head><p>text</p>" + hiding + TITLE + "<p>" + hiding) == [("og:title", "T")]
    data = (TITLE + "</head>" + hiding + TITLE + hiding).encode()
    for at in range(len(data)):
        assert read([data[:at], data[at:]], charset="utf-8") == read([data], charset="utf-8")


def test_no_tokens_are_read_behind_a_head_that_nothing_may_count_after(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []

    class Noted:
        def match(self, data: bytearray, start: int, end: int) -> re.Match[bytes] | None:
            found = token.match(data, start, end)
            ends.append(found.end() if found else start)
            return found

    token = markup.TOKEN
    monkeypatch.setattr(markup, "TOKEN", Noted())
    head = TITLE + TYPE + "</head>"
    body = "<body><p class='x'>text</p><script>'<a>'</script><svg></svg><meta itemprop='i'>" * 100
    assert metas(head + body.replace("'i'", '"i"')) == [("og:title", "T"), ("og:type", "website")]
    assert max(ends) == len(head)
    assert assert_agrees(head + body + TITLE).fallback_reason is FallbackReason.FOREIGN


def test_what_is_beyond_the_place_to_stop_does_not_count() -> None:
    page = TITLE + TYPE + "</head>" + " " * (MARGIN - len(TITLE) + 1) + TITLE
    reading = read([page.encode()], limits=_LIMITS)
    assert reading.document is not None
    assert [name for name, _ in reading.document.metas] == ["og:title", "og:type"]


def test_what_comes_after_the_place_to_stop_needs_no_fallback() -> None:
    page = TITLE + TYPE + "</head>" + " " * MARGIN + "<svg>" + TITLE
    assert read([page.encode()], limits=_LIMITS).fallback_reason is None


def test_a_reader_that_has_enough_takes_no_more() -> None:
    reader = PageReader(limits=_LIMITS)
    assert reader.feed((TITLE + TYPE + "</head>" + " " * MARGIN).encode())
    assert reader.feed(b" " * 1000)
    assert len(finished(reader).data) == len(TITLE + TYPE + "</head>") + MARGIN


def test_too_many_tags_behind_a_diverging_element_are_a_reason_to_fall_back() -> None:
    assert read([b"<svg>" + b"<meta x=y>" * 2000]).fallback_reason is FallbackReason.FOREIGN


def test_a_long_content_needs_no_fallback() -> None:
    content = "data:image/png;base64," + "A" * 16_000
    assert metas(f'<meta property="og:image" content="{content}">') == [("og:image", content)]
    assert metas(f'<meta property="og:image" content="{content * 7}">') == []  # nor one that is too long to be kept


@pytest.mark.parametrize(
    "heavy",
    [
        TITLE * 900,
        f'<meta property="og:title" content="{"&amp;" * 2000}">',
        f'<base href="{"x" * 9000}">',
        f'<base href="{"x" * 3000}">',  # each link is made absolute by it
    ],
)
def test_a_page_with_much_open_graph_is_not_light(heavy: str) -> None:
    reader = PageReader()
    assert reader.is_light(URL)
    reader.feed((TITLE * 100).encode())
    assert reader.is_light(URL)
    reader.feed(heavy.encode())
    while reader.is_behind:
        reader.feed()
    assert not reader.is_light(URL)


def test_many_links_of_a_page_whose_url_is_long_are_not_light() -> None:
    reader = PageReader()
    reader.feed("".join(f'<meta property=og:image content="../{number}">' for number in range(300)).encode())
    while reader.is_behind:
        reader.feed()
    assert reader.is_light(URL)
    assert not reader.is_light(f"{URL}{'p/' * 1500}")


def test_more_bytes_than_enough_change_nothing() -> None:
    page = (TITLE + TYPE + "</head>").encode()
    once = read([page + b" " * 1000], limits=_LIMITS)
    assert once == read([page + b" " * 50, b" " * 50 + TITLE.encode()], limits=_LIMITS)
