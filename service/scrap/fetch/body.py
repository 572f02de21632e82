"""A page's bytes: decoded, counted, and ended at the limit."""

from collections import deque
from collections.abc import Iterator
from time import perf_counter

from scrap.fetch.coding import ContentDecoder, codings
from scrap.fetch.exchange import Exchange
from scrap.fetch.limits import FetchLimits
from scrap.turns import Turns


class Body:
    """The decoded body of one answer, as an asynchronous iterator of pieces that are never empty.

    Before each piece it waits for its turn: a page that costs much is slow for itself, not for everybody.

    Attributes:
        decoded_bytes: given so far.
        truncated: there was more: the limit was reached, or the connection ended early.
        seconds: spent waiting for bytes and decoding them.
        waited: seconds spent waiting for turns.

    Raises:
        UpstreamError: while iterating: BODY_UNREADABLE or PROTOCOL_ERROR.
    """

    def __init__(self, exchange: Exchange, content_encoding: str, limits: FetchLimits, turns: Turns) -> None:
        self.decoded_bytes = 0
        self.truncated = False
        self.seconds = 0.0
        self.waited = 0.0
        self._exchange = exchange
        self._limit = limits.decoded_bytes
        stack = codings(content_encoding, limits) if content_encoding else []
        self._decoder = ContentDecoder(stack, self._limit) if stack else None
        self._pieces: Iterator[bytes] = iter(())
        self._held: deque[bytes] = deque()
        self._ended = False
        self._turns = turns

    @property
    def held(self) -> int:
        """Bytes of memory that its decoders hold."""
        return self._decoder.held if self._decoder is not None else 0

    async def beginning(self, size: int) -> bytes:
        """Reads at least so many bytes where there are so many; they are given again by the iteration."""
        while sum(map(len, self._held)) < size and (piece := await self._timed()):
            self._held.append(piece)
        return b"".join(self._held)[:size]

    def leave(self) -> None:
        """Ends the iteration here."""
        self._held.clear()
        self._ended = True

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        if not self._turns.is_free:
            started = perf_counter()
            try:
                await self._turns.wait()
            finally:
                self.waited += perf_counter() - started
        piece = self._held.popleft() if self._held else await self._timed()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def _timed(self) -> bytes:
        started = perf_counter()
        try:
            return await self._next()
        finally:
            self.seconds += perf_counter() - started

    async def _next(self) -> bytes:
        while not self._ended:
            if self._decoder is not None:
                if piece := self._decoded():
                    return self._count(piece)
                if self._decoder.overflowed:
                    self.truncated = True
                    break
            data = await self._exchange.read()
            if not data:
                self.truncated = self._exchange.cut or self._unfinished()
                break
            if self._decoder is None:
                return self._count(data)
            self._pieces = self._decoder.feed(data)
        self._ended = True
        return b""

    def _decoded(self) -> bytes:
        started = perf_counter()
        piece = next(filter(None, self._pieces), b"")
        self._turns.spend(perf_counter() - started)
        return piece

    def _unfinished(self) -> bool:
        """Says whether a coded body stops in the middle of its coding."""
        return self._decoder is not None and self._exchange.body_bytes > 0 and not self._decoder.finished

    def _count(self, piece: bytes) -> bytes:
        room = self._limit - self.decoded_bytes
        if len(piece) > room:
            self.truncated = self._ended = True
            piece = piece[:room]
        self.decoded_bytes += len(piece)
        return piece
