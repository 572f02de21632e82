"""The head of a response, read as browsers read it: an odd line costs that line, not the page. No I/O.

The status line and what frames the body are read strictly (RFC 9112, sections 4 and 6.3).
"""

import re
from typing import NamedTuple

from scrap.errors import Reason, UpstreamError
from scrap.fetch.fields import Fields

HEAD_END = re.compile(rb"\n\r?\n")  # a line may end with a line feed alone (RFC 9112, section 2.2)
_STATUS_LINE = re.compile(rb"(?:\r?\n)?HTTP/(?:0\.9|1\.[01]|2\.0) ([1-9][0-9]{2})(?: [^\n]*+|\r)?\n")
_FIELD = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]++):([^\n]*+)\n", re.MULTILINE)
_BARE_CR = re.compile(rb"\r[^\n]")
# What becomes a space: the end of a line that the next one continues (RFC 9112, section 5.2), and a carriage return or
# a NUL in a value (RFC 9110, section 5.5). Other control characters stay.
_SPACED = re.compile(rb"\r?\n[ \t]++|\r(?!\n)|\0")
_ODD_FRAMING = re.compile(rb"^(?:content-length|transfer-encoding)[ \t]++:", re.MULTILINE | re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}")


class ResponseHead(NamedTuple):
    """A response without its body.

    Attributes:
        status: 100 to 999.
        fields: empty for an interim response (1xx).
        is_chunked: the body is in chunks.
        length: bytes of a body that is not; None where it ends with the connection.
    """

    status: int
    fields: Fields
    is_chunked: bool
    length: int | None


def read_head(block: bytes, most: int) -> ResponseHead:
    """Reads a response up to the empty line that ends its head.

    Args:
        most: header lines that it may have.

    Raises:
        UpstreamError: HEADERS_TOO_LARGE, it has more; PROTOCOL_ERROR, the status line or the framing cannot be read.
    """
    first = _STATUS_LINE.match(block)
    if first is None:
        raise UpstreamError(Reason.PROTOCOL_ERROR, f"no status line: {block[:100]!r}")
    status = int(first[1])
    if status == 101:
        raise UpstreamError(Reason.PROTOCOL_ERROR, "another protocol")
    if status < 200:
        return ResponseHead(status, {}, False, 0)
    lines = block.count(b"\n", first.end()) - 1
    if lines > most:
        raise UpstreamError(Reason.HEADERS_TOO_LARGE, f"more than {most} lines")
    found = _FIELD.findall(block, first.end())
    if len(found) < lines or b"\0" in block or _BARE_CR.search(block):
        block = _SPACED.sub(b" ", block[first.end() :])
        if _ODD_FRAMING.search(block):
            raise UpstreamError(Reason.PROTOCOL_ERROR, "white space in the name of a framing field")
        found = _FIELD.findall(block)
    fields: Fields = {}
    for name, value in found:
        fields.setdefault(name.lower(), []).append(value.strip(b" \t\r"))
    if status in {204, 304}:
        return ResponseHead(status, fields, False, 0)
    codings = _members(fields.get(b"transfer-encoding")) - {b"", b"identity"}
    if codings:
        return ResponseHead(status, fields, b"chunked" in codings, None)
    return ResponseHead(status, fields, False, _length(fields.get(b"content-length")))


def _length(found: list[bytes] | None) -> int | None:
    """What Content-Length says; the same several times is one (RFC 9110, section 8.6)."""
    if not found:
        return None
    length, *others = _members(found)
    if others or not _LENGTH.fullmatch(length):
        raise UpstreamError(Reason.PROTOCOL_ERROR, f"Content-Length: {length[:100]!r}, others: {len(others)}")
    return int(length)


def _members(found: list[bytes] | None) -> set[bytes]:
    """The different members of a list field, in lower case (RFC 9110, section 5.6.1)."""
    return {member.strip(b" \t").lower() for member in b",".join(found).split(b",")} if found else set()
