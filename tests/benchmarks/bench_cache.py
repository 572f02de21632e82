"""What the cache and admission cost, each beside the least that could do the same, in one run.

    python tests/benchmarks/bench_cache.py [--rounds 15]

Both sides of a line take turns, so a wandering machine wanders for both: compare the ratios. The lines with a server
need redis-server on PATH and are left out without it.
"""

import argparse
import asyncio
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvloop
from redis.asyncio import Redis

from scrap.admission import Admission, AdmissionLimits
from scrap.cache import Cache, CacheLimits, SharedSettings
from scrap.cache.entry import decode, encode, preview
from scrap.cache.flight import Flights
from scrap.cache.freshness import Freshness, FreshnessPolicy, of_page
from scrap.errors import Outcome
from scrap.events import ignore

BODY = b'{"title":"' + b"x" * 1_980 + b'"}'
ENTRY = preview(BODY, Outcome.OK, Freshness(3600, 60, 60), now=time.time())
KEYS = [f"https://example.com/{number}" for number in range(1000)]
HEADERS = {
    b"content-type": [b"text/html; charset=utf-8"],
    b"date": [b"Mon, 23 Nov 2026 09:00:00 GMT"],
    b"cache-control": [b"public, max-age=300, stale-while-revalidate=60"],
    b"expires": [b"Mon, 23 Nov 2026 09:05:00 GMT"],
    b"age": [b"17"],
}

# Does its work so many times.
Work = Callable[[int], Awaitable[object]]


async def duel(name: str, ours: Work, theirs: Work, times: int, rounds: int) -> None:
    """Prints the median cost of one time of each, the quartiles of the service, and the ratio."""
    costs: dict[Work, list[float]] = {ours: [], theirs: []}
    for number in range(rounds + 2):
        for work in (ours, theirs) if number % 2 else (theirs, ours):
            started = time.perf_counter()
            await work(times)
            if number >= 2:  # warm
                costs[work].append((time.perf_counter() - started) / times * 1e6)
    low, _, high = statistics.quantiles(costs[ours], n=4)
    mine, other = statistics.median(costs[ours]), statistics.median(costs[theirs])
    print(f"{name:58} {mine:9.3f} {low:9.3f} - {high:9.3f} {other:9.3f} {mine / other:7.2f}")


async def memory(rounds: int) -> None:
    cache = Cache(CacheLimits(), SharedSettings(), emit=ignore)
    plain = dict.fromkeys(KEYS, ENTRY)
    for key in KEYS:
        cache.put(key, ENTRY)

    async def from_memory(times: int) -> None:
        look = cache.from_memory
        for _ in range(times // len(KEYS)):
            for key in KEYS:
                look(key)

    async def get(times: int) -> None:
        look = plain.get
        for _ in range(times // len(KEYS)):
            for key in KEYS:
                look(key)

    async def put(times: int) -> None:
        for number in range(times):
            cache.put(KEYS[number % len(KEYS)], ENTRY)

    async def store(times: int) -> None:
        for number in range(times):
            plain[KEYS[number % len(KEYS)]] = ENTRY

    await duel("from_memory, a fresh hit / dict.get", from_memory, get, 100_000, rounds)
    await duel("put / a dict's", put, store, 20_000, rounds)


async def decisions(rounds: int) -> None:
    data = encode(KEYS[0], ENTRY)
    now = time.time()

    async def nothing(times: int) -> None:
        for _ in range(times):
            time.time()

    async def fresh(times: int) -> None:
        for _ in range(times):
            of_page(HEADERS, now=now, policy=FreshnessPolicy())

    async def write(times: int) -> None:
        for _ in range(times):
            encode(KEYS[0], ENTRY)

    async def read(times: int) -> None:
        for _ in range(times):
            decode(KEYS[0], data)

    await duel("freshness of a page / time.time()", fresh, nothing, 1_000, rounds)
    await duel("an entry of 2 KB encoded / time.time()", write, nothing, 1_000, rounds)
    await duel("an entry of 2 KB decoded / time.time()", read, nothing, 1_000, rounds)


async def flights(rounds: int) -> None:
    flights: Flights[str] = Flights(emit=ignore)

    async def fetch() -> str:
        await asyncio.sleep(0.001)
        return "page"

    async def stampede(times: int) -> None:
        await asyncio.gather(*(flights.run("k", fetch) for _ in range(times)))

    async def waiting(times: int) -> None:
        work = asyncio.create_task(fetch())

        async def wait() -> str:
            return await work

        await asyncio.gather(*(wait() for _ in range(times)))

    await duel("a request in a stampede of 1,000 / awaiting one task", stampede, waiting, 1_000, rounds)


async def slots(rounds: int) -> None:
    admission = Admission(AdmissionLimits(capacity=64, waiting=2_000, max_wait=60))
    semaphore = asyncio.Semaphore(64)

    async def enter(times: int) -> None:
        for _ in range(times):
            with await admission.enter():
                pass

    async def acquire(times: int) -> None:
        for _ in range(times):
            async with semaphore:
                pass

    async def ours() -> None:
        with await admission.enter():
            await asyncio.sleep(0)

    async def theirs() -> None:
        async with semaphore:
            await asyncio.sleep(0)

    async def crowd(times: int) -> None:
        await asyncio.gather(*(ours() for _ in range(times)))

    async def crowd_of_theirs(times: int) -> None:
        await asyncio.gather(*(theirs() for _ in range(times)))

    await duel("enter and leave an idle admission / asyncio.Semaphore", enter, acquire, 20_000, rounds)
    await duel("1,000 through 64 slots / asyncio.Semaphore", crowd, crowd_of_theirs, 1_000, rounds)


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            await process.wait()


async def shared(rounds: int) -> None:
    async with server() as url:
        cache = Cache(CacheLimits(memory=0), SharedSettings(url, retry_first=0.01, retry_last=0.05), emit=ignore)
        cache.start()
        client = Redis.from_url(url, protocol=2)
        async with asyncio.timeout(10):
            while not cache.shared_up:
                await asyncio.sleep(0.01)
        for key in KEYS:
            cache.put(key, ENTRY)
            await client.set(key, BODY)

        async def one_by_one(times: int) -> None:
            for number in range(times):
                assert await cache.from_shared(KEYS[number]) is not None

        async def theirs(times: int) -> None:
            for number in range(times):
                assert await client.get(KEYS[number]) is not None

        async def together(times: int) -> None:
            for start in range(0, times, 32):
                await asyncio.gather(*(cache.from_shared(key) for key in KEYS[start : start + 32]))

        async def theirs_together(times: int) -> None:
            for start in range(0, times, 32):
                await asyncio.gather(*(client.get(key) for key in KEYS[start : start + 32]))

        await duel("a shared hit of 2 KB, alone / redis-py's get", one_by_one, theirs, 320, rounds)
        await duel("a shared hit of 2 KB, 32 at once / redis-py's get", together, theirs_together, 320, rounds)
        await client.aclose()
        await cache.aclose()


async def main(rounds: int) -> None:
    print(f"{'ours / the other; microseconds':58} {'median':>9} {'quartiles':>21} {'other':>9} {'ratio':>7}")
    for part in (memory, decisions, flights, slots):
        await part(rounds)
    if shutil.which("redis-server"):
        await shared(rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    uvloop.run(main(parser.parse_args().rounds))
