"""The Encoding Standard's decoders of several bytes, step by step, over its indexes.

The indexes are what the service's decoders give for each sequence of two bytes; `IDENTIFIERS` are those that the
standard publishes of them (the SHA-256 of a list of code points), so a wrong character is found whatever gave it.
"""

import hashlib
from collections.abc import Callable
from functools import cache

from scrap.opengraph.charset import decode, labelled

IDENTIFIERS = {
    "big5": "8dfc771062e7be0810919082c2c06baa2236147909e0ecc235b1cb9ad782ac82",
    "euc-kr": "1d97134cbf187263585bc8f593ca4196654ed4c7a673f5672eaad4f5d9fdc4ba",
    "gb18030": "ff1c9a923b5d24f9761b3a2de2c0f07b395f9f6f36519508944de4f0415be81c",
    "gb18030-ranges": "f963aaa1653f630c523e7b04729fb4e4458f35806c45eb5c179445623138f0c0",
    "jis0208": "cbaa91f3deb7d0841faf5c33041fc15a285da0e87e64ab802c4bf04b7c4da861",
    "jis0212": "83bf90dd1c591a4355730d8c4567efc499d74da7490531019ef22a879991cfb7",
    "ibm866": "db6fe14a559d1601a7667338d83704773d5708dbc641e1ad3c5e21405770f05e",
    "iso-8859-2": "9569c67f22d0b57790e1c407c6eecf227e4562322dc296de43cdab7a0152ec73",
    "iso-8859-3": "af8f1e12df79b768322b5e83613698cdc619438270a2fc359554331c805054a3",
    "iso-8859-4": "72f29c92344d351fe9e74a946e7e0468d76d542c6894ff82982cb652ebe0feb7",
    "iso-8859-5": "fa9b1f3f5242df43e2e7bca80e9b6997c67944f20a4af91ee06bacc4e132d9c9",
    "iso-8859-6": "85bb7b5c2dc75975afebe5743935ba4ed5a09c1e9e34e9bfb2ff80293f5d8bbc",
    "iso-8859-7": "f53d8aeba36314ef950eef02ffcf11dff540638ce27dfe7a86b6ccc6875afb24",
    "iso-8859-8": "7657a9ca3fa875990da960d3f812eea28dcd0ae6ed55a18d5394303c86f5484b",
    "iso-8859-8-i": "7657a9ca3fa875990da960d3f812eea28dcd0ae6ed55a18d5394303c86f5484b",
    "iso-8859-10": "02c2b5590d8ccda9931008c471f6ee2c590b2c8fe5e6ccb3b08638115d778507",
    "iso-8859-13": "40736338e964ab520407cebcb01329f8d450abf6ce12bf88b74b655b60e43300",
    "iso-8859-14": "2c8651cfc08b1f35b17919ee5379f2fa006af3ec809f11b3b7f470785580542b",
    "iso-8859-15": "a560aba47bccd7510a6ac77f671fe75dca3800f05cf6d676910c311a8f8ff079",
    "iso-8859-16": "55676320d2d1b6e6909f5b3d741a7cf0cefc84e920aa4474afc091459111c2e3",
    "koi8-r": "c5497cd9071cb352c0e56b219154e539badf63de40b71578f09e2e11fe7d50ae",
    "koi8-u": "19a4da2c3f245118bbc8019326f45a07832949938ff903f03d62ac4da1f61f40",
    "macintosh": "f2c6a4f6406b3e86a50a5dba4d2b7dd48e2e33c0d82aefe764535c934ec11764",
    "windows-874": "b416583ce125e38474381b31b401a98b19ecf2e57e0998e78a1e18b14894905d",
    "windows-1250": "0669455a7a1c70ba6003ea737991e8ee9adc455125c13cfe6705a361358de5fa",
    "windows-1251": "7592ef921679ba168b00a9e9afa3b4eebd67bf13dc7e84c4b6e120de856826e0",
    "windows-1252": "e56d49d9176e9a412283cf29ac9bd613f5620462f2a080a84eceaf974cfa18b7",
    "windows-1253": "49fdc881a3488904dd1e8dfba9aef3258454249958b611bcded1d4c981ab5561",
    "windows-1254": "e80a27adf377438be8ba5bd223875ea56d6a4d47f958cce1c957a2c446825caa",
    "windows-1255": "cd7fb43c97eefa1651084d92d02af53ad668bd848528c18c3b1af5c06b499651",
    "windows-1256": "161bdb381f16408e8bebcc8f5310c4190af0e359de8d9bbaa3628ce2f0875509",
    "windows-1257": "cc7256bdd10a5b8dc7fb6f994659f307dfcae60def9aa6c29d811f85e2842c47",
    "windows-1258": "198bacedfcf24390e219240a7b776b6cec34cff070330b08a601a69c67f7eb24",
    "x-mac-cyrillic": "73e8e7642c6fa9de29d42819b47fba55b58666fb1e339faeb4a89a0bd7c24d43",
}
Index = list[int | None]
_EUDC = range(8836, 10716)  # pointers of Shift_JIS that are for private use, and in no index


def decoded(name: str, data: bytes) -> str:
    """What the service makes of bytes."""
    charset = labelled(name)
    assert charset
    return decode(data, charset)


def identifier(index: object) -> str:
    """The standard's identifier of an index."""
    return hashlib.sha256(str(index).encode()).hexdigest()


def _character(name: str, data: bytes) -> int | None:
    text = decoded(name, data)
    return ord(text) if len(text) == 1 and text != "\ufffd" else None


@cache
def index(name: str) -> Index:
    """An index of the standard, as the service knows it."""
    if name == "jis0208":
        jis = [_character("shift_jis", shift_jis(pointer)) for pointer in range(120 * 94)]
        return [None if pointer in _EUDC else point for pointer, point in enumerate(jis)]
    if name == "jis0212":
        return [_character("euc-jp", b"\x8f" + in_94(pointer, 0xA1)) for pointer in range(94 * 94)]
    if name in {"euc-kr", "gb18030"}:
        pair = in_190 if name == "euc-kr" else gbk
        return [_character(name, pair(pointer)) for pointer in range(126 * 190)]
    if name == "big5":
        return [_character(name, big5(pointer)) for pointer in range(126 * 157)]
    return [_character(name, bytes([byte])) for byte in range(0x80, 0x100)]


def in_94(pointer: int, first: int) -> bytes:
    """The two bytes of a pointer in a table of 94 by 94."""
    return bytes([pointer // 94 + first, pointer % 94 + first])


def in_190(pointer: int) -> bytes:
    """The two bytes of a pointer of EUC-KR."""
    return bytes([pointer // 190 + 0x81, pointer % 190 + 0x41])


def gbk(pointer: int) -> bytes:
    """The two bytes of a pointer of GBK."""
    return bytes([pointer // 190 + 0x81, pointer % 190 + (0x40 if pointer % 190 < 0x3F else 0x41)])


def big5(pointer: int) -> bytes:
    """The two bytes of a pointer of Big5."""
    return bytes([pointer // 157 + 0x81, pointer % 157 + (0x40 if pointer % 157 < 0x3F else 0x62)])


def shift_jis(pointer: int) -> bytes:
    """The two bytes of a pointer of Shift_JIS."""
    lead, trail = divmod(pointer, 188)
    return bytes([lead + (0x81 if lead < 0x1F else 0xC1), trail + (0x40 if trail < 0x3F else 0x41)])


def gb18030_four(pointer: int) -> bytes:
    """The four bytes of a pointer in the ranges of gb18030."""
    rest, fourth = divmod(pointer, 10)
    rest, third = divmod(rest, 126)
    first, second = divmod(rest, 10)
    return bytes([first + 0x81, second + 0x30, third + 0x81, fourth + 0x30])


def _point(points: Index, pointer: int | None) -> int | None:
    return points[pointer] if pointer is not None and 0 <= pointer < len(points) else None


def _big5(lead: int, trail: int) -> str | None:
    pointer = None
    if 0x40 <= trail <= 0x7E or 0xA1 <= trail <= 0xFE:
        pointer = (lead - 0x81) * 157 + trail - (0x40 if trail < 0x7F else 0x62)
    two = {1133: "\xca\u0304", 1135: "\xca\u030c", 1164: "\xea\u0304", 1166: "\xea\u030c"}
    return two.get(pointer or 0) or _text(_point(index("big5"), pointer))


def _euc_kr(lead: int, trail: int) -> str | None:
    pointer = (lead - 0x81) * 190 + trail - 0x41 if 0x41 <= trail <= 0xFE else None
    return _text(_point(index("euc-kr"), pointer))


def _gbk(lead: int, trail: int) -> str | None:
    pointer = None
    if 0x40 <= trail <= 0x7E or 0x80 <= trail <= 0xFE:
        pointer = (lead - 0x81) * 190 + trail - (0x40 if trail < 0x7F else 0x41)
    return _text(_point(index("gb18030"), pointer))


def _shift_jis(lead: int, trail: int) -> str | None:
    pointer = None
    if 0x40 <= trail <= 0x7E or 0x80 <= trail <= 0xFC:
        pointer = (lead - (0x81 if lead < 0xA0 else 0xC1)) * 188 + trail - (0x40 if trail < 0x7F else 0x41)
    if pointer in _EUDC:
        return chr(0xE000 - 8836 + (pointer or 0))
    return _text(_point(index("jis0208"), pointer))


def _euc_jp(lead: int, trail: int) -> str | None:
    if lead == 0x8E:
        return chr(0xFF61 - 0xA1 + trail) if 0xA1 <= trail <= 0xDF else None
    if 0xA1 <= lead <= 0xFE and 0xA1 <= trail <= 0xFE:
        return _text(_point(index("jis0208"), (lead - 0xA1) * 94 + trail - 0xA1))
    return None


def _text(point: int | None) -> str | None:
    return None if point is None else chr(point)


_LEADS: dict[str, tuple[Callable[[int, int], str | None], frozenset[int], dict[int, str]]] = {
    "big5": (_big5, frozenset(range(0x81, 0xFF)), {}),
    "euc-kr": (_euc_kr, frozenset(range(0x81, 0xFF)), {}),
    "gbk": (_gbk, frozenset(range(0x81, 0xFF)), {0x80: "€"}),
    "gb18030": (_gbk, frozenset(range(0x81, 0xFF)), {0x80: "€"}),
    "shift_jis": (
        _shift_jis,
        frozenset({*range(0x81, 0xA0), *range(0xE0, 0xFD)}),
        {0x80: "\x80"} | {byte: chr(0xFF61 - 0xA1 + byte) for byte in range(0xA1, 0xE0)},
    ),
    "euc-jp": (_euc_jp, frozenset({0x8E, 0x8F, *range(0xA1, 0xFF)}), {}),
}
TWO_BYTES = sorted(_LEADS)


def two_bytes(name: str, first: int, second: int) -> str:
    """What the standard's decoder makes of two bytes and the end of the page."""
    pair, leads, single = _LEADS[name]

    def alone(byte: int) -> str:
        return chr(byte) if byte < 0x80 else single.get(byte, "\ufffd")

    if first not in leads:
        return alone(first) + ("\ufffd" if second in leads else alone(second))
    # More bytes may follow, and none does.
    if (name in {"gbk", "gb18030"} and 0x30 <= second <= 0x39) or (
        name == "euc-jp" and first == 0x8F and 0xA1 <= second <= 0xFE
    ):
        return "\ufffd"
    # What is wrong takes the second byte with it, unless that is ASCII.
    return pair(first, second) or "\ufffd" + (chr(second) if second < 0x80 else "")
