"""What one fetch costs: ours beside httpx2's own backend and aiohttp, in one run, on one core.

    python tests/benchmarks/bench_fetch.py [--rounds 15] [--fetches 200] [--concurrency 16]

The origin is a process of its own; pages are read to the end of their head (24 KB of 150 KB) and left. The clients take
turns, so a wandering machine wanders for all of them: compare the ratios. `client` is the fetch's own part without any
network: requests, cookies and answers of httpx2 over a transport that does nothing, beside httpx2's own client.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import cast

import aiohttp
import httpx2
import uvloop

from scrap import events, urls
from scrap.fetch import Deadline, EgressPolicy, Fetcher, FetchLimits, Wants

HEAD_BYTES = 24_000
PAGE = (
    b"<!doctype html><head><title>x</title>"
    + b"<meta name=a content=b>\n" * 1000
    + b"</head>"
    + b"<p>text</p>" * 11_000
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 23 Nov 2026 09:00:00 GMT\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n"
    b"Content-Length: %d\r\nLast-Modified: Mon, 23 Nov 2026 08:00:00 GMT\r\nCache-Control: max-age=60\r\n"
    b'ETag: "5f1"\r\nConnection: close\r\nAccept-Ranges: bytes\r\n\r\n' % len(PAGE)
) + PAGE

Fetch = Callable[[], Awaitable[None]]


class RawOrigin(asyncio.Protocol):
    """Answers everything with the page and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(ANSWER)
            self.transport.close()


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(RawOrigin, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def ours(port: int) -> tuple[Fetch, Callable[[], Awaitable[None]]]:
    policy = EgressPolicy(
        networks=(ip_network("127.0.0.0/8"),),
        ports=frozenset(
            {
                port,
            }
        ),
    )
    fetcher = Fetcher(limits=FetchLimits(per_host=1024), policy=policy, emit=events.ignore)
    url = f"http://127.0.0.1:{port}/some/page?of=interest"

    async def fetch() -> None:
        with Deadline(8) as deadline, await fetcher.open(urls.parse(url), events.FetchEnded(), deadline) as page:
            held = 0

            def feed(piece: bytes) -> Wants:
                nonlocal held
                held += len(piece)
                return Wants.MORE if held < HEAD_BYTES else Wants.NOTHING

            await page.read(feed)

    return fetch, fetcher.aclose


def httpx2s(port: int) -> tuple[Fetch, Callable[[], Awaitable[None]]]:
    client = httpx2.AsyncClient(trust_env=False, timeout=8, limits=httpx2.Limits(max_keepalive_connections=0))
    url = f"http://127.0.0.1:{port}/some/page?of=interest"

    async def fetch() -> None:
        async with client.stream("GET", url) as response:
            held = 0
            async for chunk in response.aiter_bytes():
                held += len(chunk)
                if held >= HEAD_BYTES:
                    return

    return fetch, client.aclose


def aiohttps(port: int) -> tuple[Fetch, Callable[[], Awaitable[None]]]:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, limit=0))
    url = f"http://127.0.0.1:{port}/some/page?of=interest"

    async def fetch() -> None:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=8)) as response:
            held = 0
            async for chunk in response.content.iter_any():
                held += len(chunk)
                if held >= HEAD_BYTES:
                    response.close()
                    return

    return fetch, session.close


async def measure(fetch: Fetch, fetches: int, concurrency: int) -> float:
    """Returns the CPU milliseconds of this process for one fetch: what one core is kept busy for."""
    left = iter(range(fetches))

    async def worker() -> None:
        for _ in left:
            await fetch()

    started = time.process_time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return (time.process_time() - started) / fetches * 1000


async def compare(port: int, rounds: int, fetches: int, concurrency: int) -> None:
    made = {"scrap.fetch": ours(port), "aiohttp": aiohttps(port), "httpx2, its own backend": httpx2s(port)}
    figures: dict[str, list[float]] = {name: [] for name in made}
    for fetch, _ in made.values():
        await measure(fetch, 50, concurrency)
    for _ in range(rounds):
        for name, (fetch, _) in made.items():
            figures[name].append(await measure(fetch, fetches, concurrency))
    base = statistics.median(figures["scrap.fetch"])
    print(f"{'CPU of one fetch':26} {'median':>9} {'min':>9} {'max':>9} {'ratio':>7}")
    for name, values in figures.items():
        middle = statistics.median(values)
        print(f"{name:26} {middle:6.3f} ms {min(values):6.3f} ms {max(values):6.3f} ms {middle / base:6.2f}x")
    for _, close in made.values():
        await close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--fetches", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        uvloop.run(serve())
        return
    cores = sorted(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as origin:
        os.sched_setaffinity(origin.pid, {cores[-1]})
        os.sched_setaffinity(0, {cores[0]})
        assert origin.stdout is not None
        try:
            uvloop.run(compare(int(origin.stdout.readline()), args.rounds, args.fetches, args.concurrency))
        finally:
            origin.terminate()


if __name__ == "__main__":
    main()
