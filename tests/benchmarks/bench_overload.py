"""Too much at once: what is served, how fast, and what saying no costs.

    python -m tests.benchmarks.bench_overload [rounds] [seconds] [milliseconds]

The service has core 0; its callers and the web that it fetches from have core 1. Every page is new. Each round
measures, one after the other on the same service: the peak (32 callers who call as soon as they were answered), a
quiet time (a fifth of that, calls at random times), and four times the peak; then the healthy calls beside 200
stuck origins. The third argument is how long the web thinks about a page.

On a machine that others use as well, compare the ratios, and look at the CPU: calls a second of the service's own CPU
time do not depend on how much of it was left.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import quote, urlsplit

import uvloop

from tests import client
from tests.benchmarks import web
from tests.benchmarks.load import Running, running, spread
from tests.benchmarks.openloop import Crowd, Path, Tally
from tests.exposition import Exposition

HOSTS = 60
STUCK = 200
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
}


@contextlib.contextmanager
def local_web() -> Iterator[int]:
    """A web on core 1; gives its port."""
    command = ["taskset", "-c", "1", sys.executable, "-m", web.__name__, str(HOSTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@dataclass(frozen=True)
class Measured:
    """A run, and the service's CPU in it."""

    tally: Tally
    cpu: float  # seconds
    saturation: float

    @property
    def good(self) -> float:
        return self.tally.per_second()

    @property
    def per_cpu_second(self) -> float:
        """Pages a second of the service's own CPU time; those of the warm-up are counted in neither."""
        return self.tally.count() / self.cpu


def saturation(service: Running) -> float:
    return Exposition(client.request(service.management, "/metrics").body.decode()).value(
        "scrap_admission_saturation_ratio"
    )


async def measured(service: Running, path: Path, *, callers: int = 0, rate: float = 0, seconds: float) -> Measured:
    """Calls for a while; the half second before it is not counted."""
    crowd = Crowd(service.url, path)
    warm = 0.5
    calls = asyncio.ensure_future(
        crowd.at_most(callers, seconds, warm=warm) if callers else crowd.at(rate, seconds, warm=warm)
    )
    await asyncio.sleep(warm)
    before = service.cpu()
    await asyncio.sleep(seconds - 0.05)
    cpu = service.cpu() - before
    full = await asyncio.to_thread(saturation, service)
    return Measured(await calls, cpu, full)


@contextlib.asynccontextmanager
async def stuck_callers(base: str, port: int, many: int) -> AsyncIterator[None]:
    """Calls for pages that never come; who is told so calls again."""
    split = urlsplit(base)
    numbers = count()

    async def call() -> None:
        while True:
            reader, writer = await asyncio.open_connection(split.hostname, split.port)
            try:
                number = next(numbers)
                url = quote(f"http://{web.host(number % HOSTS)}:{port}/stuck?{number}", safe="")
                writer.write(f"GET /api/v1/scrap?url={url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                await reader.read(1000)
            finally:
                writer.transport.abort()

    tasks = [asyncio.ensure_future(call()) for _ in range(many)]
    await asyncio.sleep(1)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(1.5)  # those under way go on for a second without their callers


async def rounds_of(service: Running, path: Path, port: int, rounds: int, seconds: float) -> dict[str, list[Measured]]:
    names = ("peak", "quiet", "four times", "healthy", "beside the stuck")
    runs: dict[str, list[Measured]] = {name: [] for name in names}
    await measured(service, path, callers=32, seconds=1)
    for _ in range(rounds):
        runs["peak"].append(await measured(service, path, callers=32, seconds=seconds))
        peak = runs["peak"][-1].good
        runs["quiet"].append(await measured(service, path, rate=peak / 5, seconds=seconds))
        runs["four times"].append(await measured(service, path, rate=peak * 4, seconds=seconds))
        runs["healthy"].append(await measured(service, path, callers=16, seconds=seconds))
        async with stuck_callers(service.url, port, STUCK):
            runs["beside the stuck"].append(await measured(service, path, callers=16, seconds=seconds))
    return runs


async def refusals(port: int, rounds: int) -> tuple[list[float], list[float]]:
    """How long a refusal takes where all places and the waiting room are taken, and what it costs in CPU."""
    full = SETTINGS | {"SCRAP_MAX_FETCHES": "100", "SCRAP_MAX_WAITING": "1", "SCRAP_MAX_WAIT": "60"}
    full |= {"SCRAP_FIRST_BYTE_SECONDS": "60", "SCRAP_DEADLINE": "60"}  # who is stuck stays it
    slow, cost = [], []
    numbers = count()
    with running([sys.executable, "-m", "scrap", "serve"], os.environ | full) as service:
        async with stuck_callers(service.url, port, 101):
            for _ in range(rounds):
                path = lambda: f"/api/v1/scrap?url=http%3A%2F%2Fexample.com%2F{next(numbers)}"  # noqa: E731 - a thunk
                one = await measured(service, path, callers=1, seconds=1)
                slow += one.tally.times.get(503, [])
                many = await measured(service, path, callers=16, seconds=1)
                cost.append(many.cpu / many.tally.count(503) * 1e6)
    return slow, cost


def report(runs: dict[str, list[Measured]], rss: float, refused: tuple[list[float], list[float]]) -> None:
    """Prints the table."""
    for name, measures in runs.items():
        print(
            f"{name:17} good {spread([m.good for m in measures], ' /s')}, "
            f"p50 {spread([m.tally.percentile(50) for m in measures], ' ms')}, "
            f"p99 {spread([m.tally.percentile(99) for m in measures], ' ms')}, "
            f"{spread([m.cpu / m.tally.seconds * 100 for m in measures], ' %')} of the core, "
            f"saturation {spread([m.saturation for m in measures])}"
        )
    over, peak, quiet = runs["four times"], runs["peak"], runs["quiet"]
    pairs = list(zip(over, peak, quiet, strict=True))
    refusal_times = [m.tally.percentile(99, 503) for m in over]
    print(f"offered at four times  {spread([m.tally.sent / m.tally.seconds for m in over], ' /s')}")
    print(f"goodput, of the peak   {spread([o.good / p.good for o, p, _ in pairs])}   (bar: 0.90)")
    print(f"the same, a CPU second {spread([o.per_cpu_second / p.per_cpu_second for o, p, _ in pairs])}")
    print(f"p99, of the quiet one  {spread([o.tally.percentile(99) / q.tally.percentile(99) for o, _, q in pairs])}"
          "   (bar: 2)")  # fmt: skip
    print(f"p99 of the refusals    {spread(refusal_times, ' ms')} at four times; none elsewhere is expected")
    stuck = list(zip(runs["beside the stuck"], runs["healthy"], strict=True))
    print(f"beside {STUCK} stuck       {spread([s.good / h.good for s, h in stuck])} of the healthy   (bar: 0.90)")
    print(f"the same, a CPU second {spread([s.per_cpu_second / h.per_cpu_second for s, h in stuck])}")
    slow, cost = refused
    print(f"a full house says no in {spread(slow, ' ms')}, 99 % within "
          f"{sorted(slow)[int(len(slow) * 0.99)]:.2f} ms   (bar: 10)")  # fmt: skip
    page = 1e6 / sorted(m.per_cpu_second for m in peak)[len(peak) // 2]
    no = sorted(cost)[len(cost) // 2]
    print(f"CPU: a page {page:.0f} µs, a refusal {no:.1f} µs ({no / page:.1%})")
    odd = {
        name: sum((m.tally.others for m in measures), start=type(measures[0].tally.others)())
        for name, measures in runs.items()
    }
    odd_ones = {name: dict(statuses) for name, statuses in odd.items() if statuses}
    lost = {name: n for name, measures in runs.items() if (n := sum(m.tally.lost for m in measures))}
    print(f"other answers {odd_ones}, lost {lost}")
    print(f"most memory {rss:.0f} MB   (bar: 150)")


async def main(rounds: int, seconds: float, think: int) -> None:
    """Measures, and prints the table."""
    os.sched_setaffinity(0, {1})
    numbers = count()
    with local_web() as port:

        def path() -> str:
            return f"/api/v1/scrap?url={web.page(port, next(numbers), hosts=HOSTS, ms=think)}"

        with running([sys.executable, "-m", "scrap", "serve"], os.environ | SETTINGS) as service:
            runs = await rounds_of(service, path, port, rounds, seconds)
            rss = service.rss("VmHWM")
        refused = await refusals(port, rounds)
    print(f"{rounds} rounds of {seconds:g} s, the web thinks for {think} ms; median (least to most)")
    report(runs, rss, refused)


if __name__ == "__main__":
    given = [float(argument) for argument in sys.argv[1:]]
    uvloop.run(main(int(given[0]) if given else 5, given[1] if given[1:] else 3.0, int(given[2]) if given[2:] else 20))
