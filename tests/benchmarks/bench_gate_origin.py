"""The origin of the regression gate, with the pages of tests/varied_pages.py; with GATE_PAGES=corpus, real ones.

    python -m tests.benchmarks.bench_gate_origin CERTIFICATE

serves on two free ports of 127.0.0.1, http and https, and prints them. `/N` is page N, sent with its length, in chunks
or compressed with gzip, in turn; every tenth path redirects to its page first.
"""

import asyncio
import gzip
import os
import re
import ssl
import sys
from typing import cast

import uvloop

from tests import corpus
from tests.varied_pages import PAGES, page

CHUNK = 16 << 10  # bytes
_PATH = re.compile(rb"GET /(page/)?(\d+)")


def bodies() -> list[bytes]:
    """The pages; of the corpus every other one that is for benchmarks."""
    if os.environ.get("GATE_PAGES") == "corpus":
        if not corpus.AVAILABLE:
            sys.exit("GATE_PAGES=corpus needs the pages of ../shared/corpus.")
        return [page.body for page in corpus.benchmark_pages()[::2]][:PAGES]
    return [page(number) for number in range(PAGES)]


def response(number: int, body: bytes) -> bytes:
    """The response with a page, in the coding of its number."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: max-age=60\r\nServer: gate\r\n"
    if number % 3 == 1:
        chunks = (body[start : start + CHUNK] for start in range(0, len(body), CHUNK))
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + body
    if number % 3 == 2:
        head, body = f"{head}Content-Encoding: gzip\r\n", gzip.compress(body, mtime=0)
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def redirect(number: int) -> bytes:
    """The response that leads to a page."""
    return f"HTTP/1.1 302 Found\r\nLocation: /page/{number}\r\nContent-Length: 0\r\n\r\n".encode()


class GateOrigin(asyncio.Protocol):
    """One connection to the origin; it stays open until the client closes it."""

    responses: list[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if found := _PATH.match(data):
            number = int(found[2])
            is_redirect = number % 10 == 9 and not found[1]
            self.transport.write(redirect(number) if is_redirect else self.responses[number % PAGES])


async def serve(certificate: str) -> None:
    GateOrigin.responses = [response(number, body) for number, body in enumerate(bodies())]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(GateOrigin, "127.0.0.1", 0, backlog=1024)
    secure = await loop.create_server(GateOrigin, "127.0.0.1", 0, backlog=1024, ssl=context)
    print(plain.sockets[0].getsockname()[1], secure.sockets[0].getsockname()[1], flush=True)
    await plain.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
