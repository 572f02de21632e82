"""Which charset a page is in, and how its bytes become text (WHATWG Encoding, and HTML, section 13.2.3).

The order: byte order mark, HTTP header, the first declaration by a meta, valid UTF-8, windows-1252. Labels are read
by the standard's table, so `euc-kr` is what browsers call so (cp949), `gb2312` is gb18030, `latin1` is windows-1252.
"""

import codecs
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import webencodings

from scrap.opengraph import iso2022jp

# Where the standard's decoder is a wider one than Python's of that name.
_WIDER = {"gbk": "gb18030"}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_BE, "utf-16be"), (codecs.BOM_UTF16_LE, "utf-16le"))
_FIRST_OF_BOM = frozenset(mark[:1] for mark, _ in _BOMS)
LONGEST_BOM = 3

# In these, the bytes of a tag may mean something else. In all others the bytes of HTML's grammar (ASCII but for
# letters, digits and @[\]^_`{|}~) are never part of another character, so a page can be scanned as bytes.
_OPAQUE = frozenset({"utf-16be", "utf-16le", "iso-2022-jp", "replacement"})

# All others have a character for each byte.
_MULTIBYTE = frozenset(
    {"utf-8", "utf-16be", "utf-16le", "gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "euc-kr"}
)
_TRIED = 64 * 1024  # bytes that are tried as UTF-8 in one call
_PIECE = 16 * 1024  # bytes that are decoded in one call of C code: 3 ms for the slowest, surrogates alone in UTF-16

_IN_CONTENT = re.compile(
    rb"""[cC][hH][aA][rR][sS][eE][tT][\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^"'\t\n\f\r ;][^\t\n\f\r ;]*))"""
)


@dataclass(frozen=True, slots=True)
class Charset:
    """A charset of the WHATWG table.

    Attributes:
        name: the standard's name, in lower case.
        codec: Python's codec.
        opaque: whether text must be decoded before tags can be found in it.
    """

    name: str
    codec: codecs.CodecInfo
    opaque: bool

    def decode(self, data: bytes | bytearray) -> str:
        """Decodes; what is malformed becomes U+FFFD. Other threads may run after every 16 KiB."""
        if len(data) <= _PIECE:
            return self.codec.decode(data, "replace")[0]
        return "".join(self._pieces(data))

    def _pieces(self, data: bytes | bytearray) -> Iterator[str]:
        decoder = self.decoder()
        for at in range(0, len(data), _PIECE):
            yield decoder.decode(data[at : at + _PIECE], at + _PIECE >= len(data))

    def decoder(self) -> codecs.IncrementalDecoder:
        """Makes a decoder for what comes in pieces."""
        assert self.codec.incrementaldecoder  # noqa: S101 - every codec of the table has one
        return self.codec.incrementaldecoder("replace")


@cache  # by the standard's names: some forty
def _charset(name: str) -> Charset:
    encoding = webencodings.lookup(name)
    assert encoding  # noqa: S101 - a name is a label of itself
    codec = codecs.lookup(_WIDER[name]) if name in _WIDER else encoding.codec_info
    if name == "iso-2022-jp":
        codec = iso2022jp.CODEC
    elif name not in _MULTIBYTE:
        codec = _whole(codec)
    return Charset(name, codec, name in _OPAQUE)


def _whole(codec: codecs.CodecInfo) -> codecs.CodecInfo:
    """A codec of single bytes with U+FFFD in its table's gaps: an error handler takes 200 times as long for each."""
    table = codec.decode(bytes(range(256)), "replace")[0]

    class CharsetDecoder(codecs.IncrementalDecoder):
        def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
            return codecs.charmap_decode(data, self.errors, table)[0]

    def decode(data: Any, errors: str = "strict", /) -> tuple[str, int]:
        return codecs.charmap_decode(data, errors, table)

    return codecs.CodecInfo(encode=codec.encode, decode=decode, incrementaldecoder=CharsetDecoder, name=codec.name)


UTF_8 = _charset("utf-8")
WINDOWS_1252 = _charset("windows-1252")


def labelled(label: str) -> Charset | None:
    """Finds a charset by one of its labels; None where the standard knows no such label."""
    encoding = webencodings.lookup(label)
    return _charset(encoding.name) if encoding else None


def marked(data: bytes) -> tuple[Charset, int] | None:
    """Finds a byte order mark at the beginning; returns its charset and its length."""
    if data[:1] not in _FIRST_OF_BOM:
        return None
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _charset(name), len(mark)
    return None


def declared(attributes: Mapping[bytes, bytes]) -> Charset | None:
    """Reads the charset that a meta declares (HTML, section 13.2.3.2), if its label is known."""
    label = attributes.get(b"charset")
    if label is None:
        if attributes.get(b"http-equiv", b"").lower() != b"content-type":
            return None
        named = _IN_CONTENT.search(attributes.get(b"content", b""))
        if not named:
            return None
        label = named[1] or named[2] or named[3] or b""
    charset = labelled(label.decode("latin-1"))
    if charset is None:
        return None
    # The declaration itself was readable as ASCII, so it cannot mean UTF-16.
    if charset.name.startswith("utf-16"):
        return UTF_8
    return WINDOWS_1252 if charset.name == "x-user-defined" else charset


def undeclared(data: bytearray) -> Generator[None, None, Charset]:
    """Finds the charset of a page that declares none: UTF-8 if all of it is, but for a character cut at the end.

    It tries 64 KiB in a step.
    """
    at = 0
    try:
        while True:
            read = codecs.utf_8_decode(data[at : at + _TRIED], "strict", False)[1]
            if at + _TRIED >= len(data):
                return UTF_8
            at += read
            yield
    except UnicodeDecodeError:
        return WINDOWS_1252
