"""Character references in attribute values, decoded once (HTML, section 13.2.5.72 and following).

`html.unescape` is for text: it turns `?a=1&copy=2` into `?a=1©=2`, which the standard forbids in an attribute.
"""

import re
from html.entities import html5

_REFERENCE = re.compile(r"&(?:#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?|([a-zA-Z][a-zA-Z0-9]*;?)(=?))")


def unescape(value: str) -> str:
    return _REFERENCE.sub(_character, value)


def _character(match: re.Match[str]) -> str:
    hexadecimal, decimal, name, equals = match.groups()
    if name is None:
        digits, base = (hexadecimal, 16) if hexadecimal else (decimal, 10)
        # Eight digits say enough: no character has more, and int() need not see a million of them.
        return _numbered(int(digits.lstrip("0")[:8] or "0", base))
    if name.endswith(";") or not equals:  # the name is greedy: what follows is no letter and no digit
        return html5.get(name, "&" + name) + equals
    return match[0]


def _numbered(number: int) -> str:
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return "\ufffd"
    if 0x80 <= number <= 0x9F:  # written by those who meant windows-1252
        return bytes([number]).decode("cp1252", "ignore") or chr(number)
    return chr(number)
