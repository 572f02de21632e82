"""The pages of the regression gate, and the origin that serves them. It needs neither the corpus nor nginx.

    python -m tests.benchmarks.bench_gate_origin CERTIFICATE

serves on two free ports of 127.0.0.1, http and https, and prints them. `/N` is page N, sent with its length, in chunks
or compressed with gzip, in turn; every tenth path redirects to its page first.
"""

import asyncio
import gzip
import random
import re
import ssl
import sys
from typing import cast

import uvloop

PAGES = 60
CHUNK = 16 << 10  # bytes
_PATH = re.compile(rb"GET /(page/)?(\d+)")
_WORDS = ["a", "of", "page", "link", "text", "the", "café", "漢字", "&amp;", "&quot;so&quot;", "it's", "2026", "read"]


def page(number: int) -> bytes:
    """One page: 10 to 300 KB, of which the head has 33 on average; one in twelve has no Open Graph."""
    rng = random.Random(number)  # noqa: S311 - the same pages every time

    def text(words: int) -> str:
        return " ".join(rng.choices(_WORDS, k=words))

    def filler() -> str:
        name, words = f"n{rng.randrange(1000)}", text(rng.randrange(3, 12))
        return rng.choice(
            (
                f'<meta name="{name}" content="{words}">',
                f"<meta name={name} content='{words}'/>",
                f'<link rel="alternate" hreflang="en" href="/{name}?a=1&amp;b=2">',
                f'<script async src="/{name}.js"></script>',
                f"<script>var {name} = {{a: [1, 2, 3], b: '<p>' + \"{name}\"}}; if (1 < 2) {{ {name}.c = 1 }}</script>"
                * 3,
                f'<script type="application/ld+json">{{"@type": "Article", "name": "{name}", "a": "{words}"}}</script>',
                f"<style>.{name} > a {{ color: #123456; margin: 0 auto }}</style>" * 4,
                f"<!-- {words} -->",
            )
        )

    properties = {
        "title": text(6),
        "description": text(25),
        "type": "article",
        "image": f"/{number}.jpg?w=1200&amp;h=630",
    }
    metas = [f'<meta property="og:{name}" content="{value}">' for name, value in properties.items()]
    parts = [filler() for _ in range(int(rng.lognormvariate(5.1, 0.8)))]
    if number % 12:
        at = rng.randrange(len(parts) + 1)
        parts[at:at] = metas
    body = (
        f'<div class="c{n % 7}"><p>{text(40)}</p><a href="/{n}">{text(2)}</a></div>'
        for n in range(rng.randrange(10, 800))
    )
    return "\n".join(
        [
            "<!doctype html><html><head><meta charset=utf-8><title>x</title>",
            *parts,
            "</head><body>",
            *body,
            "</body></html>",
        ]
    ).encode()


def response(number: int) -> bytes:
    """The response with a page, in the coding of its number."""
    body = page(number)
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
    GateOrigin.responses = [response(number) for number in range(PAGES)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(GateOrigin, "127.0.0.1", 0, backlog=1024)
    secure = await loop.create_server(GateOrigin, "127.0.0.1", 0, backlog=1024, ssl=context)
    print(plain.sockets[0].getsockname()[1], secure.sockets[0].getsockname()[1], flush=True)
    await plain.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
