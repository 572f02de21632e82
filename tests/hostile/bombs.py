"""Pages that cost their sender little and their reader much: `BOMBS`, by name.

Each is a function without arguments that gives a response's header fields and the bytes of its body as they are on the
wire. Its docstring is one line: what it attacks. tests/hostile/bomb_origin.py serves them, and two pages that attack
nothing: `CARD` and `HONEST`.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import brotli
from backports import zstd

from tests.hostile.answers import bomb as zeros

Page = tuple[tuple[bytes, ...], bytes]

KIB = 1024
MIB = 1024 * KIB
_HTML = b"Content-Type: text/html; charset=utf-8"
_NO_CHARSET = b"Content-Type: text/html"
_CHUNKED = b"Transfer-Encoding: chunked"
_METAS = b"<meta name=og:>"
_TITLE = b'<meta property="og:title" content="x">'
_SVG = b"<svg></svg>"  # a meta behind it needs html5lib
_FONTS = b"".join(b"<font size=%d>" % number for number in range(400))  # different, so that html5lib keeps them all


@dataclass(frozen=True)
class Bomb:
    """A hostile page.

    Attributes:
        name: its own; a word for a URL's path.
        page: makes it.
        url_length: characters of the URL that a client asks for; 0 where it does not matter.
        redirect_length: characters of the URL that the first response redirects to; 0 for no redirect.
        in_records_of_one: it is sent over TLS, a record for each byte.
    """

    name: str
    page: Callable[[], Page]
    url_length: int = 0
    redirect_length: int = 0
    in_records_of_one: bool = False

    @property
    def attacks(self) -> str:
        """What it attacks, in one line."""
        return self.page.__doc__ or ""


BOMBS: dict[str, Bomb] = {}


def _bomb(
    *, url_length: int = 0, redirect_length: int = 0, in_records_of_one: bool = False
) -> Callable[[Callable[[], Page]], Callable[[], Page]]:
    """Registers a page under its function's name."""

    def register(page: Callable[[], Page]) -> Callable[[], Page]:
        name = page.__name__.replace("_", "-")
        BOMBS[name] = Bomb(name, page, url_length, redirect_length, in_records_of_one)
        return page

    return register


def _gzip(page: bytes, content_type: bytes = _HTML) -> Page:
    return (content_type, b"Content-Encoding: gzip"), zlib.compress(page, 9, zlib.MAX_WBITS | 16)


def _coded(coding: bytes, body: bytes) -> Page:
    return (_HTML, b"Content-Encoding: " + coding), body


def _repeated(unit: bytes, size: int = MIB - 4 * KIB) -> bytes:
    """A unit as often as it fits: by default into what is read of a page, less some bytes for what stands around it."""
    return unit * (size // len(unit))


def _meta(key: bytes, content: bytes) -> bytes:
    return b'<meta property="%b" content="%b">' % (key, content)


def _images(links: Iterable[bytes]) -> bytes:
    return b"".join(_meta(b"og:image", link) for link in links)


def _numbers(count: int) -> Iterable[bytes]:
    return (b"%d" % number for number in range(count))


# Amplification: bytes of the page that are written out more than once.


@_bomb()
def base_5000() -> Page:
    """Amplification: a base of 40 KB is written before each of 5,000 relative images, all the same."""
    return _gzip(b'<base href="http://a.example/%b/">' % (b"b" * 40_000) + _meta(b"og:image", b"x") * 5000)


@_bomb()
def base_30000() -> Page:
    """Amplification: a base of 40 KB is written before each of 30,000 relative images, all different."""
    page = b'<base href="http://a.example/%b/">' % (b"b" * 40_000)
    return _gzip(page + b"".join(b"<meta name=og:image content=%d>" % number for number in range(30_000)))


@_bomb()
def base_percent_encoded() -> Page:
    """Amplification: a base of 4-byte characters, each written as 12, before 5,000 relative images."""
    return _gzip('<base href="http://a.example/{}/">'.format("😀" * 10_000).encode() + _images(_numbers(5000)))


@_bomb()
def tokens_of_a_property() -> Page:
    """Amplification: one meta with 3,000 tokens in its property writes its content of 100 KB 3,000 times."""
    return _gzip(_meta(b"og:a " * 3000, b"c" * 100_000))


@_bomb()
def tokens_of_a_name() -> Page:
    """Amplification: the same with `name`, different tokens and an array, whose values are kept twice."""
    tokens = b"article:tag og:image og:locale:alternate " * 1000
    return _gzip(b'<meta name="%b" content="%b">' % (tokens, b"c" * 100_000))


@_bomb(url_length=2048)
def long_page_url() -> Page:
    """Amplification: the page's URL, as long as a client's may be, is written before 20,000 relative images."""
    return _gzip(_images(_numbers(20_000)))


@_bomb(redirect_length=8000)
def long_page_url_by_redirect() -> Page:
    """Amplification: the page's URL, of 8 KB by a redirect, is written before 20,000 relative images."""
    return _gzip(_images(_numbers(20_000)))


@_bomb()
def percent_encoding() -> Page:
    """Amplification: links of 4-byte characters, each of which becomes 12 bytes, in `url` and `secure_url`."""
    link = "/" + "😀" * 2000
    metas = (_meta(b"og:image:secure_url", f"{link}{number}".encode()) for number in range(120))
    return _gzip(b"".join(metas))


@_bomb()
def percent_encoding_in_one_link() -> Page:
    """Amplification: one link of 1 MB of 2-byte characters, each of which becomes 6 bytes."""
    return _gzip(_meta(b"og:image", b"http://a.example/" + _repeated("é".encode())))


@_bomb()
def json_control_characters() -> Page:
    """Amplification: control characters, each of which JSON writes as 6 bytes, in a field and in `properties`."""
    return _gzip(_meta(b"og:title", _repeated(b"\x01")))


@_bomb()
def json_quotes() -> Page:
    """Amplification: quotes, which JSON escapes, in thousands of values of an array."""
    return _gzip(_repeated(b"<meta property=article:tag content='%b'>" % (b'"' * 1000)))


@_bomb()
def json_backslashes() -> Page:
    """Amplification: backslashes, which JSON escapes, in one value."""
    return _gzip(_meta(b"og:description", _repeated(b"\\")))


@_bomb()
def character_references_named() -> Page:
    """Amplification: `&nGt;` is 5 bytes and becomes 6; each costs a look-up."""
    return _gzip(_meta(b"og:title", _repeated(b"&nGt;")))


@_bomb()
def character_references_of_two() -> Page:
    """Amplification: `&NotEqualTilde;` becomes two characters, thousands of times in thousands of values."""
    return _gzip(_repeated(_meta(b"article:tag", b"&NotEqualTilde;" * 100)))


@_bomb()
def character_references_numeric() -> Page:
    """Amplification: `&#1` becomes a control character, which JSON writes as 6 bytes; each costs a conversion."""
    return _gzip(_meta(b"og:title", _repeated(b"&#1")))


@_bomb()
def character_reference_of_a_million_digits() -> Page:
    """Scanning: one numeric reference of 1 MB."""
    return _gzip(_meta(b"og:title", b"&#" + _repeated(b"1") + b";"))


@_bomb()
def many_prefixes() -> Page:
    """Amplification: 10,000 declared prefixes for `og`, and metas that use hundreds of them at once."""
    declared = b" ".join(b"a%d: http://ogp.me/ns#" % number for number in range(10_000))
    used = b" ".join(b"a%d:title" % number for number in range(0, 10_000, 10))
    return _gzip(b'<html prefix="%b">' % declared + _repeated(_meta(used, b"c" * 5000), 512 * KIB))


@_bomb()
def many_xmlns() -> Page:
    """Amplification: 10,000 `xmlns:` attributes that declare a prefix for `og`, and metas that use them."""
    declared = b" ".join(b'xmlns:a%d="http://ogp.me/ns#"' % number for number in range(10_000))
    return _gzip(b"<html %b>" % declared + b"".join(_meta(b"a%d:image" % number, b"x") for number in range(5000)))


@_bomb()
def many_verticals() -> Page:
    """Amplification: 20,000 different properties of verticals, each written twice."""
    return _gzip(b"".join(b"<meta name=article:%d content=x>" % number for number in range(20_000)))


@_bomb()
def long_vertical() -> Page:
    """Amplification: the name of a property is 900 KB long, and is written twice."""
    return _gzip(_meta(b"article:" + b"n" * 900_000, b"x"))


@_bomb()
def deep_image() -> Page:
    """Amplification: one image with 20,000 properties of its own, of names with many colons."""
    metas = (b"<meta name=og:image:a:b:c:%d content=x>" % number for number in range(20_000))
    return _gzip(_meta(b"og:image", b"/a") + b"".join(metas))


@_bomb()
def many_actors() -> Page:
    """Amplification: 10,000 objects of a vertical, each with a property of its own."""
    return _gzip(_repeated(_meta(b"video:actor", b"a") + _meta(b"video:actor:role", b"b")))


@_bomb()
def many_images() -> Page:
    """Amplification: as many images as fit, every one an object of its own with a URL to parse."""
    return _gzip(b"".join(b"<meta name=og:image content=%d>" % number for number in range(30_000)))


@_bomb()
def many_locales() -> Page:
    """Amplification: as many alternate locales as fit, each written twice."""
    return _gzip(_repeated(b"<meta name=og:locale:alternate content=a>"))


# Content codings.


@_bomb()
def metas_in_gzip() -> Page:
    """Coding: 1 MiB of the shortest metas that count, in gzip."""
    return _gzip(_repeated(_METAS))


@_bomb()
def metas_in_brotli() -> Page:
    """Coding: 1 MiB of the shortest metas that count, in brotli with its largest window, of 16 MiB."""
    return _coded(b"br", brotli.compress(_repeated(_METAS), quality=5, lgwin=24))


@_bomb()
def metas_in_zstd() -> Page:
    """Coding: 1 MiB of the shortest metas that count, in zstd with a window of 8 MiB."""
    return _coded(b"zstd", zstd.compress(_repeated(_METAS), options={zstd.CompressionParameter.window_log: 23}))


@_bomb()
def gzip_of_zeros() -> Page:
    """Coding: 1 GiB of zeros in gzip."""
    return _coded(b"gzip", zeros("gzip"))


@_bomb()
def deflate_of_zeros() -> Page:
    """Coding: 1 GiB of zeros in deflate without its wrapper."""
    return _coded(b"deflate", zeros("raw deflate"))


@_bomb()
def brotli_of_zeros() -> Page:
    """Coding: 64 MiB of zeros in brotli with its largest window."""
    return _coded(b"br", brotli.compress(bytes(64 * MIB), quality=1, lgwin=24))


@_bomb()
def zstd_of_zeros() -> Page:
    """Coding: 64 MiB of zeros in zstd with a window of 8 MiB."""
    return _coded(b"zstd", zstd.compress(bytes(64 * MIB), options={zstd.CompressionParameter.window_log: 23}))


@_bomb()
def gzip_in_gzip() -> Page:
    """Coding: 1 MiB of metas in gzip in gzip, some hundred bytes on the wire."""
    return _coded(b"gzip, gzip", _gzip(_gzip(_repeated(_METAS))[1])[1])


@_bomb()
def nothing_in_gzip_in_gzip() -> Page:
    """Coding: an outer gzip full of empty blocks of an inner one, which gives nothing."""
    return _coded(b"gzip, gzip", zeros("gzip, gzip"))


@_bomb()
def brotli_in_zstd() -> Page:
    """Coding: 1 MiB of metas in brotli in zstd: two large windows."""
    inner = brotli.compress(_repeated(_METAS), quality=5, lgwin=24)
    return _coded(b"br, zstd", zstd.compress(inner, options={zstd.CompressionParameter.window_log: 23}))


@_bomb()
def members_of_gzip() -> Page:
    """Coding: 1,000 members of gzip, each with some metas."""
    return _coded(b"gzip", _gzip(_repeated(_METAS, KIB))[1] * 1000)


@_bomb()
def frames_of_zstd() -> Page:
    """Coding: 1,000 frames of zstd, each with a window of 8 MiB."""
    frame = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 23})
    return _coded(b"zstd", (frame.compress(_repeated(_METAS, KIB)) + frame.flush()) * 1000)


@_bomb()
def window_of_zstd() -> Page:
    """Coding: a zstd frame that asks for a window of 2 GiB (RFC 8878, section 3.1.1.1.2)."""
    return _coded(b"zstd", b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x03\x00\x00a" * 1000)


@_bomb()
def window_of_brotli() -> Page:
    """Coding: a brotli stream that asks for a window of 1 GiB, as only large-window brotli may."""
    return _coded(b"br", b"\x11\x1e" + b"\0" * 1000)


# Scanning.


@_bomb()
def unclosed_tag() -> Page:
    """Scanning: one tag of 1 MiB that is never closed."""
    return _gzip(b'<meta property="og:title" content="' + _repeated(b"a"))


@_bomb()
def unclosed_metas() -> Page:
    """Scanning: `<meta ` 170,000 times, none closed."""
    return _gzip(_repeated(b"<meta "))


@_bomb()
def unclosed_quotes() -> Page:
    """Scanning: tags that each open a quote."""
    return _gzip(_repeated(b"<p a=\"b' "))


@_bomb()
def unclosed_comment() -> Page:
    """Scanning: a comment of 1 MiB, full of what could end it, that is never closed."""
    return _gzip(b"<!-- " + _repeated(b"-- >--"))


@_bomb()
def many_comments() -> Page:
    """Scanning: 100,000 comments."""
    return _gzip(_repeated(b"<!----!>"))


@_bomb()
def many_attributes() -> Page:
    """Scanning: one meta with 100,000 different attributes."""
    return _gzip(b"<meta " + b" ".join(b"a%d" % number for number in range(100_000)) + b" property=og:title content=x>")


@_bomb()
def many_attributes_unclosed() -> Page:
    """Scanning: a tag with 300,000 attributes that is never closed."""
    return _gzip(b"<p " + _repeated(b"a= "))


@_bomb()
def less_than_signs() -> Page:
    """Scanning: `<` a million times."""
    return _gzip(_repeated(b"<"))


@_bomb()
def end_tags() -> Page:
    """Scanning: 200,000 end tags of nothing."""
    return _gzip(_repeated(b"</a>"))


@_bomb()
def almost_the_end_of_a_title() -> Page:
    """Scanning: a title full of what is almost its end tag."""
    return _gzip(b"<title>" + _repeated(b"</titl"))


@_bomb()
def script_escapes() -> Page:
    """Scanning: a script that goes in and out of its escaped states."""
    return _gzip(b"<script>" + _repeated(b"<!--<script></script-->"))


@_bomb()
def many_scripts() -> Page:
    """Scanning: 60,000 short scripts."""
    return _gzip(_repeated(b"<script></script>"))


@_bomb()
def metas_behind_a_select() -> Page:
    """Scanning: a select, then 1 MiB of what may begin a tag and has no say."""
    return _gzip(b"<select>" + _repeated(b"<meta a=b "))


# Charsets.


@_bomb()
def charset_at_the_end() -> Page:
    """Charset: declared at the end of 1 MiB of metas, so that all is read again."""
    return _gzip(_repeated(_METAS, MIB - 8 * KIB) + b"<meta charset=shift_jis>", _NO_CHARSET)


@_bomb()
def opaque_charset_at_the_end() -> Page:
    """Charset: one that is no superset of ASCII, declared at the end of 1 MiB of metas."""
    return _gzip(_repeated(_METAS, MIB - 8 * KIB) + b"<meta charset=iso-2022-jp>", _NO_CHARSET)


@_bomb()
def charsets_by_the_thousand() -> Page:
    """Charset: 40,000 declarations of charsets that do not exist."""
    return _gzip(b"".join(b"<meta charset=x%d>" % number for number in range(40_000)), _NO_CHARSET)


@_bomb()
def iso_2022_jp_escapes() -> Page:
    """Charset: 1 MiB of changes between the character sets of ISO-2022-JP."""
    return _gzip(_TITLE + _repeated(b"\x1b$B\x1b(B\x1b(J"), b"Content-Type: text/html; charset=iso-2022-jp")


@_bomb()
def iso_2022_jp_overflow() -> Page:
    """Charset: an unknown escape sequence before the end, which Python's incremental decoder raises at."""
    return _gzip(_TITLE + b"<p>\x1b$ & aaaaaa", b"Content-Type: text/html; charset=iso-2022-jp")


@_bomb()
def utf_16() -> Page:
    """Charset: 1 MiB of metas in UTF-16, and lone surrogates among them."""
    unit = '<meta name=og:title content="\U0001f600'.encode("utf-16-le") + b"\x00\xd8" + '">'.encode("utf-16-le")
    return _gzip(b"\xff\xfe" + _repeated(unit), _NO_CHARSET)


@_bomb()
def gb18030() -> Page:
    """Charset: four-byte characters of GB18030, whole and broken."""
    content = _repeated(b"\x81\x30\x81\x30\x81\x30\x81")
    return _gzip(_meta(b"og:title", content), b"Content-Type: text/html; charset=gb18030")


@_bomb()
def malformed_utf_8() -> Page:
    """Charset: bytes that are no UTF-8, each of which becomes a character of three bytes."""
    return _gzip(_meta(b"og:title", _repeated(b"\xff")))


# html5lib.


@_bomb()
def formatting_elements() -> Page:
    """html5lib: 400 open formatting elements that every paragraph opens again, for seconds; 1.7 KB on the wire."""
    return _gzip(_SVG + _FONTS + b"<p>x</p>" * 50_000 + _TITLE)


@_bomb()
def end_tags_of_paragraphs() -> Page:
    """html5lib: 400 open elements, looked through at each end tag of a paragraph that is not open."""
    return _gzip(_SVG + _FONTS + b"</p>" * 75_000 + _TITLE)


@_bomb()
def adoption_agency() -> Page:
    """html5lib: the adoption agency algorithm (HTML, section 13.2.6.4.7), 25,000 times."""
    return _gzip(_SVG + b"<a><b><p></a></b>" * 25_000 + _TITLE)


@_bomb()
def foster_parenting() -> Page:
    """html5lib: 40,000 elements and texts moved out of a table."""
    return _gzip(_SVG + b"<table>" + b"<b>x<tr>" * 40_000 + _TITLE)


@_bomb()
def metas_in_a_table() -> Page:
    """html5lib: metas moved out of tables."""
    return _gzip(_repeated(b"<table>a<meta name=og:image content=b>"))


@_bomb()
def nested_elements() -> Page:
    """html5lib: 100,000 nested elements before a meta."""
    return _gzip(_SVG + b"<div>" * 100_000 + _TITLE)


@_bomb()
def metas_in_a_select() -> Page:
    """html5lib: a select with 50,000 options and metas."""
    return _gzip(b"<select>" + _repeated(b"<option><meta name=og:>"))


@_bomb()
def foreign_content() -> Page:
    """html5lib: 1 MiB of metas in svg and math."""
    return _gzip(_repeated(b"<svg><math><meta name=og:></math></svg>"))


@_bomb()
def long_prefix_attribute() -> Page:
    """html5lib: a prefix attribute of 1 MB that declares next to nothing."""
    declared = _repeated(b"a: b ", MIB - 8 * KIB) + b"x: http://ogp.me/ns#"
    return _gzip(b'<html prefix="%b">' % declared + _meta(b"x:title", b"y"))


@_bomb()
def character_references_in_text() -> Page:
    """html5lib: 70,000 named references in text."""
    return _gzip(_SVG + _TITLE + _repeated(b"&NotEqualTilde;"))


@_bomb()
def metas_for_html5lib() -> Page:
    """html5lib: as many metas as fit, each an element with a value."""
    return _gzip(_SVG + _repeated(b"<meta name=og:image content=a>"))


# Framing.


def _chunks(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@_bomb()
def chunks_of_one() -> Page:
    """Framing: chunks of one byte."""
    page = _repeated(_METAS, 200 * KIB)
    return (_HTML, _CHUNKED), _chunks(*(page[at : at + 1] for at in range(len(page))))


@_bomb()
def chunk_extensions() -> Page:
    """Framing: small chunks with extensions of 1 KB."""
    return (_HTML, _CHUNKED), (b"f;%b\r\n%b\r\n" % (b"e" * KIB, _METAS)) * 1000 + b"0\r\n\r\n"


@_bomb()
def large_header() -> Page:
    """Framing: 60 KB of header fields, cookies among them, before 1 MiB of metas."""
    fields, body = _gzip(_repeated(_METAS))
    cookies = tuple(b"Set-Cookie: a%d=%b; Path=/" % (number, b"b" * 500) for number in range(50))
    return (*fields, *cookies, *(b"X-%d: a" % number for number in range(3000))), body


@_bomb(in_records_of_one=True)
def tls_records_of_one() -> Page:
    """TLS: 1 MiB of text in records of one byte, each of which is decrypted by itself."""
    return (_HTML,), _repeated(b"a")


@_bomb()
def not_compressed() -> Page:
    """The plain one: 1 MiB of metas as they are."""
    return (_HTML,), _repeated(_METAS)


# What others ask for meanwhile.


def _card() -> Page:
    """Nothing: a small page."""
    return (_HTML,), _TITLE


def _honest() -> Page:
    """Nothing: a page of 20 KB with an svg before its metas, so that html5lib has to read it."""
    text = b'<p class="a">Some <b>text</b> of a <a href="/page">page</a>.</p>' * 300
    return (_HTML,), b"<!doctype html><head><title>x</title></head><body>" + _SVG + _TITLE + text + b"</body>"


CARD = Bomb("card", _card)
HONEST = Bomb("honest", _honest)
SLOW = tuple(BOMBS[name] for name in ("formatting-elements", "end-tags-of-paragraphs", "foster-parenting"))
"""Pages of 2 KB on the wire that would take html5lib seconds."""
