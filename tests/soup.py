"""Tag soup, as text: what a page may be made of, and what confuses parsers."""

from collections.abc import Iterator
from itertools import product

from hypothesis import strategies as st

_PIECES = [
    *("<", ">", "/", "</", "/>", "=", "'", '"', " ", "\n", "\r", "\f", "\0", "&", "é", "日", "og:", "x", "]]>"),
    *("<!--", "-->", "--!>", "<!-->", "<!--->", "--", "->", "<!- - -->", "<!", "<?", "?>", "</ ", "</>", "<>"),
    *("<!doctype html>", "<![CDATA[", "<K>", "<\u017fcript>", "<metadata>", "<meta>", "<meta/", "<meta ", "<1>"),
    *("<script>", "</script>", "<script/>", "<SCRIPT src='a>b'>", "</script x='>", "</SCRIPT/", "<script"),
    *("<style>", "</style>", "<title>", "</title>", "</TITLE/", "<textarea>", "</textarea>", "<xmp>", "</xmp>"),
    *("<iframe>", "</iframe>", "<noembed>", "</noembed>", "<noframes>", "</noframes>", "<noscript>", "</noscript>"),
    *("<html>", "</html>", "<head>", "</head>", "</head x='", "<body>", "</body>", "<br>", "</br>", "</p>"),
    *("<p>", "<div>", "</div>", "<b>", "</b>", "<i>", "</i>", "<a>", "</a>", "<nobr>", "</nobr>", "<font>", "</font>"),
    *("<form>", "</form>", "<li>", "<ul>", "</ul>", "<h1>", "</h2>", "<dd>", "<dt>", "<button>", "</button>", "<hr>"),
    *("<object>", "</object>", "<marquee>", "<applet>", "</applet>", "<ruby>", "<rt>", "<pre>", "<input>", "<isindex>"),
    *("<option>", "<optgroup>", "<td>", "<tr>", "</td>", "<caption>", "<col>", "<frame>", "<image>", "<center>"),
    *('<img alt="', "<img alt='", '<a title="<b>">', "<a title='>", "<a =", "<a x==", "<a / x", "<a x=y/>", '<a "'),
    *(
        " http-equiv=refresh",
        '<meta http-equiv="Refresh" content="0;url=/n">',
        "<meta content='5, u' http-equiv=refresh>",
    ),
    *('<meta http-equiv="&#114;efresh" content="1">', '<meta http-equiv="refresh" content="x">'),
    *(' a="b"', " a='b'", " a=b", " a", " content=", " property=og:z", ' name="og:z"', "<base href=/b/>", "<base>"),
    *("&amp;", "&lt", "&copy=", "&#65;", "&#x41", "&#", "&notit;"),
]
# Names for namespaces, their own and others, in all the ways to write them.
_IRIS = ["http://ogp.me/ns#", "https://ogp.me/ns/article#", "http://opengraphprotocol.org/schema/"]
_DECLARED = [
    "og: ",
    '"og: ',
    "'og: ",
    "x:og: ",
    'prefix="og: ',
    'xmlns:og="',
    "fb: http://ogp.me/ns/fb# og: ",
    "x og: ",
]
_DECLARATIONS = [
    *(
        f"prefix={quote}{name}{iri}{quote}"
        for number, name in enumerate(_DECLARED)
        for quote in ["'", '"']
        for iri in [_IRIS[number % len(_IRIS)]]
    ),
    *(f"xmlns:{name}={quote}{_IRIS[0]}{quote}" for name in ["og", "x:og", '"og', "article"] for quote in ["'", '"']),
]
_RENAMED = [('"og', "'"), ("'og", '"'), ('prefix="og', "'"), ("x:og", ""), ('xmlns:og="', "'")]
_DIVERGING = [
    *("<svg>", "</svg>", "<svg/>", "<math>", "<select>", "</select>", "<table>", "</table>", "<template>"),
    *("</template>", "<frameset>", "<plaintext>", "<!--\0", "<!---\0", "<html prefix='x: https://ogp.me/ns#'>"),
    *("<head xmlns:y='http://ogp.me/ns/book#'>", "<meta property='x:title' content='renamed'>"),
    *(f"<{tag} {declaration}>" for tag, declaration in product(["html", "head", "meta"], _DECLARATIONS)),
    *(f"<meta property={quote}{name}:title{quote} content=renamed>" for name, quote in _RENAMED),
]
_KEYS = ["og:title", "og:image", "OG:Type", "article:tag", "og:x og:y", " og:a\n", "og&colon;z", "twitter:x", "video:é"]
_CONTENTS = ["", "v", "a &amp; b", "&copy", "?a&copy=1", "\r\n", "<b>", "&#128;", "&notit;", "\0", "日本", "&#xD800;"]


_SHAPES = [("property", 1, ">"), ("name", 1, "/>"), ("PROPERTY", -1, " >"), ("property ", -1, ">"), ("name", -1, " />")]
_METAS = [
    f"<meta {' '.join(attributes[::order])}{end}"
    for (number, (key, content)) in enumerate(product(_KEYS, _CONTENTS))
    for quote in ['"', "'", ""]
    for name, order, end in [_SHAPES[number % len(_SHAPES)]]
    for attributes in [(f"{name}={quote}{key}{quote}", f"content={quote}{content}{quote}")]
]
_PLAIN = [*_PIECES, *_METAS[::7]]
_ALL = [*_PLAIN * 3, *_DIVERGING]


def soups(*, diverging: bool = True, size: int = 24) -> st.SearchStrategy[str]:
    """Pages of up to `size` pieces, with or without the elements that the fast path leaves to html5lib."""
    table = _ALL if diverging else _PLAIN
    # One draw of bytes is some ten times faster than a list of draws, and shrinks as well.
    return st.binary(max_size=2 * size).map(lambda drawn: "".join(_pieces(drawn, table)))


def _pieces(drawn: bytes, table: list[str]) -> Iterator[str]:
    for at in range(0, len(drawn) - 1, 2):
        yield table[int.from_bytes(drawn[at : at + 2]) % len(table)]


@st.composite
def mutations(draw: st.DrawFn, originals: st.SearchStrategy[bytes]) -> bytes:
    """A page with a few of its bytes deleted, doubled, swapped, moved or cut off."""
    page = draw(originals)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(page)))
        end = start + draw(st.sampled_from([1, 1, 2, 5, 40, 400]))
        piece = page[start:end]
        page = draw(
            st.sampled_from(
                [
                    page[:start] + page[end:],
                    page[:end] + piece + page[end:],
                    page[:start] + piece[::-1] + page[end:],
                    page[:start] + page[end:] + piece,
                    piece + page[:start] + page[end:],
                    page[:end],
                ]
            )
        )
    return page
