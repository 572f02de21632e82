"""Every decoder of the Encoding Standard, on bytes of all kinds: none raises, and pieces say what the whole says."""

import os
from types import SimpleNamespace
from typing import ClassVar

import endec
import pytest
import webencodings.labels
from endec.exceptions import EncodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from scrap.opengraph import charset as charsets
from scrap.opengraph.charset import labelled
from tests.reference import read

_TIMES = int(os.environ.get("SCRAP_FUZZ", "1"))
_NAMES = sorted(set(webencodings.labels.LABELS.values()))
_LEADS = [
    *(
        b"\x1b",
        b"\x1b$",
        b"\x1b(",
        b"\x1b$B",
        b"\x1b$@",
        b"\x1b(B",
        b"\x1b(J",
        b"\x1b(I",
        b"\x1b$&",
        b"\x1b$(D",
        b"\x0e",
    ),
    *(bytes([byte]) for byte in b"!0139@AZaz~\x7f\x80\x81\x84\x8e\x8f\x90\xa1\xa4\xb0\xc3\xe3\xf0\xfe\xff"),
    *(b"\xd8\x00", b"\x00\xd8", b"\xdc\x00", b"\x00\xdc", b"\x00", b"<", b">", b'"', b"&", b"\xef\xbb\xbf"),
]
_BYTES = st.lists(st.one_of(st.sampled_from(_LEADS), st.binary(min_size=1, max_size=3)), max_size=24).map(b"".join)
_PIECES = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def _in_pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    return pieces


# A page in the charset "replacement" is one U+FFFD, or as many: none has any Open Graph.
@pytest.mark.parametrize("name", ["utf-16be", "utf-16le", "iso-2022-jp"])
@settings(max_examples=600 * _TIMES, deadline=None, database=None, derandomize=_TIMES == 1)
@given(data=_BYTES, sizes=_PIECES)
def test_pieces_are_decoded_as_the_whole(name: str, data: bytes, sizes: list[int]) -> None:
    decoder = charsets.OPAQUE[name]("replace")
    pieces = "".join(map(decoder.decode, _in_pieces(data, sizes))) + decoder.decode(b"", True)
    assert pieces == charsets.decode(data, name)


@pytest.mark.parametrize("name", _NAMES)
@settings(max_examples=8 * _TIMES, deadline=None, database=None, derandomize=_TIMES == 1)
@given(data=_BYTES.filter(bool))
def test_long_text_is_decoded_in_parts_and_as_the_whole(name: str, data: bytes) -> None:
    data *= 40_000 // len(data)
    assert charsets.decode(data, name) == endec.decode(data, name, "replace", bom="ignore")


@pytest.mark.parametrize("name", _NAMES)
@settings(max_examples=15 * _TIMES, deadline=None, database=None, derandomize=_TIMES == 1)
@given(data=_BYTES, sizes=_PIECES)
def test_a_page_of_any_bytes_is_read(name: str, data: bytes, sizes: list[int]) -> None:
    page = b"<p>" + data + b"<meta property=og:title content='" + data + b"'>" + data
    assert read(_in_pieces(page, sizes), charset=name) == read([page], charset=name)


_ENCODABLE = [name for name in _NAMES if name not in {"replacement", "utf-16be", "utf-16le"}]


@pytest.mark.parametrize("name", _ENCODABLE)
@settings(max_examples=25 * _TIMES, deadline=None, database=None, derandomize=_TIMES == 1)
@given(text=st.text(st.characters(categories=["Lu", "Ll", "Lo"]), max_size=20))
def test_letters_are_decoded_to_what_was_encoded(name: str, text: str) -> None:
    known = "".join(letter for letter in text if _is_known(name, letter))
    assert charsets.decode(endec.encode(known, name), name) == known


def _is_known(name: str, letter: str) -> bool:
    try:
        endec.encode(letter, name)
    except EncodeError:
        return False
    return True


_DECLARATION = st.lists(
    st.sampled_from(
        [
            *(b"encoding", b"=", b'"', b"'", b" ", b"\0", b"\t", b"koi8-r", b"utf-16", b"x", b">", b"<p>", b"?>"),
            *(b"encoding='big5'", b'encoding = "gbk"', b"version='1.0'", b"<meta charset=big5>", b"<!--", b"-->"),
        ]
    ),
    max_size=9,
).map(lambda parts: b"<?xml" + b"".join(parts))


def _by_the_steps(page: bytes) -> str | None:
    """HTML: get an XML encoding."""
    end = page.find(b">")
    at = page.find(b"encoding", 0, max(end, 0))
    if at < 0:
        return None
    rest = page[at + len(b"encoding") : end].lstrip(_SPACE)
    if not rest.startswith(b"="):
        return None
    rest = rest[1:].lstrip(_SPACE)
    quote = rest[:1]
    if quote not in {b"'", b'"'} or rest.count(quote) < 2:
        return None
    label = rest[1:].split(quote)[0]
    charset = None if set(label) & set(_SPACE) else labelled(label.decode("latin-1"))
    return "utf-8" if charset and charset.startswith("utf-16") else charset


_SPACE = bytes(range(0x21))


@settings(max_examples=3000 * _TIMES, deadline=None, database=None, derandomize=_TIMES == 1)
@given(page=_DECLARATION.filter(lambda page: b"<meta" not in page))
def test_any_xml_declaration_is_read_by_the_steps_of_the_standard(page: bytes) -> None:
    assert read([page]).charset == (_by_the_steps(page) or "utf-8")


@settings(max_examples=1000 * _TIMES, deadline=None, database=None, derandomize=_TIMES == 1)
@given(
    start=st.sampled_from([b"", b"<\0?\0x\0", b"\0<\0?\0x", b"\xff\xfe", b"\xef\xbb\xbf", b"<\0?"]) | _DECLARATION,
    data=_BYTES,
    sizes=_PIECES,
)
def test_the_charset_is_the_same_in_whatever_pieces_a_page_comes(start: bytes, data: bytes, sizes: list[int]) -> None:
    page = start + data + b"<meta property=og:title content='" + data + b"'>"
    assert read(_in_pieces(page, sizes)) == read([page])


class DetectorOf:
    """A detector that counts the bytes that it is given."""

    fed: ClassVar[list[int]] = []

    def feed(self, data: bytes, *, last: bool) -> bool:
        self.fed.append(len(data))
        return last

    def guess(self, *, tld: bytes | None, allow_utf8: bool) -> str:
        assert tld is None
        assert allow_utf8
        return "cp874"


@pytest.mark.parametrize("size", [0, 5_000, 1_000_000])
@pytest.mark.parametrize("unit", ["слово ".encode("cp1251"), b"\xff", b"\x1b$B!", b"a" * 3000 + b"\xe9"])
def test_the_detector_is_given_few_bytes(monkeypatch: pytest.MonkeyPatch, unit: bytes, size: int) -> None:
    monkeypatch.setattr(charsets, "chardetng", SimpleNamespace(EncodingDetector=DetectorOf))
    monkeypatch.setattr(DetectorOf, "fed", [])
    assert read([b"<p>" + unit + unit * (size // len(unit)) + b"."]).charset == "windows-874"
    assert 0 < sum(DetectorOf.fed) <= 32 * 1024
    assert max(DetectorOf.fed) <= 4 * 1024
