"""Every character and every sequence of two bytes, beside the indexes and the decoders of the Encoding Standard."""

import pytest
import webencodings.labels

from tests.charset_steps import (
    IDENTIFIERS,
    TWO_BYTES,
    decoded,
    gb18030_four,
    identifier,
    in_94,
    index,
    two_bytes,
)

_OTHERS = {
    "utf-8",
    "utf-16be",
    "utf-16le",
    "replacement",
    "x-user-defined",
    "iso-2022-jp",
    "shift_jis",
    "euc-jp",
    "gbk",
}


def test_every_encoding_of_the_standard_is_compared() -> None:
    names = set(webencodings.labels.LABELS.values())
    tables = set(IDENTIFIERS) - {"jis0208", "jis0212", "gb18030-ranges"}
    assert names == tables | _OTHERS


@pytest.mark.parametrize("name", sorted(set(IDENTIFIERS) - {"gb18030-ranges"}))
def test_an_index_is_the_standards(name: str) -> None:
    assert identifier(index(name)) == IDENTIFIERS[name]


@pytest.mark.parametrize(("name", "first", "escape"), [("euc-jp", 0xA1, b""), ("iso-2022-jp", 0x21, b"\x1b$B")])
def test_japanese_charsets_share_the_index_jis0208(name: str, first: int, escape: bytes) -> None:
    for pointer, point in enumerate(index("jis0208")[: 94 * 94]):
        assert decoded(name, escape + in_94(pointer, first)) == ("\ufffd" if point is None else chr(point))


def test_the_ranges_of_gb18030_are_the_standards() -> None:
    texts = [decoded("gb18030", gb18030_four(pointer)) for pointer in range(39420)]
    points = [ord(text) if len(text) == 1 else 0 for text in texts]
    # By its own rule, not by the ranges: a character for private use until 2005.
    assert points[7457] == 0xE7C7
    points[7457] = points[7456] + 1
    ranges = [[at, point] for at, point in enumerate(points) if at == 0 or point != points[at - 1] + 1]
    for at, point in [(0, 0x10000), (0xFFFFF, 0x10FFFF)]:
        assert decoded("gb18030", gb18030_four(189_000 + at)) == chr(point)
    assert identifier([*ranges, [189_000, 0x10000]]) == IDENTIFIERS["gb18030-ranges"]
    assert decoded("gb18030", gb18030_four(189_000 + 0x100000)) == "\ufffd"
    assert decoded("gb18030", gb18030_four(39_420)) == "\ufffd"


@pytest.mark.parametrize("name", TWO_BYTES)
def test_any_two_bytes_are_decoded_as_the_standard_says(name: str) -> None:
    for first in range(0x100):
        for second in range(0x100):
            assert decoded(name, bytes([first, second])) == two_bytes(name, first, second), (first, second)


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("euc-jp", b"\xad\xa1\xad\xb5\xad\xea", "①Ⅰ㈱"),  # JIS row 13
        ("euc-jp", b"\xf9\xa1\xfc\xfe", "纊\uff02"),  # rows 89 to 92
        ("euc-jp", b"\xa1\xc1\xa1\xdd\xa1\xf1", "\uff5e\uff0d\uffe0"),  # not wave dash, minus and cent
        ("euc-jp", b"\x8f\xa2\xb7", "\uff5e"),
        ("big5", b"\xa1\x5a\xa1\xc3\xa1\xc5", "╴￣ˍ"),
        ("big5", b"\x88\x62\x88\x64", "\xca\u0304\xca\u030c"),
        ("big5", b"\x87\xa5\xfd\xbb", "𤅡港"),
        ("gbk", b"\x80\xa8\xbf", "€ǹ"),
        ("gb18030", b"\xa6\xd9\xa8\xbc\xfe\x90", "︐ḿ龺"),  # for private use until 2022,
        ("koi8-u", b"\xae\xbe", "ўЎ"),
        ("windows-1252", b"\x81\x8d\x8f\x90\x9d", "\x81\x8d\x8f\x90\x9d"),
        ("windows-874", b"\x81\xfc", "\x81\ufffd"),
        ("shift_jis", b"\x80\xa0\xfd\xfe\xff", "\x80" + "\ufffd" * 4),
        ("shift_jis", b"\x81\x3a", "\ufffd:"),  # a byte of ASCII is never lost
        ("iso-8859-1", b"\x80\x9f", "€Ÿ"),
    ],
)
def test_what_pythons_own_decoders_have_otherwise(name: str, written: bytes, meant: str) -> None:
    assert decoded(name, written) == meant
