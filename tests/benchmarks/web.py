"""A local web for benchmarks: real pages at many addresses, some prompt, some slow, some stuck for good.

    python -m tests.benchmarks.web ADDRESSES

serves on 127.0.1.1, 127.0.1.2, … and prints the port, the same for all. The path says how: `/page/N` is the N-th page
at once, `/page/N?ms=50…` that much later, `/stuck` never, and `/hoard` sends 1 MB without saying anything and stays.
"""

import asyncio
import re
import sys
from typing import cast
from urllib.parse import quote

import uvloop

from tests import corpus

_PATH = re.compile(rb"GET /page/(\d+)(?:\?ms=(\d+))?")
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


def host(number: int) -> str:
    """The address of the web's `number`-th host."""
    return f"127.0.1.{number + 1}"


def page(port: int, number: int, *, hosts: int, ms: int = 0) -> str:
    """The percent-encoded URL of a page that nobody asked for before, `number` being new."""
    return quote(f"http://{host(number % hosts)}:{port}/page/{number}?ms={ms}&n={number}", safe="")


class Web(asyncio.Protocol):
    """One connection to it."""

    pages: list[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /hoard"):
            self.transport.write(_HOARD)
        if not (found := _PATH.match(data)):
            return  # stuck, until the other side gives up
        answer = self.pages[int(found[1]) % len(self.pages)]
        if delay := int(found[2] or 0):
            asyncio.get_running_loop().call_later(delay / 1000, self.answer, answer)
        else:
            self.answer(answer)

    def answer(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


async def serve(hosts: int) -> None:
    Web.pages = answers()
    loop = asyncio.get_running_loop()
    first = await loop.create_server(Web, host(0), 0, backlog=4096)
    port = first.sockets[0].getsockname()[1]
    for number in range(1, hosts):
        await loop.create_server(Web, host(number), port, backlog=4096)
    print(port, flush=True)
    await first.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
