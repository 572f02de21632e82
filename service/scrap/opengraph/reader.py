"""A page, read as it comes from the network."""

import codecs
from dataclasses import dataclass

from scrap.opengraph import charset as charsets
from scrap.opengraph.charset import Charset
from scrap.opengraph.document import Document, FallbackReason
from scrap.opengraph.limits import ParseLimits
from scrap.opengraph.scanner import Scanner

_LIGHT = 8 * 1024  # bytes that count: some 5 ms of work at the worst
_DECODED = 4 * 1024  # bytes that are decoded in a step


@dataclass(frozen=True, slots=True)
class Reading:
    """What the express lane says of a page.

    Attributes:
        document: the page's Open Graph, if it is sure of it.
        fallback_reason: why it is not; then `read_with_html5lib` has to read `text`.
        charset: the WHATWG name of the page's charset.
        data: what was read of the page.
        encoding: what `data` is in; UTF-8 where it had to be decoded before it could be read.
        error: what made the fast path fail, which is a mistake of its own; `data` ends there.
    """

    document: Document | None
    fallback_reason: FallbackReason | None
    charset: str
    data: bytearray
    encoding: Charset
    error: Exception | None = None

    @property
    def text(self) -> str:
        """All that was read, as text. The express lane needs none of it, so it is made when it is asked for."""
        return self.encoding.decode(self.data)


class PageReader:
    """Reads a page's Open Graph from bytes. The answer is the same in whatever pieces they come.

    The work is done in steps, of which each takes a few ms at the worst: `feed`, `end` and `advance` do one each. Of
    pieces of more than 16 KiB or so the reader is behind, and `advance` reads the rest.

        while not reader.feed(await next_bytes()):
            while reader.is_behind: reader.advance()
        reader.end()
        while reader.is_behind: reader.advance()
        reading = reader.close()

    Args:
        charset: the label that the HTTP header gives, if any; one that the standard does not know is none.
        limits: how much to read.
    """

    def __init__(self, *, charset: str | None = None, limits: ParseLimits = ParseLimits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._charset = charsets.labelled(charset) if charset else None
        self._beginning: bytes | None = b""  # until it is clear whether there is a byte order mark
        self._decoder: codecs.IncrementalDecoder | None = None  # where tags cannot be found in the bytes themselves
        self._encoded = bytearray()  # what it has not decoded yet
        self._has_ended = False
        self._scanner = Scanner(self._charset, limits)
        self._error: Exception | None = None

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes and does a step.

        Returns:
            Whether enough was read to stop: the head ended a while ago, and the card is there.
        """
        try:
            return self._feed(data)
        except Exception as error:  # noqa: BLE001 - no page may cause an error
            return self._fail(error)

    def _feed(self, data: bytes) -> bool:
        if self._beginning is not None:
            self._beginning += data
            if len(self._beginning) < charsets.LONGEST_BOM:
                return False
            data = self._begin(self._beginning)
        if self._decoder is None:
            enough = self._scanner.feed(data)
            charset = self._scanner.charset
            return enough if charset is None or not charset.opaque else self._begin_again(charset)
        if not self._scanner.enough:
            self._encoded += data
        return self._advance()

    @property
    def is_behind(self) -> bool:
        """Whether there is a step to do that needs no more bytes."""
        if self._error:
            return False
        if self._scanner.is_behind:
            return True
        return self._decoder is not None and (self._has_ended or bool(self._encoded and not self._scanner.enough))

    def advance(self) -> bool:
        """Does a step; returns what `feed` returns."""
        try:
            return self._advance()
        except Exception as error:  # noqa: BLE001 - likewise
            return self._fail(error)

    def _advance(self) -> bool:
        if self._scanner.is_behind:
            self._scanner.advance()
        elif self._decoder:
            self._decode(self._decoder)
        charset = self._scanner.charset
        return self._scanner.enough if charset is None or not charset.opaque else self._begin_again(charset)

    def end(self) -> None:
        """Says that no more bytes come, because the page ends here or because enough was read, and does a step."""
        self._has_ended = True
        if self._error is None:
            try:
                self._end()
            except Exception as error:  # noqa: BLE001 - likewise
                self._fail(error)

    def _end(self) -> None:
        if self._beginning is not None:
            data = self._begin(self._beginning)
            if self._decoder:
                self._encoded += data
            else:
                self._scanner.feed(data)
        if not self._decoder:
            self._scanner.end()

    @property
    def is_light(self) -> bool:
        """Whether what was found is so little that to say what it means takes no time; of 579 real pages, 576 say."""
        return self._scanner.weight <= _LIGHT

    @property
    def held(self) -> int:
        """Bytes of memory that it holds."""
        return self._scanner.held + len(self._encoded) + len(self._beginning or b"")

    @property
    def size(self) -> int:
        """Bytes that were read."""
        return len(self._scanner.data) + len(self._encoded) + len(self._beginning or b"")

    def close(self) -> Reading:
        """Says what was found, once no more bytes come and it is not behind."""
        assert self._has_ended and not self.is_behind  # noqa: PT018, S101 - else it would be wrong
        found: Document | FallbackReason = FallbackReason.ERROR
        if self._error is None:
            try:
                found = self._scanner.close()
            except Exception as error:  # noqa: BLE001 - likewise
                self._fail(error)
        encoding = self._scanner.charset or charsets.UTF_8
        return Reading(
            document=found if isinstance(found, Document) else None,
            fallback_reason=found if isinstance(found, FallbackReason) else None,
            charset=(self._charset or encoding).name,
            data=self._scanner.data,
            encoding=encoding,
            error=self._error,
        )

    def _fail(self, error: Exception) -> bool:
        """Ends the fast path; the reference parser reads what was read by then."""
        self._error = error
        return True

    def _begin(self, data: bytes) -> bytes:
        """Begins to read; returns what follows the byte order mark."""
        self._beginning = None
        mark = charsets.marked(data)
        if mark:
            self._charset = mark[0]
            data = data[mark[1] :]
        if mark or (self._charset and self._charset.opaque):
            self._read_as(self._charset)
        return data

    def _read_as(self, charset: Charset | None) -> None:
        if charset and charset.opaque:
            self._decoder = charset.decoder()
            charset = charsets.UTF_8
        self._scanner = Scanner(charset, self._limits)

    def _decode(self, decoder: codecs.IncrementalDecoder) -> None:
        if self._encoded and not self._scanner.enough:
            data = bytes(self._encoded[:_DECODED])
            del self._encoded[:_DECODED]
            self._scanner.feed(decoder.decode(data).encode())
        elif self._has_ended:
            self._decoder = None
            self._scanner.feed(decoder.decode(b"", True).encode())
            self._scanner.end()

    def _begin_again(self, charset: Charset) -> bool:
        """Begins anew in a charset that a meta declares and in which what was read may mean something else."""
        self._charset = charset
        self._encoded = self._scanner.data
        self._read_as(charset)
        return False
