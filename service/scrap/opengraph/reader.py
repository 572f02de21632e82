"""A page, read as it comes from the network."""

import codecs
from dataclasses import dataclass

from scrap.opengraph import charset as charsets
from scrap.opengraph.charset import Charset
from scrap.opengraph.document import Document, Unsure
from scrap.opengraph.limits import Limits
from scrap.opengraph.scanner import Scanner

_LIGHT = 8 * 1024  # bytes that count: some 5 ms of work at the worst


@dataclass(frozen=True, slots=True)
class Reading:
    """What the express lane says of a page.

    Attributes:
        document: the page's Open Graph, if it is sure of it.
        unsure: why it is not; then `read_with_html5lib` has to read `text`.
        charset: the WHATWG name of the page's charset.
        data: what was read of the page.
        encoding: what `data` is in; UTF-8 where it had to be decoded before it could be read.
    """

    document: Document | None
    unsure: Unsure | None
    charset: str
    data: bytearray
    encoding: Charset

    @property
    def text(self) -> str:
        """All that was read, as text. The express lane needs none of it, so it is made when it is asked for."""
        return self.encoding.decode(self.data)


class PageReader:
    """Reads a page's Open Graph from bytes. The answer is the same in whatever pieces they come.

    Args:
        charset: the label that the HTTP header gives, if any; one that the standard does not know is none.
        limits: how much to read.
    """

    def __init__(self, *, charset: str | None = None, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._charset = charsets.labelled(charset) if charset else None
        self._beginning: bytes | None = b""  # until it is clear whether there is a byte order mark
        self._decoder: codecs.IncrementalDecoder | None = None  # where tags cannot be found in the bytes themselves
        self._scanner: Scanner  # from then on

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes.

        Returns:
            Whether enough was read to stop: the head ended a while ago, and the card is there.
        """
        if self._beginning is None:
            return self._feed(data)
        self._beginning += data
        return len(self._beginning) >= charsets.LONGEST_BOM and self._begin()

    @property
    def is_light(self) -> bool:
        """Whether what was found is so little that to say what it means takes no time; of 579 real pages, 576 say."""
        return self._beginning is not None or self._scanner.weight <= _LIGHT

    @property
    def held(self) -> int:
        """Bytes of memory that it holds."""
        return self._scanner.held if self._beginning is None else len(self._beginning)

    @property
    def size(self) -> int:
        """Bytes that were read."""
        return len(self._scanner.data) if self._beginning is None else len(self._beginning)

    def close(self) -> Reading:
        """Says what was found; no more bytes come, because the page ends here or because enough was read."""
        if self._beginning is not None:
            self._begin()
        if self._decoder:
            self._scanner.feed(self._decoder.decode(b"", True).encode())
        found = self._scanner.close()
        if self._is_opaque():  # said in a tag that was looked at only now
            self._read_again()
            return self.close()
        encoding = self._scanner.charset
        assert encoding  # noqa: S101 - a closed scanner knows
        return Reading(
            document=found if isinstance(found, Document) else None,
            unsure=found if isinstance(found, Unsure) else None,
            charset=(self._charset or encoding).name,
            data=self._scanner.data,
            encoding=encoding,
        )

    def _begin(self) -> bool:
        data = self._beginning or b""
        self._beginning = None
        mark = charsets.marked(data)
        if mark:
            self._charset = mark[0]
            data = data[mark[1] :]
        return self._read_as(self._charset, data)

    def _read_as(self, charset: Charset | None, data: bytes) -> bool:
        if charset and charset.opaque:
            self._decoder = charset.decoder()
            charset = charsets.UTF_8
        self._scanner = Scanner(charset, self._limits)
        return self._feed(data)

    def _feed(self, data: bytes) -> bool:
        enough = self._scanner.feed(self._decoder.decode(data).encode() if self._decoder else data)
        return self._read_again() if self._is_opaque() else enough

    def _is_opaque(self) -> bool:
        return self._scanner.charset is not None and self._scanner.charset.opaque

    def _read_again(self) -> bool:
        """Begins anew, in a charset that a meta declares and in which what was read may mean something else."""
        self._charset = self._scanner.charset
        return self._read_as(self._charset, bytes(self._scanner.data))
