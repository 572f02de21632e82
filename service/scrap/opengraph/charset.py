"""Which charset a page is in, and how its bytes become text (WHATWG Encoding, and HTML, section 13.2.3).

The order: byte order mark, HTTP header, UTF-16's `<?x`, the first declaration by a meta, the XML declaration, valid
UTF-8, what Firefox's detector finds. `webencodings` has the standard's labels, `endec` its decoders, which are
Firefox's (encoding_rs); Python's know fewer characters and replace other bytes. A charset is known by the standard's
name, in lower case.
"""

import codecs
import re
from collections.abc import Callable, Generator, Mapping

import endec
import webencodings
from webencodings.custom import replacement_codec_info

from scrap.opengraph.iso2022jp import Iso2022JpDecoder

try:
    from chardetng_py import detector as chardetng
except ImportError:  # Python 3.14: not every machine has a wheel
    chardetng = None

# Byte order marks, and how XML declarations begin in UTF-16: what is there, the charset, how long the mark is.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", 3),
    (codecs.BOM_UTF16_BE, "utf-16be", 2),
    (codecs.BOM_UTF16_LE, "utf-16le", 2),
    (b"\0<\0?\0x", "utf-16be", 0),
    (b"<\0?\0x\0", "utf-16le", 0),
)
LONGEST_MARK = 6

# In these, the bytes of a tag may mean something else. In all others the bytes of HTML's grammar (ASCII but for
# letters, digits and @[\]^_`{|}~) are never part of another character, so a page can be scanned as bytes.
OPAQUE: dict[str, Callable[[str], codecs.IncrementalDecoder]] = {
    "utf-16be": codecs.getincrementaldecoder("utf-16be"),
    "utf-16le": codecs.getincrementaldecoder("utf-16le"),
    "iso-2022-jp": Iso2022JpDecoder,
    "replacement": replacement_codec_info.incrementaldecoder,
}
_GRAMMAR = re.compile(rb"[\t\n\f\r \"&'/<=>]")

_TRIED = 64 * 1024  # bytes that are tried as UTF-8 in one call
_PIECE = 16 * 1024  # bytes that are decoded in one call of C code: 0.3 ms
_BEFORE = 1024  # bytes before the first that is not UTF-8, and bytes in all, that the detector is given
_DETECTED = 32 * 1024
_DETECTED_AT_ONCE = 4 * 1024  # 2 ms

_IN_CONTENT = re.compile(
    rb"""[cC][hH][aA][rR][sS][eE][tT][\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^"'\t\n\f\r ;][^\t\n\f\r ;]*))"""
)
_IN_XML = re.compile(rb"""[\0-\x20]*=[\0-\x20]*(?:"([^"\0-\x20]*)"|'([^'\0-\x20]*)')""")


def decode(data: bytes | bytearray, charset: str) -> str:
    """Decodes; what is malformed becomes U+FFFD. Other threads may run after every 16 KiB or so."""
    if charset == "utf-8" and len(data) <= _PIECE:
        return data.decode(errors="replace")  # alike, in half of the time
    pieces, at = [], 0
    while len(data) - at > _PIECE and charset not in OPAQUE and (cut := _GRAMMAR.search(data, at + _PIECE)):
        pieces.append(endec.decode(bytes(data[at : cut.end()]), charset, "replace", bom="ignore"))
        at = cut.end()  # and not its start: a character that is cut off by it is malformed, not incomplete
    return "".join([*pieces, endec.decode(bytes(data[at:]), charset, "replace", bom="ignore")])


def labelled(label: str) -> str | None:
    """Finds a charset by one of its labels; None where the standard knows no such label."""
    encoding = webencodings.lookup(label)
    return encoding.name if encoding else None


def marked(data: bytes) -> tuple[str, int] | None:
    """Finds a byte order mark, or UTF-16's `<?x`, at the beginning; returns its charset and the mark's length."""
    for mark, name, length in _MARKS:
        if data.startswith(mark):
            return name, length
    return None


def declared(attributes: Mapping[bytes, bytes]) -> str | None:
    """Reads the charset that a meta declares (HTML, section 13.2.6.4.4), if a label is known."""
    charset = _readable(attributes.get(b"charset", b""))
    if charset is None and attributes.get(b"http-equiv", b"").lower() == b"content-type":
        named = _IN_CONTENT.search(attributes.get(b"content", b""))
        charset = _readable(b"".join(named.groups(b""))) if named else None
    return "windows-1252" if charset == "x-user-defined" else charset


def _readable(label: bytes) -> str | None:
    """The charset of a declaration, which was readable as ASCII, so it cannot mean UTF-16."""
    charset = labelled(label.decode("latin-1"))
    return "utf-8" if charset and charset.startswith("utf-16") else charset


def in_xml_declaration(data: bytearray) -> str | None:
    """Reads an XML declaration (HTML, section 13.2.3.2: get an XML encoding)."""
    if not data.startswith(b"<?xml"):
        return None
    _, _, rest = data[: data.find(b">") + 1].partition(b"encoding")
    named = _IN_XML.match(rest)
    return _readable(b"".join(named.groups(b""))) if named else None


def undeclared(data: bytearray) -> Generator[None, None, str]:
    """Finds the charset of a page that declares none, in steps of 2 ms.

    It is UTF-8 if all of it is, but for a character cut at the end.
    """
    at = 0
    try:
        while at + _TRIED < len(data):
            at += codecs.utf_8_decode(data[at : at + _TRIED])[1]
            yield
        codecs.utf_8_decode(data[at:])
    except UnicodeDecodeError as error:
        first = at + error.start
    else:
        first = data.find(b"\x1b") if chardetng else -1  # of ISO-2022-JP
    if first < 0:
        return "utf-8"
    if chardetng is None:
        return "windows-1252"
    # Firefox's detector takes 0.5 µs a byte: it is given those around the first beyond ASCII.
    detector = chardetng.EncodingDetector()
    start = max(0, first - _BEFORE)
    for at in range(start, min(len(data), start + _DETECTED), _DETECTED_AT_ONCE):
        detector.feed(bytes(data[at : at + _DETECTED_AT_ONCE]), last=False)
        yield
    name = detector.guess(tld=None, allow_utf8=True)
    return labelled("windows-874" if name == "cp874" else name) or "windows-1252"
