"""Hostile pages, many at once: memory, response bytes, the event loop, a bystander, and the deadline.

    python -m tests.benchmarks.bench_bombs [--requests N] [--seconds S] [--check] [NAME…]

For each page of tests/hostile/bombs.py a fresh `scrap serve` on core 0 is asked for so many of it, all different URLs
at 64 hosts, whose responses arrive together (`--seconds`: slowly); meanwhile a bystander asks for a page that is in the
cache, every 50 ms on a new connection. The origin and the client have core 1. `html5lib-path` is another scene: hostile
pages that need html5lib, 1.4 a second, from one host and from many, and 32 honest ones from other hosts beside them.

Exits with 1 where a bar is broken; `--check` prints only that. A service that takes more than 1.5 GiB is killed, for
the machine's sake: what it has not answered by then counts as never answered.
"""

import argparse
import asyncio
import contextlib
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests import client
from tests.benchmarks.load import Running, running
from tests.exposition import Exposition
from tests.hostile.bomb_client import NONE, Bystander, Response, bystander, scrap, scrap_all
from tests.hostile.bomb_origin import BombOrigin, bomb_origin
from tests.hostile.bombs import BOMBS, CARD, HONEST, SLOW, Bomb

DEADLINE = 8.0  # seconds
PATIENCE = 2 * DEADLINE
OVER = 1.5  # seconds in which all requests are made
MEMORY = 150.0  # MiB
MOST = 1536.0  # MiB, for the machine's sake
P99 = 0.25  # seconds, of the bystander
LATE = 1.0  # seconds after the deadline
RESPONSE = 131_072  # bytes
PATH, HOSTILE_PER_SECOND, HONEST_PAGES = "html5lib-path", 1.4, 32
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    "SCRAP_DEADLINE": str(DEADLINE),
}


@dataclass(frozen=True)
class Run:
    """What one page did.

    Attributes:
        memory: MiB at the peak.
        lag: seconds of the longest lag of the event loop; infinite where the process could not say.
    """

    bomb: Bomb
    responses: Sequence[Response]
    bystander: Bystander
    memory: float
    lag: float

    @property
    def statuses(self) -> Counter[int]:
        return Counter(response.status for response in self.responses)

    @property
    def largest(self) -> int:
        return max(response.size for response in self.responses)

    @property
    def late(self) -> float:
        """Seconds from the deadline to the last response."""
        return max(r.seconds if r.status != NONE else math.inf for r in self.responses) - DEADLINE

    @property
    def broken(self) -> list[str]:
        """The bars that are broken."""
        bars = {
            f"memory {self.memory:.0f} MiB > {MEMORY:.0f}": self.memory <= MEMORY,
            f"bystander p99 {1000 * self.bystander.percentile(99):.0f} ms > {1000 * P99:.0f}": (
                self.bystander.percentile(99) <= P99
            ),
            f"a response {self.late:.1f} s after the deadline > {LATE:.0f}": self.late <= LATE,
            f"a response of {self.largest:,} bytes > {RESPONSE:,}": self.largest <= RESPONSE,
            f"{self.statuses[500]} times 500": not self.statuses[500],
        }
        return [bar for bar, holds in bars.items() if not holds]

    def __str__(self) -> str:
        statuses = " ".join(f"{count}x{status or 'none'}" for status, count in sorted(self.statuses.items()))
        seconds = (self.bystander.percentile(50), self.bystander.percentile(99), self.bystander.percentile(100))
        return (
            f"{self.bomb.name:40}{len(self.bomb.page()[1]):>10,}{self.largest:>13,}{self.memory:>8.0f}"
            f"{1000 * self.lag:>8.0f}{''.join(f'{1000 * s:>8.0f}' for s in seconds)}{self.late:>7.1f}  {statuses}"
        )


HEADS = f"{'':40}{'wire B':>10}{'response B':>13}{'MiB':>8}{'lag ms':>8}{'p50 ms':>8}{'p99':>8}{'max':>8}{'late s':>7}"


async def watch(service: Running, peak: list[float]) -> None:
    """Keeps the peak of a service's memory, in MiB; kills one that takes too much."""
    with contextlib.suppress(AssertionError, OSError):  # it has died
        while True:
            peak[0] = service.rss("VmHWM")
            if peak[0] > MOST:
                os.kill(service.pid, signal.SIGKILL)
            await asyncio.sleep(0.02)


async def lag(service: Running) -> float:
    """Seconds of the longest lag of the event loop; infinite where the process cannot say."""
    try:
        metrics = await asyncio.to_thread(client.request, service.management, "/metrics")
    except OSError:
        return math.inf
    if metrics.status != 200:
        return math.inf
    return Exposition(metrics.body.decode()).value("scrap_event_loop_lag_max_seconds")


async def measure(bomb: Bomb, origin: BombOrigin, requests: int, seconds: float) -> Run:
    """Asks a fresh service for so many of one page at once, each sent for so many seconds."""
    settings = SETTINGS | {"SCRAP_MAX_FETCHES": str(requests), "SSL_CERT_FILE": str(origin.trust)}
    with running([sys.executable, "-m", "scrap", "serve"], os.environ | settings) as service:
        peak = [math.inf]
        watching = asyncio.create_task(watch(service, peak))
        card = origin.url(CARD, 0)
        await scrap(service.url, card, patience=PATIENCE)
        at = time.monotonic() + OVER + 0.5
        urls = [origin.url(bomb, number, at=at, seconds=seconds) for number in range(requests)]
        async with bystander(service.url, card, patience=PATIENCE) as beside:
            responses = await scrap_all(service.url, urls, over=OVER, patience=PATIENCE)
        longest = await lag(service)
        watching.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.kill(service.pid, signal.SIGKILL)  # what it still has to do is nobody's business
        return Run(bomb, responses, beside, peak[0], longest)


async def html5lib_path(origin: BombOrigin, *, hosts: int, seconds: float = 16.0) -> bool:
    """Asks for honest pages beside hostile ones, both for html5lib; returns whether every honest one was had."""
    step = 1 if hosts > 1 else origin.addresses
    urls = [origin.url(SLOW[at % len(SLOW)], at * step) for at in range(int(seconds * HOSTILE_PER_SECOND))]
    honest = [origin.url(HONEST, origin.addresses // 2 + number) for number in range(HONEST_PAGES)]
    with running([sys.executable, "-m", "scrap", "serve"], os.environ | SETTINGS) as service:
        attack = asyncio.create_task(scrap_all(service.url, urls, over=seconds, patience=PATIENCE))
        await asyncio.sleep(seconds / 4)
        responses = await scrap_all(service.url, honest, over=seconds / 2, patience=PATIENCE)
        attacked = Counter(response.status for response in await attack)
    had = sum(response.status == 200 and b'"og:title"' in response.start for response in responses)
    statuses = dict(Counter(response.status for response in responses))
    longest = max(response.seconds for response in responses)
    which = "one host" if hosts == 1 else "many hosts"
    print(
        f"{PATH} {which:12} {had} of {len(honest)} honest pages {statuses}, {longest:.1f} s; hostile {dict(attacked)}"
    )
    return had == len(honest)


async def run(names: Sequence[str], requests: int, seconds: float, *, is_check: bool) -> bool:
    """Runs all; returns whether every bar holds."""
    holds = True
    with bomb_origin() as origin:
        if not is_check:
            print(f"{requests} at once\n{HEADS}")
        for name in names:
            if name == PATH:
                holds &= all([await html5lib_path(origin, hosts=hosts) for hosts in (1, HONEST_PAGES)])
                continue
            measured = await measure(BOMBS[name], origin, requests, seconds)
            if not is_check:
                print(measured, flush=True)
            for bar in measured.broken:
                print(f"BROKEN  {name}: {bar}", flush=True)
                holds = False
    return holds


def main() -> int:
    """Reads the arguments, runs, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench_bombs")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *BOMBS, PATH], help="all by default")
    parser.add_argument("--requests", type=int, default=256, help="at once; SCRAP_MAX_FETCHES is the same")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="for which each response is sent; at once by default"
    )
    parser.add_argument("--check", action="store_true", help="say only what is broken")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    names = arguments.names or [*BOMBS, PATH]
    return not asyncio.run(run(names, arguments.requests, arguments.seconds, is_check=arguments.check))


if __name__ == "__main__":
    sys.exit(main())
