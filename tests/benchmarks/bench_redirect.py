"""A redirect and its page, on one connection and on two: the CPU of a fetch over http and https, in one run.

    python -m tests.benchmarks.bench_redirect [rounds] [fetches]

The origin, a process of its own, has two names. Its redirect leads to a page of its own host, or to one of the other
name, which needs a connection of its own. Ends with 1 where one connection costs as much as two.
"""

import asyncio
import os
import ssl
import statistics
import sys
import time
from ipaddress import ip_network
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import cast

import uvloop

from scrap import events, urls
from scrap.fetch import Deadline, EgressPolicy, Fetcher, FetchLimits
from tests.benchmarks.load import met, spread
from tests.hostile.certificates import NAME, Certificates
from tests.hostile.names import Names

OTHER = "other.example"
CONCURRENCY = 16
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n" + bytes(1000)


class RedirectOrigin(asyncio.Protocol):
    """Redirects /NAME to that host's page at /."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        scheme = b"https" if self.transport.get_extra_info("ssl_object") else b"http"
        port = self.transport.get_extra_info("sockname")[1]
        location = b"%b:/%b:%d/" % (scheme, path, port)
        head = b"HTTP/1.1 301 Moved Permanently\r\nLocation: %b\r\nContent-Length: 162\r\n\r\n" + bytes(162)
        self.transport.write(PAGE if path == b"/" else head % location)


def serve(context: ssl.SSLContext, ports: Connection) -> None:
    """Serves over http and https, and sends the two ports."""

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(RedirectOrigin, "127.0.0.1", 0, ssl=tls) for tls in (None, context)]
        ports.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.gather(*(server.serve_forever() for server in servers))

    uvloop.run(forever())


async def fetch(fetcher: Fetcher, url: str, connections: int) -> None:
    """Fetches a page behind one redirect."""
    summary = events.FetchEnded()
    with Deadline(8) as deadline, await fetcher.open(urls.parse(url), summary, deadline):
        pass
    assert sum(hop.connect > 0 for hop in summary.hops) == connections


async def cost(fetcher: Fetcher, url: str, connections: int, fetches: int) -> float:
    """The microseconds of CPU that a fetch takes in this process."""
    left = iter(range(fetches))

    async def worker() -> None:
        for _ in left:
            await fetch(fetcher, url, connections)

    started = time.process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return (time.process_time() - started) / fetches * 1e6


async def compare(certificates: Certificates, ports: list[int], rounds: int, fetches: int) -> bool:
    """Measures both in turn, for http and https; whether one connection is cheaper."""
    policy = EgressPolicy(networks=(ip_network("127.0.0.0/8"),), ports=frozenset(ports))
    names = Names({name: [["127.0.0.1"]] for name in (NAME, OTHER)})
    fetcher = Fetcher(
        limits=FetchLimits(), policy=policy, emit=events.ignore, resolve=names, ssl_context=certificates.trusting
    )
    are_met = True
    for scheme, port in zip(("http", "https"), ports, strict=True):
        one, two = (f"{scheme}://{NAME}:{port}/{name}" for name in (NAME, OTHER))
        pairs = [
            (await cost(fetcher, one, 1, fetches), await cost(fetcher, two, 2, fetches)) for _ in range(rounds + 1)
        ][1:]
        ratios = [kept / anew for kept, anew in pairs]
        print(f"{scheme:5}  one connection {spread([kept for kept, _ in pairs], ' µs')}", end="  ")
        print(f"two {spread([anew for _, anew in pairs], ' µs')}  ratio {spread(ratios)}")
        are_met &= met([(statistics.median(ratios) < 1, f"one connection is cheaper over {scheme}")])
    await fetcher.aclose()
    return are_met


def main(rounds: int = 9, fetches: int = 400) -> None:
    """Runs the origin and compares; ends with 1 where one connection is not cheaper."""
    certificates = Certificates()
    receiver, sender = get_context("fork").Pipe(duplex=False)
    served = certificates.good(NAME, OTHER)
    origin = get_context("fork").Process(target=serve, args=(served, sender), daemon=True)
    origin.start()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(origin.pid or 0, {cores[-1]})
    os.sched_setaffinity(0, {cores[0]})
    sys.exit(not uvloop.run(compare(certificates, receiver.recv(), rounds, fetches)))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
