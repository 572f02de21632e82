"""The head of a response, read as browsers read it: an odd line costs that line, not the page. No I/O.

The status line and what frames the body are read strictly (RFC 9112, sections 4 and 6.3).
"""

import re
from typing import NamedTuple

from scrap.errors import Reason, UpstreamError

Fields = dict[bytes, list[bytes]]
"""Header fields by name, in lower case: the values in order (RFC 9110, section 5)."""

HEAD_END = re.compile(rb"\n\r?\n")  # a line may end with a line feed alone (RFC 9112, section 2.2)
# Any status but 101: what follows that is another protocol.
_STATUS_LINE = re.compile(rb"(?:\r?\n)?(HTTP/(?:0\.9|1\.[01]|2\.0)) (?!101)([1-9][0-9]{2})(?: [^\n]*+|\r)?\n")
_FIELD = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]++):([^\n]*+)\n", re.MULTILINE)
# What becomes a space: the end of a line that the next one continues (RFC 9112, section 5.2), and a carriage return or
# a NUL in a value (RFC 9110, section 5.5). Other control characters stay.
_SPACED = re.compile(rb"\r?\n[ \t]++|\r(?!\n)|\0")
_ODD_FRAMING = re.compile(rb"^(?:content-length|transfer-encoding)[ \t]++:", re.MULTILINE | re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}")


class ResponseHead(NamedTuple):
    """A response without its body, which is in chunks, has a length, or (None) ends with the connection."""

    status: int
    fields: Fields
    is_chunked: bool
    length: int | None
    is_persistent: bool = False  # a redirect whose connection may be used again (RFC 9112, section 9.3)


def read_head(block: bytes, most: int) -> ResponseHead:
    """Reads a response up to the empty line that ends its head, which may have so many header lines at most.

    Raises:
        UpstreamError: HEADERS_TOO_LARGE, it has more; PROTOCOL_ERROR, the status line or the framing cannot be read.
    """
    first = _STATUS_LINE.match(block)
    if first is None:
        raise UpstreamError(Reason.PROTOCOL_ERROR, f"no response: {block[:100]!r}")
    lines = block.count(b"\n", first.end()) - 1
    if lines > most:
        raise UpstreamError(Reason.HEADERS_TOO_LARGE, f"more than {most} lines")
    found = _FIELD.findall(block, first.end())
    is_odd = len(found) < lines or b"\0" in block or block.count(b"\r") != block.count(b"\r\n")
    if is_odd:
        block = _SPACED.sub(b" ", block[first.end() :])
        if _ODD_FRAMING.search(block):
            raise UpstreamError(Reason.PROTOCOL_ERROR, "white space in the name of a framing field")
        found = _FIELD.findall(block)
    fields: Fields = {}
    for name, value in found:
        fields.setdefault(name.lower(), []).append(value.strip(b" \t\r"))
    status = int(first[2])
    if status < 200 or status in {204, 205, 304}:
        return ResponseHead(status, fields, False, 0)
    coded = fields.get(b"transfer-encoding")
    if coded and (codings := _members(coded) - {b"", b"identity"}):
        return ResponseHead(status, fields, b"chunked" in codings, None)
    given = fields.get(b"content-length")
    lengths = _members(given) if given else set()  # the same several times is one (RFC 9110, section 8.6)
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise UpstreamError(Reason.PROTOCOL_ERROR, f"Content-Length: {b', '.join(lengths)[:100]!r}")
    length = int(lengths.pop()) if lengths else None
    is_persistent = 300 <= status < 400 and length is not None and not (is_odd or coded)
    if is_persistent:
        is_persistent = first[1] == b"HTTP/1.1" and b"close" not in _members(fields.get(b"connection", []))
    return ResponseHead(status, fields, False, length, is_persistent)


def _members(lines: list[bytes]) -> set[bytes]:
    """The different members of a list field, in lower case (RFC 9110, section 5.6.1)."""
    return {member.strip(b" \t").lower() for member in b",".join(lines).split(b",")}
