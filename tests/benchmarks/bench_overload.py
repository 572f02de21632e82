"""Overload: goodput, latency, and what a rejection costs.

    python -m tests.benchmarks.bench_overload [rounds] [seconds] [milliseconds]

The service has core 0; its clients and the web that it fetches from have core 1. Every page is new. Each round
measures, one after the other on the same service: the peak (32 clients in a closed loop; 64 get some more, slower), a
quiet time (a fifth of the peak, requests at random times), and four times the peak; then healthy requests alone, beside
200 stuck origins, and beside 200 names whose servers are silent. At last, 256 origins send 1 MB each and then stay. The
third argument is how long the web thinks about a page. It ends with 1 where a bar is not met.

On a machine with other work, compare the ratios, and look at the CPU: requests a second of the service's own CPU time
do not depend on how much of it was left. How much of core 1 the clients and the web used, and how late requests were
sent (the 99th percentile), shows whether the service was measured: a latency counts from the time when its request was
due.
"""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import quote, urlsplit

import uvloop

from tests import client
from tests.benchmarks import web
from tests.benchmarks.load import Running, cpu, met, running, spread
from tests.benchmarks.openloop import LoadGenerator, LoadResult, Path
from tests.exposition import Exposition
from tests.hostile import serve

HOSTS = 200
STUCK = 200
HOARDERS = 256
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    "NAMES": '{"silent.example": []}',  # and nobody asks for another name
}
SERVE = [sys.executable, "-m", serve.__name__]


@dataclass(frozen=True)
class LocalWeb:
    """The web that the service fetches from."""

    port: int
    pid: int


@contextlib.contextmanager
def local_web() -> Iterator[LocalWeb]:
    """A web on core 1."""
    command = ["taskset", "-c", "1", sys.executable, "-m", web.__name__, str(HOSTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield LocalWeb(int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()


@dataclass(frozen=True)
class Measured:
    """A run, and the CPU in it: the service's, and that of its clients and of the web together."""

    result: LoadResult
    cpu: float  # seconds
    others: float  # seconds, likewise
    saturation: float

    @property
    def good(self) -> float:
        return self.result.per_second()

    @property
    def per_cpu_second(self) -> float:
        """Pages a second of the service's own CPU time; those of the warm-up are counted in neither."""
        return self.result.count() / self.cpu


def saturation(service: Running) -> float:
    return Exposition(client.request(service.management, "/metrics").body.decode()).value(
        "scrap_admission_saturation_ratio"
    )


async def measured(
    service: Running, local: LocalWeb, path: Path, *, clients: int = 0, rate: float = 0, seconds: float
) -> Measured:
    """Sends requests for a while; the half second before it is not counted."""
    generator = LoadGenerator(service.url, path)
    warm = 0.5
    requests = asyncio.ensure_future(
        generator.at_most(clients, seconds, warm=warm) if clients else generator.at(rate, seconds, warm=warm)
    )
    await asyncio.sleep(warm)
    before = [cpu(service.pid), cpu(os.getpid()) + cpu(local.pid)]
    await asyncio.sleep(seconds - 0.05)
    after = [cpu(service.pid), cpu(os.getpid()) + cpu(local.pid)]
    saturated = await asyncio.to_thread(saturation, service)
    return Measured(await requests, after[0] - before[0], after[1] - before[1], saturated)


@contextlib.asynccontextmanager
async def stuck_clients(base: str, page: str, many: int) -> AsyncIterator[None]:
    """Clients that request pages that never come, again after each response.

    They begin one by one, within the time that a silent name takes: else their responses, and their next requests, come
    in bursts.

    Args:
        page: its URL, but for `{host}`, one of the web's addresses, and `{number}`, another for each request.
    """
    split = urlsplit(base)
    numbers = count()

    async def request() -> None:
        while True:
            reader, writer = await asyncio.open_connection(split.hostname, split.port)
            try:
                number = next(numbers)
                url = quote(page.format(host=web.host(number % HOSTS), number=number), safe="")
                writer.write(f"GET /api/v1/scrap?url={url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                await reader.read(1000)
            finally:
                writer.transport.abort()

    tasks = []
    for _ in range(many):
        tasks.append(asyncio.ensure_future(request()))
        await asyncio.sleep(serve.SILENCE / many)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(1.5)  # fetches under way go on for a second without their clients


async def rounds_of(
    service: Running, local: LocalWeb, path: Path, rounds: int, seconds: float
) -> dict[str, list[Measured]]:
    names = ("peak", "more clients", "quiet", "four times", "healthy", "beside the stuck", "beside the silent")
    runs: dict[str, list[Measured]] = {name: [] for name in names}
    await measured(service, local, path, clients=32, seconds=1)
    for _ in range(rounds):
        runs["peak"].append(await measured(service, local, path, clients=32, seconds=seconds))
        peak = runs["peak"][-1].good
        runs["more clients"].append(await measured(service, local, path, clients=64, seconds=seconds))
        runs["quiet"].append(await measured(service, local, path, rate=peak / 5, seconds=seconds))
        runs["four times"].append(await measured(service, local, path, rate=peak * 4, seconds=seconds))
        await asyncio.sleep(serve.SILENCE)  # as before the two below: a core that has just worked answers sooner
        runs["healthy"].append(await measured(service, local, path, clients=16, seconds=seconds))
        async with stuck_clients(service.url, f"http://{{host}}:{local.port}/stuck?{{number}}", STUCK):
            runs["beside the stuck"].append(await measured(service, local, path, clients=16, seconds=seconds))
        async with stuck_clients(service.url, f"http://n{{number}}.silent.example:{local.port}/", STUCK):
            runs["beside the silent"].append(await measured(service, local, path, clients=16, seconds=seconds))
    return runs


async def rejections(local: LocalWeb, rounds: int) -> tuple[list[float], list[float]]:
    """How long a rejection takes where all slots and the queue are taken, and what it costs in CPU."""
    small = SETTINGS | {"SCRAP_MAX_FETCHES": "100", "SCRAP_MAX_WAITING": "1", "SCRAP_MAX_WAIT": "60"}
    small |= {"SCRAP_FIRST_BYTE_SECONDS": "60", "SCRAP_DEADLINE": "60"}  # a stuck fetch stays stuck
    slow, cost = [], []
    numbers = count()
    with running(SERVE, os.environ | small) as service:
        async with stuck_clients(service.url, f"http://{{host}}:{local.port}/stuck?{{number}}", 101):
            for _ in range(rounds):
                path = lambda: f"/api/v1/scrap?url=http%3A%2F%2Fexample.com%2F{next(numbers)}"  # noqa: E731 - a thunk
                one = await measured(service, local, path, clients=1, seconds=1)
                slow += one.result.times.get(503, [])
                many = await measured(service, local, path, clients=16, seconds=1)
                cost.append(many.cpu / many.result.count(503) * 1e6)
    return slow, cost


def report(
    runs: dict[str, list[Measured]], rss: tuple[float, float], rejected: tuple[list[float], list[float]]
) -> list[tuple[bool, str]]:
    """Prints the table; returns the bars, and whether they are met."""
    for name, measures in runs.items():
        print(
            f"{name:17} good {spread([m.good for m in measures], ' /s')}, "
            f"p50 {spread([m.result.percentile(50) for m in measures], ' ms')}, "
            f"p99 {spread([m.result.percentile(99) for m in measures], ' ms')}, "
            f"{spread([m.cpu / m.result.seconds * 100 for m in measures], ' %')} of the core, "
            f"clients and web {spread([m.others / m.result.seconds * 100 for m in measures], ' %')} of theirs, "
            f"late {spread([m.result.lateness for m in measures], ' ms')}, "
            f"saturation {spread([m.saturation for m in measures])}"
        )
    over, peak, quiet, healthy = (runs[name] for name in ("four times", "peak", "quiet", "healthy"))
    goodput = [o.good / p.good for o, p in zip(over, peak, strict=True)]
    slower = [o.result.percentile(99) / q.result.percentile(99) for o, q in zip(over, quiet, strict=True)]
    print(f"offered at four times  {spread([m.result.sent / m.result.seconds for m in over], ' /s')}")
    print(f"goodput, of the peak   {spread(goodput)}")
    most = [o.good / m.good for o, m in zip(over, runs["more clients"], strict=True)]
    print(f"and of what 64 clients get, with the latency in the table: {spread(most)}")
    print(f"the same, a CPU second {per_cpu_second(over, peak)}")
    print(f"p99, of the quiet one  {spread(slower)}")
    print(f"p99 of rejections      {spread([m.result.percentile(99, 503) for m in over], ' ms')} at four times")
    beside: dict[str, float] = {}
    for name in ("beside the stuck", "beside the silent"):
        shares = [b.good / h.good for b, h in zip(runs[name], healthy, strict=True)]
        beside[name] = statistics.median(shares)
        print(f"{name:22} {spread(shares)} of the healthy; a CPU second {per_cpu_second(runs[name], healthy)}")
    slow, cost = rejected
    within = sorted(slow)[int(len(slow) * 0.99)]
    print(f"a saturated service rejects in {spread(slow, ' ms')}, 99 % within {within:.2f} ms")
    page = 1e6 / statistics.median(m.per_cpu_second for m in peak)
    rejection = statistics.median(cost)
    print(f"CPU: a page {page:.0f} µs, a rejection {rejection:.1f} µs ({rejection / page:.1%})")
    results = [m.result for measures in runs.values() for m in measures]
    odd = sum((result.others for result in results), start=Counter[int]())
    lost = sum(result.lost for result in results)
    print(
        f"other responses {dict(odd)}, lost {lost}; most memory {rss[0]:.0f} MiB, with {HOARDERS} hoarders {rss[1]:.0f}"
    )
    return [
        (statistics.median(goodput) >= 0.85, "at four times the peak, 85 % of its goodput"),
        (statistics.median(slower) <= 2.5, "and a 99th percentile of at most 2.5 times the quiet one"),
        (beside["beside the stuck"] >= 0.90, f"beside {STUCK} stuck origins, 90 % of the healthy throughput"),
        (beside["beside the silent"] >= 0.90, f"beside {STUCK} silent names, 90 % of the healthy throughput"),
        (within < 10, "99 % of a saturated service's rejections within 10 ms"),
        (max(rss) <= 150, f"at most 150 MiB, {HOARDERS} hoarders included"),
        (not odd and not lost, "nothing but pages and rejections, and nothing lost"),
    ]


def per_cpu_second(some: list[Measured], others: list[Measured]) -> str:
    """The ratio of the pages a second of the service's own CPU time."""
    return spread([one.per_cpu_second / other.per_cpu_second for one, other in zip(some, others, strict=True)])


async def main(rounds: int, seconds: float, think: int) -> None:
    """Measures, prints the table, and ends with 1 where a bar is not met."""
    os.sched_setaffinity(0, {1})
    numbers = count()
    with local_web() as local:

        def path() -> str:
            return f"/api/v1/scrap?url={web.page(local.port, next(numbers), hosts=HOSTS, ms=think)}"

        with running(SERVE, os.environ | SETTINGS) as service:
            runs = await rounds_of(service, local, path, rounds, seconds)
            before = service.rss("VmHWM")
            async with stuck_clients(service.url, f"http://{{host}}:{local.port}/hoard?{{number}}", HOARDERS):
                await measured(service, local, path, clients=4, seconds=seconds)
            rss = (before, service.rss("VmHWM"))
        rejected = await rejections(local, rounds)
    print(f"{rounds} rounds of {seconds:g} s, the web thinks for {think} ms; median (least to most)")
    sys.exit(not met(report(runs, rss, rejected)))


if __name__ == "__main__":
    given = [float(argument) for argument in sys.argv[1:]]
    uvloop.run(main(int(given[0]) if given else 5, given[1] if given[1:] else 3.0, int(given[2]) if given[2:] else 20))
