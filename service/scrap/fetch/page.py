"""A page's content: decoded, counted, and ended at the limit."""

from collections.abc import Iterator
from time import perf_counter, time

from scrap.events import Content, FetchEnded
from scrap.fetch import media
from scrap.fetch.client import HTTPClient
from scrap.fetch.coding import ContentDecoder, codings
from scrap.fetch.fields import combined, values
from scrap.fetch.limits import FetchLimits
from scrap.fetch.response import UpstreamResponse
from scrap.turns import Turns


class FetchedPage:
    """A response with a 2xx status: its head is here, its content is read as far as it is needed.

    A context manager: at its end the connection ends at once.

    Attributes:
        url: where it was found, after all redirects.
        host: that URL's.
        is_html: by Content-Type, or by its beginning where that does not tell. Other content is never read.
        charset: the label in the Content-Type header.
        delay: seconds from its request to its head, redirects before it not counted.
        truncated: there was more than was read: the limit was reached, or the connection ended early.
    """

    def __init__(
        self, response: UpstreamResponse, client: HTTPClient, limits: FetchLimits, turns: Turns, summary: FetchEnded
    ) -> None:
        self.url = response.target.href
        self.host = response.target.host
        self.delay = response.first_byte
        self.is_html = False
        self.charset: str | None = None
        self.truncated = False
        self._response = response
        self._client = client
        self._turns = turns
        self._summary = summary
        self._limit = limits.decoded_bytes
        encoding = combined(response.fields, b"content-encoding")
        stack = codings(encoding, limits) if encoding else []
        self._decoder = ContentDecoder(stack, self._limit) if stack else None
        self._pieces: Iterator[bytes] = iter(())  # that the decoder makes of what was received
        self._beginning: list[bytes] = []  # was read in order to tell what it is, and not yet returned by `read`
        self._ended = False
        self._seconds = 0.0
        self._decoded_bytes = 0

    def __enter__(self) -> "FetchedPage":
        return self

    def __exit__(self, *_: object) -> None:
        response, summary = self._response, self._summary
        self._client.close(response)
        summary.timings.body += self._seconds
        summary.content = Content(response.body_bytes, self._decoded_bytes, self._seconds, self.truncated, time())

    @property
    def held(self) -> int:
        """Bytes of memory that its decoders hold."""
        return self._decoder.held if self._decoder is not None else 0

    def headers(self, names: frozenset[str]) -> list[tuple[str, str]]:
        """The response's header fields of these names (in lower case), in order."""
        decoded = ((name.decode("latin-1"), value) for name, value in self._response.fields)
        return [(name, value.decode("latin-1")) for name, value in decoded if name in names]

    async def look(self) -> None:
        """Finds out what the page is, from its header or else from its beginning."""
        header = media.read([value.decode("latin-1") for value in values(self._response.fields, b"content-type")])
        self.charset = header.charset
        is_html = header.is_html
        self.is_html = media.sniff(await self._begin(media.SNIFFED_BYTES)) if is_html is None else is_html
        if not self.is_html:
            self._response.abort()

    async def read(self) -> bytes:
        """Returns the next piece of an HTML page's decoded content; none at its end, and none of anything else.

        Before each piece it waits for its turn: a page that costs much is slow itself, and no other is.

        Raises:
            UpstreamError: BODY_UNREADABLE or PROTOCOL_ERROR.
            Overloaded: EXHAUSTED.
        """
        if not self.is_html:
            return b""
        if not self._turns.is_free:
            started = perf_counter()
            try:
                await self._turns.wait()
            finally:
                self._summary.timings.wait += perf_counter() - started
        return self._beginning.pop(0) if self._beginning else await self._next()

    async def _begin(self, size: int) -> bytes:
        """Reads at least so many bytes where there are so many; `read` returns them again."""
        while sum(map(len, self._beginning)) < size and (piece := await self._next()):
            self._beginning.append(piece)
        return b"".join(self._beginning)[:size]

    async def _next(self) -> bytes:
        started = perf_counter()
        try:
            while not self._ended:
                if self._decoder is not None:
                    if piece := self._decoded():
                        return self._count(piece)
                    if self._decoder.overflowed:
                        self.truncated = self._ended = True
                        break
                data = await self._response.read()
                if not data:
                    self.truncated = self._response.cut or self._is_unfinished()
                    self._ended = True
                elif self._decoder is None:
                    return self._count(data)
                else:
                    self._pieces = self._decoder.feed(data)
            return b""
        finally:
            self._seconds += perf_counter() - started

    def _decoded(self) -> bytes:
        started = perf_counter()
        piece = next(filter(None, self._pieces), b"")
        self._turns.spend(perf_counter() - started)
        return piece

    def _is_unfinished(self) -> bool:
        """Whether coded content stops in the middle of its coding."""
        return self._decoder is not None and self._response.body_bytes > 0 and not self._decoder.finished

    def _count(self, piece: bytes) -> bytes:
        left = self._limit - self._decoded_bytes
        if len(piece) > left:
            self.truncated = self._ended = True
            piece = piece[:left]
        self._decoded_bytes += len(piece)
        return piece
