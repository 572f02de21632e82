"""The decoder of ISO-2022-JP (WHATWG Encoding, section 12.2).

Python's own raises on escapes that no charset has (`pending buffer overflow`), whatever its error handler, and knows
fewer characters than the standard's index: row 13 of JIS X 0208 and NEC's selection are in pages, and in cp932.
"""

import codecs
import re
from functools import cache
from typing import Any

_ASCII = "".join(map(chr, range(0x80))).translate({0x0E: "\ufffd", 0x0F: "\ufffd", 0x1B: "\ufffd"}).ljust(256, "\ufffd")
_ROMAN = _ASCII.replace("\\", "\N{YEN SIGN}").replace("~", "\N{OVERLINE}")
_KATAKANA = ("\ufffd" * 0x21 + "".join(map(chr, range(0xFF61, 0xFFA0)))).ljust(256, "\ufffd")
# What text between two escapes is: a table of single bytes, or None for pairs.
_SETS = {b"(B": _ASCII, b"(J": _ROMAN, b"(I": _KATAKANA, b"$@": None, b"$B": None}

# An escape that names a set; one that does not, which is an error, and what follows it is text; text.
_PART = re.compile(rb"\x1b(\([BJI]|\$[@B])|\x1b|[^\x1b]+")
_CUT_OFF = re.compile(rb"\x1b[($]?\Z")  # an escape of which more may come
# A first byte takes the next one with it, be that right or wrong.
_PAIR = re.compile(rb"[\x21-\x7e].?|.", re.DOTALL)


@cache
def _jis0208() -> dict[bytes, str]:
    """The standard's index jis0208, by the two bytes: the pairs of Shift_JIS are the same ones, counted otherwise."""
    found = {}
    for pointer in range(94 * 94):
        lead, trail = divmod(pointer, 188)
        pair = bytes([lead + (0x81 if lead < 0x1F else 0xC1), trail + (0x40 if trail < 0x3F else 0x41)])
        character = pair.decode("cp932", "replace")
        if len(character) == 1 and character != "\ufffd":
            found[bytes([pointer // 94 + 0x21, pointer % 94 + 0x21])] = character
    return found


class Iso2022JpDecoder(codecs.IncrementalDecoder):
    """Decodes ISO-2022-JP in pieces; what is malformed becomes U+FFFD, and nothing raises."""

    def __init__(self, errors: str = "replace") -> None:
        super().__init__(errors)
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        self._left = b""  # of an escape or a pair that was cut off
        self._table: str | None = _ASCII
        self._escaped = False  # by what came last: two escapes with nothing between are an error

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        """Decodes the next bytes."""
        data = self._left + data
        cut_off = None if final else _CUT_OFF.search(data, max(0, len(data) - 2))
        end = cut_off.start() if cut_off else len(data)
        self._left = data[end:]
        decoded = []
        for part in _PART.finditer(data, 0, end):
            if part[1]:
                decoded.append("\ufffd" * self._escaped)
                self._table = _SETS[part[1]]
                self._escaped = True
                continue
            self._escaped = False
            if part[0] == b"\x1b":
                decoded.append("\ufffd")
            elif self._table is None:
                decoded.append(self._pairs(part[0], may_go_on=part.end() == len(data) and not final))
            else:
                decoded.append(codecs.charmap_decode(part[0], "replace", self._table)[0])
        return "".join(decoded)

    def _pairs(self, text: bytes, *, may_go_on: bool) -> str:
        pairs = _PAIR.findall(text)
        if may_go_on and len(pairs[-1]) == 1 and b"\x21" <= pairs[-1] <= b"\x7e":
            self._left = pairs.pop()
        index = _jis0208()
        return "".join([index.get(pair, "\ufffd") for pair in pairs])


def _decode(data: Any, errors: str = "replace", /) -> tuple[str, int]:
    return Iso2022JpDecoder(errors).decode(bytes(data), final=True), len(data)


CODEC = codecs.CodecInfo(
    encode=codecs.lookup("iso2022_jp").encode, decode=_decode, incrementaldecoder=Iso2022JpDecoder, name="iso-2022-jp"
)
