"""Every decoder of the Encoding Standard, on bytes of all kinds: none raises, and pieces say what the whole says."""

import os

import endec
import pytest
import webencodings.labels
from endec.exceptions import EncodeError
from hypothesis import given, settings
from hypothesis import strategies as st

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
    charset = labelled(name)
    assert charset
    decoder = charset.decoder()
    pieces = "".join(map(decoder.decode, _in_pieces(data, sizes))) + decoder.decode(b"", True)
    assert pieces == charset.decode(data)


@pytest.mark.parametrize("name", _NAMES)
@settings(max_examples=8 * _TIMES, deadline=None, database=None, derandomize=_TIMES == 1)
@given(data=_BYTES.filter(bool))
def test_long_text_is_decoded_in_parts_and_as_the_whole(name: str, data: bytes) -> None:
    charset = labelled(name)
    assert charset
    data *= 40_000 // len(data)
    assert charset.decode(data) == endec.decode(data, name, "replace", bom="ignore")


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
    charset = labelled(name)
    assert charset
    known = "".join(letter for letter in text if _is_known(name, letter))
    assert charset.decode(endec.encode(known, name)) == known


def _is_known(name: str, letter: str) -> bool:
    try:
        endec.encode(letter, name)
    except EncodeError:
        return False
    return True
