"""A local web for benchmarks: real pages at many addresses, some prompt, some slow, some stuck for good.

    python -m tests.benchmarks.web ADDRESSES

serves on 127.0.1.1, 127.0.1.2, … and prints the port, the same for all. The path says how: `/page/N` is the N-th page
at once, `/page/N?ms=50…` that much later, `/stuck` never, and `/hoard` sends 1 MB without saying anything and stays.
`/identity/N`, `/gzip/N`, … is a large page in that coding, `/identity_60k/N`, … one of 60 KiB, and `/tree/N` one for
html5lib; of these `ms` holds the last bytes back.
"""

import asyncio
import gzip
import random
import re
import sys
from typing import cast
from urllib.parse import quote

import brotli
import uvloop
from backports import zstd

from tests import corpus

_PATH = re.compile(rb"GET /(\w+)/(\d+)(?:\?ms=(\d+))?")
CODINGS = {"identity": bytes, "gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress}
_SYNTHETIC = (
    b"<!doctype html><head><title>x</title>"
    + b"<meta name=a content=b>\n" * 1000
    + b'<meta property="og:title" content="A page"><meta property="og:type" content="article"></head>'
    + b"<p>text</p>" * 11_000
)

_HOARD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<head>" + b"a" * 1_000_000


def answers() -> list[bytes]:
    """The answers: real pages where the corpus is beside the repository, else one that is as long as they are."""
    bodies = [page.body for page in corpus.benchmark_pages()] if corpus.AVAILABLE else [_SYNTHETIC]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return [head % len(body) + body for body in bodies]


def large() -> dict[str, bytes]:
    """Answers of 1 MiB, or of 60 KiB, that are read to their end, for there is no Open Graph in them; by their word."""
    words = random.Random(1).choices([b"%x" % number for number in range(5000)], k=250_000)  # noqa: S311 - no secret
    text = b"<!doctype html><head><title>x</title>" + b" ".join(words)
    tree = b"<!doctype html><head><title>x</title><svg><title>" + b"<p class=x>text</p>" * 55_000
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n"
    coded = {"tree": ("identity", tree[: 1 << 20])}
    for coding, code in CODINGS.items():
        coded |= {coding: (coding, code(text[: 1 << 20])), f"{coding}_60k": (coding, code(text[: 60 << 10]))}
    return {
        word: head % (coding.encode(), len(body)) + b"Connection: close\r\n\r\n" + body
        for word, (coding, body) in coded.items()
    }


def url(port: int, path: str, number: int) -> str:
    """The percent-encoded URL of a path at the web's `number`-th host."""
    return quote(f"http://{host(number)}:{port}{path}", safe="")


def host(number: int) -> str:
    """The address of the web's `number`-th host."""
    return f"127.0.1.{number + 1}"


def page(port: int, number: int, *, hosts: int, ms: int = 0) -> str:
    """The percent-encoded URL of a page that nobody asked for before, `number` being new."""
    return url(port, f"/page/{number}?ms={ms}&n={number}", number % hosts)


class BenchmarkWeb(asyncio.Protocol):
    """One connection to it."""

    pages: list[bytes]
    large: dict[str, bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /hoard"):
            self.transport.write(_HOARD)
        if not (found := _PATH.match(data)):
            return  # stuck, until the other side gives up
        word, number, delay = found[1].decode(), int(found[2]), int(found[3] or 0)
        answer = self.large.get(word) or self.pages[number % len(self.pages)]
        if word in self.large:
            self.transport.write(answer[:-1024])
            answer = answer[-1024:]
        if delay:
            asyncio.get_running_loop().call_later(delay / 1000, self.answer, answer)
        else:
            self.answer(answer)

    def answer(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


async def serve(hosts: int) -> None:
    BenchmarkWeb.pages, BenchmarkWeb.large = answers(), large()
    loop = asyncio.get_running_loop()
    first = await loop.create_server(BenchmarkWeb, host(0), 0, backlog=4096)
    port = first.sockets[0].getsockname()[1]
    for number in range(1, hosts):
        await loop.create_server(BenchmarkWeb, host(number), port, backlog=4096)
    print(port, flush=True)
    await first.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
