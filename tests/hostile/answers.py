"""What a hostile origin says. Each is an `Answer`: serve it, alone or by path (`by_path(EVERY)`)."""

import asyncio
import functools
import gzip
import zlib

import brotli
from backports import zstd

from tests.hostile.origin import Answer, Request

MIB = 1024 * 1024
GIB = 1024 * MIB
CARD = b'<!doctype html><head><meta property="og:title" content="Alive"></head><body></body>'
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"


def says(*parts: bytes, stays: bool = False) -> Answer:
    """Says these bytes, then closes; or stays silent for ever."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if stays:
            await asyncio.Event().wait()

    return answer


def half_closes(first: bytes) -> Answer:
    """Says something, ends its half of the connection, and keeps the other."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        writer.write_eof()
        await asyncio.Event().wait()

    return answer


def repeats(first: bytes, again: bytes) -> Answer:
    """Says something, then something else for ever."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()

    return answer


def drips(first: bytes, again: bytes, seconds: float) -> Answer:
    """Says something, then a little every while, for ever."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(seconds)

    return answer


def page(body: bytes = CARD, *fields: bytes) -> Answer:
    """A well-behaved page."""
    lines = b"".join(field + b"\r\n" for field in fields)
    return says(HTML + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def redirect(location: bytes, *fields: bytes, status: int = 302) -> Answer:
    """Redirects its client."""
    lines = b"".join(field + b"\r\n" for field in fields)
    return says(b"HTTP/1.1 %d Found\r\nLocation: %b\r\n%bContent-Length: 0\r\n\r\n" % (status, location, lines))


def by_path(answers: dict[str, Answer]) -> Answer:
    """Chooses the answer by the path; 404 where there is none."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.path.partition("?")[0]
        nothing = says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await answers.get(path, nothing)(request, writer)

    return answer


@functools.cache
def bomb(coding: str) -> bytes:
    """1 GiB of zeros, or somewhat more, in at most 1.1 MiB."""
    zeros = bytes(MIB)
    match coding:
        case "gzip":
            return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + _raw_deflate(zeros) + b"\0" * 8
        case "deflate":
            return b"\x78\x9c" + _raw_deflate(zeros) + b"\0" * 4
        case "raw deflate":
            return _raw_deflate(zeros)
        case "br":
            inner = brotli.Compressor(quality=1)
            return b"".join([*(inner.process(zeros) for _ in range(1024)), inner.finish()])
        case "zstd":
            frames = zstd.ZstdCompressor()
            return b"".join([*(frames.compress(zeros) for _ in range(1024)), frames.flush()])
        case "gzip, gzip":  # its outer layer alone is a bomb; its inner one gives nothing at all
            return zlib.compress(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\0\0\0\xff\xff" * 1_000_000, 9, 31)
    raise ValueError(coding)


def _raw_deflate(zeros: bytes) -> bytes:
    """The same block of zeros again and again: a full flush makes blocks that do not depend on each other."""
    inner = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = inner.compress(zeros) + inner.flush(zlib.Z_FULL_FLUSH)
    return block * 1024 + b"\x03\x00"


def exploding(coding: str) -> Answer:
    """Serves a bomb."""
    header = coding.removeprefix("raw ").encode("ascii")

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        body = bomb(coding)
        writer.write(HTML + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (header, len(body)))
        for start in range(0, len(body), 65536):
            writer.write(body[start : start + 65536])
            await writer.drain()

    return answer


def much(first: bytes, unit: bytes) -> Answer:
    """Says something, then 4 MiB of something small."""
    block = unit * (65536 // len(unit))

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for _ in range(4 * MIB // len(block)):
            writer.write(block)
            await writer.drain()

    return answer


BOMBS = ("gzip", "deflate", "raw deflate", "br", "zstd", "gzip, gzip")

# Answers that are no page, and how they end, are in tests/integration/fetch; these need no more than to be asked.
EVERY: dict[str, Answer] = {
    "/alive": page(),
    "/silent": says(stays=True),
    "/closed": says(),
    "/endless-header-fields": repeats(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "/endless-header-value": repeats(b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 8000),
    "/interim-flood": repeats(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    "/endless-body": repeats(HTML + b"\r\n", b"<p>more</p>" * 1000),
    "/endless-chunk-extension": repeats(HTML + b"Transfer-Encoding: chunked\r\n\r\n5;", b"a" * 8000),
    "/endless-trailer": repeats(HTML + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", b"a" * 8000),
    "/head-drip": drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", 0.05),
    "/body-drip": drips(HTML + b"\r\n", b"a", 0.05),
    "/half-closed": half_closes(b"HTTP/1.1 200 OK\r\nContent-"),
    "/short": says(HTML + b"Content-Length: 100000\r\n\r\n" + CARD),
    "/long": says(HTML + b"Content-Length: %d\r\n\r\n" % len(CARD) + CARD + b"HTTP/1.1 200 OK\r\n" * 100),
    "/chunk-soup": says(HTML + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nffffffffffffffffffff\r\n"),
    "/http-0.9": says(CARD),
    "/no-status": says(b"HTTP/1.1 \r\n\r\n"),
    "/upgrade": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    "/loop": redirect(b"/loop"),
    "/file": redirect(b"file:///etc/passwd"),
    "/metadata": redirect(b"http://169.254.169.254/latest/meta-data/"),
    "/binary": says(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n", b"\0" * MIB, stays=True),
    # Cheap to send, dear to read.
    "/chunks-of-one": much(HTML + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n<\r\n"),
    "/members/gzip": much(HTML + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
    "/members/zstd": much(HTML + b"Content-Encoding: zstd\r\n\r\n", zstd.compress(b"")),
    "/members/zstd-skippable": much(HTML + b"Content-Encoding: zstd\r\n\r\n", b"\x50\x2a\x4d\x18\0\0\0\0"),
    **{f"/bomb/{coding.replace(' ', '-').replace(',', '')}": exploding(coding) for coding in BOMBS},
}
