"""How late the event loop is while a page takes long: `python -m tests.benchmarks.bench_stall`.

Ratios within one run count; the absolute times are this machine's. Exits with 1 where a promise is not kept.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import uvloop

from scrap.app import SWITCH_INTERVAL
from scrap.opengraph import PageReader, open_graph, read_with_html5lib
from tests.reference import finished

PAGES = 20  # read one after the other, while the loop is watched
TICK = 0.001  # seconds between two looks
TIMES_ON_LOOP = 5  # so much later at the 99th percentile where the work is done on the loop
TIMES_USUAL = 2  # and at the median with Python's own switch interval

Work = Callable[[], object]
META = b'<meta property="og:image" content="a">'


def html5lib() -> object:
    """A page of 50 KiB that only html5lib can read."""
    return read_with_html5lib("<svg>" + "<p class=x>lorem <b>ipsum</b></p>" * 1500)


def fast_path() -> object:
    """A page of 1 MiB with more metas than any real one has."""
    reader = PageReader(charset="utf-8")
    reader.feed(META * (2**20 // len(META)))
    document = finished(reader).document
    return open_graph(document, "https://example.com/").fields if document else None


async def lateness(do: Callable[[Work], Awaitable[object]], work: Work) -> list[float]:
    """How many ms late the loop called back, while the work was done again and again."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            late.append((time.perf_counter() - due) * 1e3)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    for _ in range(PAGES):
        await do(work)
        await asyncio.sleep(0)
    watching.cancel()
    return late


async def measure(work: Work) -> bool:
    """Prints how late the loop is by where the work is done; returns whether the promises are kept."""
    loop = asyncio.get_running_loop()
    usual = sys.getswitchinterval()

    async def here(work: Work) -> None:
        work()

    with ThreadPoolExecutor(1) as pool:

        async def in_executor(work: Work) -> None:
            await loop.run_in_executor(pool, work)

        print(f"\n{work.__doc__}\n{'ms late':36}{'median':>9}{'99 %':>9}{'most':>9}")
        found: list[tuple[float, float]] = []
        for name, do, interval in (
            ("on the loop", here, usual),
            (f"in a thread, switched every {usual * 1e3:g} ms", in_executor, usual),
            (f"in a thread, switched every {SWITCH_INTERVAL * 1e3:g} ms", in_executor, SWITCH_INTERVAL),
        ):
            sys.setswitchinterval(interval)
            late = await lateness(do, work)
            sys.setswitchinterval(usual)
            median, last = statistics.median(late), statistics.quantiles(late, n=100)[-1]
            found.append((median, last))
            print(f"{name:36}{median:9.2f}{last:9.2f}{max(late):9.2f}", flush=True)
    on_loop, switched_usually, ours = found
    return ours[1] * TIMES_ON_LOOP <= on_loop[1] and ours[0] * TIMES_USUAL <= switched_usually[0]


def main() -> int:
    """Runs all; returns the number of promises that were not kept."""
    kept = [uvloop.run(measure(work)) for work in (html5lib, fast_path)]
    print(f"\n{sum(kept)} of {len(kept)} promises kept")
    return len(kept) - sum(kept)


if __name__ == "__main__":
    sys.exit(main())
