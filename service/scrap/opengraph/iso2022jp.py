"""ISO-2022-JP in pieces (WHATWG Encoding, section 12.2): `endec` decodes each, with the state before it in front."""

import codecs
import re

import endec

_ESCAPE = re.compile(rb"\x1b(?:\([BJI]|\$[@B])")
_PAIRS = frozenset({b"\x1b$@", b"\x1b$B"})
_CUT_OFF = re.compile(rb"\x1b[($]?\Z")  # an escape of which more may come
# Whole pairs. A first byte takes the next one with it, be that right or wrong, unless that begins an escape.
_WHOLE = re.compile(rb"(?:[\x21-\x7e](?:[^\x1b]|(?=\x1b))|[^\x21-\x7e])*", re.DOTALL)
_ANYTHING = b"\x80"  # one character, whatever the state


class Iso2022JpDecoder(codecs.IncrementalDecoder):
    """Decodes ISO-2022-JP in pieces; what is malformed becomes U+FFFD, and nothing raises."""

    _left = b""  # of an escape or a pair that was cut off
    _state = b"\x1b(B"  # the last escape
    _has_text = True  # since then: two escapes with nothing between are an error

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        data = self._left + data
        before, had_text = self._state, self._has_text
        start = 0
        for escape in _ESCAPE.finditer(data):
            self._state, self._has_text, start = escape[0], False, escape.end()
        end = len(data)
        if not final:
            cut_off = _CUT_OFF.search(data, max(start, end - 2))
            end = cut_off.start() if cut_off else end
            if self._state in _PAIRS:
                whole = _WHOLE.match(data, start, end)
                end = whole.end() if whole else end
        self._left = data[end:]
        self._has_text = self._has_text or end > start
        text = endec.decode(before + _ANYTHING * had_text + data[:end], "iso-2022-jp", "replace", bom="ignore")
        return text[had_text:]
