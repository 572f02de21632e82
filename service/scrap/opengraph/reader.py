"""A page, read as it comes from the network."""

import codecs
from typing import NamedTuple

from scrap.opengraph import charset as charsets
from scrap.opengraph.document import Document, FallbackReason
from scrap.opengraph.limits import ParseLimits
from scrap.opengraph.scanner import Scanner

_LIGHT = 8 * 1024  # bytes that count: some 5 ms of work at the worst
_SHORT_BASE = 1024  # bytes by which so many links are made absolute in 4 ms: each takes 6 ns a byte of its base
_DECODED = 4 * 1024  # bytes that are decoded in a step


class Reading(NamedTuple):
    """What the fast path found in a page."""

    document: Document | None  # None where the fast path cannot read it
    fallback_reason: FallbackReason | None  # why it cannot; then `read_with_html5lib` has to read `text`
    charset: str  # the WHATWG name of the page's
    charset_source: str  # where that was found: "mark" (a byte order mark), "header", or the scanner's
    data: bytearray  # what was read
    encoding: str  # the charset of `data`: "utf-8" where it had to be decoded before it could be read
    error: Exception | None = None  # a mistake of the fast path's own, which made it fail; `data` ends there

    @property
    def text(self) -> str:
        """All that was read, as text. The fast path needs none of it, so it is made on demand."""
        return charsets.decode(self.data, self.encoding)


class PageReader:
    """Reads a page's Open Graph from bytes. The result is the same in whatever pieces they come.

    The work is done in steps of 4 ms at most: `feed` and `end` do one each, as the package's docstring shows. After
    pieces of more than 16 KiB or so the reader is behind, and `feed` without bytes reads on.

    Args:
        charset: the label that the HTTP header gives, if any; one that the standard does not know is none.
        limits: how much to read.
    """

    reading: Reading  # what `close` returned

    def __init__(self, *, charset: str | None = None, limits: ParseLimits = ParseLimits()) -> None:  # noqa: B008 - frozen
        self.is_behind = False  # there is a step to do that needs no more bytes
        self._limits = limits
        self._charset = charsets.labelled(charset) if charset else None
        self._source = "header" if self._charset else ""
        self._beginning: bytes | None = b""  # until it is clear whether there is a byte order mark
        self._decoder: codecs.IncrementalDecoder | None = None  # where tags cannot be found in the bytes themselves
        self._encoded = bytearray()  # what it has not decoded yet
        self._has_ended = False
        self._scanner = Scanner(limits)
        self._error: Exception | None = None

    def feed(self, data: bytes = b"") -> bool:
        """Takes the next bytes, if there are any, and does a step.

        Returns:
            Whether enough was read to stop: the head ended a while ago, and the Open Graph is there.
        """
        if self._error is not None:
            return True
        is_last = self._has_ended
        try:
            if self._beginning is not None:
                data = self._begin(data, self._beginning)
            if self._decoder is not None:
                data, is_last = self._decoded(data, self._decoder)
            self._scanner.feed(data, is_last)
            if (charset := self._scanner.charset) and charset in charsets.OPAQUE:
                self._decode(charset)  # a meta declares it
        except Exception as error:  # noqa: BLE001 - no page may cause an error; the reference parser reads what is here
            self._error, self.is_behind = error, False
            return True
        scanner = self._scanner
        self.is_behind = scanner.is_behind
        if self._decoder is not None and not scanner.has_ended:
            self.is_behind |= self._has_ended or (bool(self._encoded) and not scanner.enough)
        return scanner.enough

    def end(self) -> None:
        """Takes the end of the page, or of what is read of it, and does a step."""
        self._has_ended = True
        self.feed()

    @property
    def is_useful(self) -> bool:
        """Whether what was read is of use where the page ended early: there was a preview, or the head's end."""
        return self._scanner.is_useful

    def is_light(self, url: str) -> bool:
        """Whether so little was found that the model of the page at `url` takes no time: 576 of 579 real pages."""
        scanner = self._scanner
        base_size = max(scanner.base_size, len(url))
        return scanner.weight <= _LIGHT and scanner.weight * base_size <= _LIGHT * _SHORT_BASE

    @property
    def held(self) -> int:
        """Bytes of memory that it holds."""
        scanner = self._scanner
        return len(scanner.data) + scanner.held + len(self._encoded) + len(self._beginning or b"")

    def close(self) -> Reading:
        """Returns what was found, once no more bytes come and it is not behind."""
        assert self._has_ended and not self.is_behind  # noqa: PT018, S101 - else it would be wrong
        scanner = self._scanner
        found: Document | FallbackReason = FallbackReason.ERROR
        if self._error is None:
            try:
                found = scanner.close()
            except Exception as error:  # noqa: BLE001 - likewise
                self._error = error
        document, reason = (found, None) if isinstance(found, Document) else (None, found)
        encoding = scanner.charset or "utf-8"
        name, source = self._charset or encoding, self._source or scanner.charset_source
        self.reading = Reading(document, reason, name, source, scanner.data, encoding, self._error)
        return self.reading

    def _begin(self, data: bytes, beginning: bytes) -> bytes:
        """Begins to read, if there is enough; returns what follows the byte order mark."""
        self._beginning = data = beginning + data
        if len(data) < charsets.LONGEST_MARK and not self._has_ended:
            return b""
        self._beginning = None
        charset, length = charsets.marked(data) or (None, 0)
        if charset and (length or self._charset is None):
            self._charset, self._source = charset, "mark"
        self._scanner.charset = charset = self._charset
        if charset and charset in charsets.OPAQUE:
            self._decode(charset)
        return data[length:]

    def _decode(self, charset: str) -> None:
        """Begins, perhaps again, in a charset in which tags cannot be found in the bytes themselves."""
        self._charset, self._decoder = charset, charsets.OPAQUE[charset]("replace")
        self._encoded, self._scanner = self._scanner.data, Scanner(self._limits)
        self._scanner.charset = "utf-8"

    def _decoded(self, data: bytes, decoder: codecs.IncrementalDecoder) -> tuple[bytes, bool]:
        """Decodes a part of what there is, for a scanner that is not behind; returns whether it is the last as well."""
        self._encoded += data
        if self._scanner.is_behind or self._scanner.has_ended:
            return b"", False
        part = bytes(self._encoded[:_DECODED])
        del self._encoded[: None if self._scanner.enough else _DECODED]
        is_last = self._has_ended and not self._encoded
        return decoder.decode(part, is_last).encode(), is_last
