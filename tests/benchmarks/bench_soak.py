"""Mixed abuse for minutes: afterwards the service is as it was. Memory within 10 %, no internal error, nothing leaked.

    python -m tests.benchmarks.bench_soak [minutes]

All at once: every response of the hostile web, slow-loris clients, clients that do not read, half-open connections,
bytes that are no HTTP, stampedes that leave half-way, pages that come once and push each other out of the cache, and
calls that are answered from it. Before and after, when all have gone, the service is counted: memory, sockets, tasks.
What comes before is no part of it: 10,000 calls fill what is bounded by entries, and three minutes of abuse the
allocator, whose heap grows for two (by 15 % after the first) and then no more.
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests import client
from tests.benchmarks.load import Running, met, running
from tests.benchmarks.openloop import LoadGenerator
from tests.exposition import Exposition
from tests.hostile.answers import CARD, EVERY, by_path, page
from tests.hostile.origin import serving

SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    # Everything ends sooner than it would, so that it happens more often.
    "SCRAP_DEADLINE": "3",
    "SCRAP_FIRST_BYTE_SECONDS": "2",
    "SCRAP_REQUEST_SECONDS": "2",
    "SCRAP_WRITE_SECONDS": "2",
    "SCRAP_CACHE_BYTES": str(4 << 20),
    "SCRAP_CONNECTIONS": "256",
}
PATH = "/api/v1/scrap"
PATIENCE = 20.0  # seconds
WARM = 180.0  # likewise
EXPECTED = {200, 403, 502, 503, 504}  # the statuses that a call for a page of this web may have
GOOD = CARD + b"<p>x</p>" * 4000
NOISE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /api/v1/scrap?url=x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nabc",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"GET /api/v1/scrap?url=http%3A%2F%2F10.0.0.1%2F HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
]
rng = random.Random(5)  # noqa: S311 - the same abuse every time


@dataclass
class Abuse:
    """Where to and what with."""

    host: str
    port: int
    web: str
    statuses: Counter[int]
    unanswered: Counter[str]  # calls that had a right to an answer and got none, by what they got

    def call(self, url: str) -> bytes:
        return f"GET /api/v1/scrap?url={quote(url, safe='')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    @contextlib.asynccontextmanager
    async def connection(self):  # type: ignore[no-untyped-def]  # a context manager of this file alone
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def ask(self, url: str, patience: float = PATIENCE) -> None:
        """One call, as it should be."""
        try:
            async with asyncio.timeout(patience), self.connection() as (reader, writer):
                writer.write(self.call(url))
                head = await reader.readuntil(b"\r\n\r\n")
                self.statuses[int(head[9:12])] += 1
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            if patience == PATIENCE:  # else the client left
                self.unanswered[type(error).__name__] += 1
            raise

    async def hostile(self) -> None:
        await self.ask(self.web + rng.choice(list(EVERY)) + f"?n={rng.random()}")

    async def churn(self) -> None:
        await self.ask(f"{self.web}/good?n={rng.random()}")

    async def hit(self) -> None:
        await self.ask(f"{self.web}/good?n=1")

    async def stampede(self) -> None:
        url = f"{self.web}/good?s={rng.random()}"
        await asyncio.gather(*(self.ask(url, rng.choice((0.002, PATIENCE))) for _ in range(30)), return_exceptions=True)
        await asyncio.sleep(0.5)

    async def loris(self) -> None:
        async with self.connection() as (_, writer):
            for byte in self.call(f"{self.web}/good"):
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0.3)

    async def deaf(self) -> None:
        """Asks and asks, and reads nothing."""
        async with asyncio.timeout(8), self.connection() as (reader, writer):
            reader._transport.pause_reading()
            while True:
                writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.002)

    async def half(self) -> None:
        async with self.connection() as (reader, writer):
            request = self.call(f"{self.web}/good?n={rng.random()}")
            writer.write(request[: rng.randrange(len(request) + 1)])
            if rng.random() < 0.5:
                writer.write_eof()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), rng.choice((0.01, 3)))

    async def noise(self) -> None:
        async with asyncio.timeout(5), self.connection() as (reader, writer):
            writer.write(rng.choice(NOISE))
            await reader.read(65536)

    async def silence(self) -> None:
        async with asyncio.timeout(5), self.connection() as (reader, _):
            await reader.read()


async def for_ever(act: Callable[[], Awaitable[None]], until: float) -> None:
    while time.monotonic() < until:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            await act()
        await asyncio.sleep(0.02)


async def abuse(whom: Abuse, seconds: float) -> None:
    """Everything at once."""
    until = time.monotonic() + seconds
    crowds = [
        (whom.hostile, 12), (whom.churn, 6), (whom.hit, 4), (whom.stampede, 1), (whom.loris, 20),
        (whom.deaf, 8), (whom.half, 6), (whom.noise, 4), (whom.silence, 10),
    ]  # fmt: skip
    await asyncio.gather(*(for_ever(act, until) for act, count in crowds for _ in range(count)))


@dataclass(frozen=True)
class State:
    """The service when nobody calls."""

    rss: float  # MB
    sockets: int
    threads: int
    tasks: list[str]
    in_flight: tuple[float, float, float]


def figures(service: Running) -> Exposition:
    return Exposition(client.request(service.management, "/metrics").body.decode())


def tasks_of(service: Running, tasks_file: Path) -> list[str]:
    """Asks it for the names of its tasks."""
    tasks_file.unlink(missing_ok=True)
    os.kill(service.pid, signal.SIGUSR1)
    for _ in range(100):
        time.sleep(0.1)
        if tasks_file.exists() and tasks_file.read_text().endswith("\n"):
            break
    return tasks_file.read_text().split()


async def at_rest(service: Running, tasks_file: Path) -> State:
    """Waits until nothing is under way, for 40 seconds at most, and counts."""
    process = Path(f"/proc/{service.pid}")
    names = ("scrap_requests_in_flight", "scrap_admission_in_flight", "scrap_admission_waiting")
    in_flight = (1.0, 1.0, 1.0)
    for _ in range(40):
        await asyncio.sleep(1)
        seen = figures(service)
        in_flight = tuple(seen.value(name) for name in names)  # type: ignore[assignment]  # three of them
        if not any(in_flight):
            break
    await asyncio.sleep(3)  # for what ends after its call
    tasks = await asyncio.to_thread(tasks_of, service, tasks_file)
    sockets = 0
    for entry in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            sockets += str(entry.readlink()).startswith("socket:")
    status = (process / "status").read_text()
    rss, threads = (int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "Threads"))
    return State(rss / 1024, sockets, threads, tasks, in_flight)


async def main(minutes: float = 10) -> None:
    """Abuses it, prints what changed; ends with 1 where a bar is not met."""
    tasks_file = Path(tempfile.mkdtemp()) / "tasks"
    command = [sys.executable, "-m", "tests.benchmarks.watched"]
    environment = os.environ | SETTINGS | {"WATCHED_TO": str(tasks_file)}
    answers = by_path({**EVERY, "/good": page(GOOD)})
    with running(command, environment) as service:
        async with serving(answers) as origin:
            split = urlsplit(service.url)
            whom = Abuse(split.hostname or "", split.port or 0, f"http://127.0.0.1:{origin.port}", Counter(), Counter())
            numbers = count()
            filling = LoadGenerator(
                service.url, lambda: f"{PATH}?url=http%3A%2F%2F10.0.0.1%2F{'x' * 80}{next(numbers)}"
            )
            while next(numbers) < 10_000:
                await filling.at_most(16, 1)
            await abuse(whom, WARM)
            before = await at_rest(service, tasks_file)
            print(f"after {WARM:g} s of warming up: {before.rss:.0f} MB, {before.sockets} sockets", flush=True)
            whom.statuses.clear()
            whom.unanswered.clear()
            most = 0.0
            for _ in range(max(1, round(minutes * 2))):
                await abuse(whom, 30)
                origin.requests.clear()
                print(f"{service.rss():.0f} MB", end=" ", flush=True)
                most = max(most, service.rss("VmHWM"))
            after = await at_rest(service, tasks_file)
            calls = figures(service)
        errors = sum(
            sample.value
            for sample in calls.families["scrap_requests"].samples
            if sample.labels.get("outcome") == "internal_error"
        )
        lines = service.errors()
    print(f"\nanswers seen: {dict(sorted(whom.statuses.items()))}, calls without one: {dict(whom.unanswered)}")
    print(f"{'':24}{'before':>10}{'after':>10}")
    for name in ("rss", "sockets", "threads", "in_flight"):
        first, last = getattr(before, name), getattr(after, name)
        print(f"{name:24}{first if name != 'rss' else round(first):>10}{last if name != 'rss' else round(last):>10}"
              if name != "in_flight" else f"{name:24}{first!s:>10} {last!s:>10}")  # fmt: skip
    print(f"{'tasks':24}{len(before.tasks):>10}{len(after.tasks):>10}")
    print(f"most memory {most:.0f} MB, errors of ours {errors:g}, lines at error {len(lines)}")
    for line in lines[:5]:
        print("  ", line.strip()[:2000])
    more = Counter(after.tasks) - Counter(before.tasks)
    bars = [
        (abs(after.rss / before.rss - 1) <= 0.10, "the same memory afterwards, within 10 %"),
        (most <= 150, "at most 150 MiB"),
        (after.sockets <= before.sockets and not any(after.in_flight), "no socket and no call left behind"),
        (not more, f"no task left behind {dict(more) or ''}"),
        (not errors and not lines, "no error of ours"),
        (set(whom.statuses) <= EXPECTED, f"no answer but {sorted(EXPECTED)}"),
        (not whom.unanswered, "every call has its answer"),
    ]
    sys.exit(not met(bars))


if __name__ == "__main__":
    asyncio.run(main(*(float(argument) for argument in sys.argv[1:])))
