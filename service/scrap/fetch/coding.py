"""Content codings undone in bounded steps (RFC 9110, section 8.4).

A decoder gives pieces of at most one step, lazily: a consumer that takes no more stops the inflating.
No layer of a stacked coding gives more than the page's limit, so nothing is inflated in order to be thrown away.
"""

import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress

import brotli

from scrap.errors import Reason, UpstreamError
from scrap.fetch.limits import KIB, FetchLimits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = "gzip, deflate, br, zstd"

# Codings that exist and that we cannot undo. A word that is no coding at all (`utf-8`, `none`) is passed over, as
# browsers do.
_REFUSED = {"compress", "x-compress", "dcb", "dcz", "exi", "aes128gcm", "pack200-gzip"}
_GZIP = zlib.MAX_WBITS | 16
_ZSTD: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}  # 8 MiB, the most that HTTP allows (RFC 9659)
_KEPT = 32 * KIB  # bytes of a coded body, kept in case that it is damaged; some 150 KB of HTML


class Zlib:
    """gzip (RFC 1952, with several members) and deflate (RFC 1950, or the bare RFC 1951 that some servers send).

    What follows the end of a stream and begins no other member is ignored, as browsers do.
    """

    held = 0  # its window is 32 KiB

    def __init__(self, limits: FetchLimits, *, gzip: bool) -> None:
        self._step = limits.inflate_step
        self._members = limits.members
        self._gzip = gzip
        self._inflater = zlib.decompressobj(_GZIP)
        self._start = b"" if not gzip else None  # the first two bytes of deflate decide which it is

    @property
    def finished(self) -> bool:
        return self._inflater.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._start is not None:
            data = self._start = self._start + data
            if len(data) < 2:
                return
            is_zlib = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0  # RFC 1950's check bits; else RFC 1951
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
            self._start = None
        piece = b""
        while data or len(piece) == self._step:  # a full piece: it may hold something back
            if self._inflater.eof and data:
                self._gzip = self._gzip and data.startswith(b"\x1f")
                if not self._gzip:
                    return
                self._members = _next_member(self._members)
                self._inflater = zlib.decompressobj(_GZIP)
            piece = self._inflater.decompress(data, self._step)
            data = self._inflater.unused_data or self._inflater.unconsumed_tail
            if piece:
                yield piece


class Brotli:
    """br (RFC 7932).

    It inflates as much as its window holds, up to 16 MiB, before it gives the first byte; how much is not known. So all
    of it is taken at once, up to the page's limit, and beyond that the window is freed.
    """

    def __init__(self, limits: FetchLimits) -> None:
        self.held = 0
        self._step = limits.inflate_step
        self._left = limits.decoded_bytes
        self.inflater: brotli.Decompressor | None = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        return self.inflater is not None and self.inflater.is_finished()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while self.inflater is not None and not self.finished:
            block = self.inflater.process(data, output_buffer_limit=self._left + 1)
            data = b""
            if len(block) > self._left or not self.inflater.can_accept_more_data():
                self.inflater = None
            elif not block:
                return
            self._left -= len(block)
            self.held += 2 * len(block)  # here, and in the window
            for start in range(0, len(block), self._step):
                yield block[start : start + self._step]


class Zstd:
    """zstd (RFC 8878), several frames, windows up to 8 MiB."""

    def __init__(self, limits: FetchLimits) -> None:
        self.held = 0
        self._step = limits.inflate_step
        self._members = limits.members
        self._inflater = zstd.ZstdDecompressor(options=_ZSTD)

    @property
    def finished(self) -> bool:
        return self._inflater.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not (self._inflater.needs_input or self._inflater.eof):
            if self._inflater.eof:
                self._members = _next_member(self._members)
                self._inflater = zstd.ZstdDecompressor(options=_ZSTD)
            piece = self._inflater.decompress(data, self._step)
            data = self._inflater.unused_data
            self.held += len(piece)
            if piece:
                yield piece


def _next_member(left: int) -> int:
    """Counts a stream that follows another one: it costs its sender nine bytes and us 5 µs, and a copy of the rest."""
    if left <= 1:
        raise UpstreamError(Reason.BODY_UNREADABLE, "too many members")
    return left - 1


Coding = Zlib | Brotli | Zstd
"""Undoes one coding. `finished`: the coded stream is whole as far as it is here; `held`: bytes of memory that it holds,
beside a small constant; `feed` yields what the data decodes to, piece by piece, and raises `CODING_ERRORS`."""
CODING_ERRORS = (zlib.error, brotli.error, zstd.ZstdError)


def codings(content_encoding: str, limits: FetchLimits) -> list[Coding]:
    """Makes what undoes each coding of a Content-Encoding header, outermost first.

    Raises UpstreamError (BODY_UNREADABLE) where they are too many, or one is not ours to undo.
    """
    made: list[Coding] = []
    for word in reversed(content_encoding.lower().split(",")):
        match word.strip():
            case "gzip" | "x-gzip":
                made.append(Zlib(limits, gzip=True))
            case "deflate":
                made.append(Zlib(limits, gzip=False))
            case "br":
                made.append(Brotli(limits))
            case "zstd":
                made.append(Zstd(limits))
            case name if name in _REFUSED:
                raise UpstreamError(Reason.BODY_UNREADABLE, f"coding {name}")
        # Two of brotli would fill two windows in one step.
        if len(made) > limits.codings or sum(isinstance(coding, Brotli) for coding in made) > 1:
            raise UpstreamError(Reason.BODY_UNREADABLE, "too many codings")
    return made


class ContentDecoder:
    """Undoes all codings of a body; `finished` and `held` are those of `Coding`, of all together."""

    def __init__(self, content_encoding: str, limits: FetchLimits) -> None:
        self.overflowed = False  # a layer reached the limit; the body ends here
        self._encoding = content_encoding
        self._limits = limits
        self._stack = codings(content_encoding, limits)
        self._left = [limits.decoded_bytes] * len(self._stack)
        self._received = bytearray()  # up to _KEPT bytes
        self._given = 0

    @property
    def finished(self) -> bool:
        return all(coding.finished for coding in self._stack)

    @property
    def held(self) -> int:
        return sum(coding.held for coding in self._stack)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields what the data decodes to, piece by piece, none longer than a step; an empty one ends a step, too.

        Raises UpstreamError (BODY_UNREADABLE) after all that came before the damage (within `_KEPT`).
        """
        if len(self._received) <= _KEPT:
            self._received += data
        try:
            for piece in self._layer(0, data):
                self._given += len(piece)
                yield piece
        except CODING_ERRORS as error:
            failure = f"{type(error).__name__}: {error}"
        else:
            return
        if len(self._received) <= _KEPT:
            yield from self._before_damage()
        raise UpstreamError(Reason.BODY_UNREADABLE, failure)

    def _before_damage(self) -> Iterator[bytes]:
        """Decodes anew up to the damaged byte: the call that failed gave nothing of what it had decoded before that.

        Each time is a step of its own, which yields nothing: brotli's takes 35 ms where it fills a window of 16 MiB.
        """
        data, good, decoded = bytes(self._received), 0, bytearray()
        self._stack.clear()  # it is of no more use, and a window of brotli takes 16 MiB
        for size in (1024, 32, 1):
            yield b""
            again = ContentDecoder(self._encoding, self._limits)
            with suppress(*CODING_ERRORS):  # brotli may fail earlier where it is given more
                decoded = bytearray().join(again._layer(0, data[:good]))
                while good < len(data):
                    decoded += b"".join(again._layer(0, data[good : good + size]))
                    good += size
        lost, step = bytes(decoded[self._given :]), self._limits.inflate_step
        yield from (lost[start : start + step] for start in range(0, len(lost), step))

    def _layer(self, index: int, data: bytes) -> Iterator[bytes]:
        if index == len(self._stack):
            yield data
            return
        for piece in self._stack[index].feed(data):
            left = self._left[index]
            self._left[index] -= len(piece)
            self.overflowed = len(piece) > left
            yield from self._layer(index + 1, piece[: max(left, 0)])
            if self.overflowed:
                return
