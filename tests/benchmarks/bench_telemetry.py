"""What telemetry costs: the same service on one core, without any, with metrics and logs, with traces as well, and with
everything over OTLP. Ends with 1 where a bar is broken.

    python -m tests.benchmarks.bench_telemetry [--rounds 16] [--seconds 3] [--only hits|misses]

Hits are answered from memory, the case in which telemetry weighs most; misses are fetched from a local origin, a page
with a head of the median size, every URL new. Each variant is a process of its own on the first core: `scrap serve`
itself but for the one without telemetry (telemetry_app). wrk, the origin, the reader of the log and the receiver of
OTLP share the second. A variant and the one before it are loaded at the same time, so that they share the core, some
milliseconds each, and all that the machine does to it. Each round has new processes, and the other one first: of two
equal ones, one may be 3 % slower for as long as it lives, by where its memory lies. What a scrape takes is measured by
itself and counted as one every 30 s, as Prometheus comes; who sends its metrics does so every 2 s.

`cpu` is the processor time that the process took for a call, with all its threads. `cost` is the part of its throughput
that the variant has less than the one before it in the same round: of calls a second, which is what the kernel's
scheduler makes of it as well, and of the calls that a second of processor time is good for, which the bars are held
against. All are medians, with the quartiles over the rounds.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import quote

from tests.benchmarks.load import OURS, require_wrk
from tests.integration.telemetry.receivers import receiver

CONNECTIONS = 16
HEAD = 23_000  # bytes up to </head>, as the median page has
PAGE = (
    b'<!doctype html><html><head><meta charset="utf-8"><title>A page</title>'
    b'<meta property="og:title" content="A page"><meta property="og:type" content="article">'
    b'<meta property="og:image" content="/picture.jpg"><meta property="og:url" content="https://example.org/page">'
    b"<script>" + b"var a = [1, 2, 3]; " * (HEAD // 19) + b"</script></head><body>" + b"<p>Text.</p>" * 3000
)
OFF, ON, TRACED, SENT = VARIANTS = ("off", "metrics and logs", "and traces, 10 %", "all over OTLP")
SCRAPES = 20
INTERVAL = 30  # seconds between two of Prometheus'
BARS = {ON: 0.05, TRACED: 0.05}  # of the throughput of the variant before it, as issue 6 has it
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    "SCRAP_CACHE_MIN": "3600",
    "SCRAP_MAX_FETCHES": "64",
    "SCRAP_MAX_WAIT": "30",  # a machine that is busy otherwise must not turn pages into refusals
    "SCRAP_DEADLINE": "60",
    "SCRAP_MAX_PER_HOST": "64",
}

# Every request asks for a page that nobody asked for before.
UNIQUE = """
local n = {start}
request = function()
  n = n + 1
  return wrk.format("GET", "{path}" .. n)
end
"""


class Origin(asyncio.Protocol):
    """Answers any request with the page and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(PAGE) + PAGE)
        self._transport.close()


@contextlib.contextmanager
def origin() -> Iterator[str]:
    """Runs a web to fetch; gives its address."""
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(Origin, "127.0.0.1", 0, backlog=1024))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class Load(NamedTuple):
    """What was measured of a variant in one round."""

    rate: float  # calls a second
    cpu: float  # microseconds a call


@dataclass(frozen=True)
class Server:
    """A running variant."""

    name: str
    url: str
    management: str
    pid: int

    def processor_seconds(self) -> float:
        """What its threads have used so far (proc(5), schedstat)."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def scrape(self) -> float:
        """The share of a second of processor time that scrapes take."""
        before = self.processor_seconds()
        for _ in range(SCRAPES):
            urllib.request.urlopen(f"{self.management}/metrics").read()
        return (self.processor_seconds() - before) / SCRAPES / INTERVAL

    def load(self, seconds: int, page: str, script: Path, start: int) -> Load:
        """Loads it for a while."""
        path = f"/api/v1/scrap?url={quote(page, safe='')}"
        script.write_text(UNIQUE.format(start=start, path=path))
        options = ["-s", str(script)] if start else []
        before = self.processor_seconds()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *options, self.url + path]
        wrk = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        said = wrk.stdout
        if wrk.returncode:
            raise SystemExit(f"wrk failed:\n{said}")
        if "Non-2xx" in said or "Socket errors" in said:
            raise SystemExit(f"{self.name} failed:\n{said}")
        requests = int(re.findall(r"(\d+) requests in", said)[0])
        cpu = (self.processor_seconds() - before) / requests * 1e6
        return Load(float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]), cpu)


@contextlib.contextmanager
def server(variant: str, core: int, collector: str) -> Iterator[Server]:
    """Starts a variant on a core."""
    module = ["tests.benchmarks.telemetry_app"] if variant == OFF else ["scrap", "serve"]
    traces = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector}/v1/traces",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    }
    everything = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    }
    environment = os.environ | SETTINGS | {TRACED: traces, SENT: everything}.get(variant, {})
    command = ["taskset", "-c", str(core), sys.executable, "-m", *module]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        found = next(filter(None, (re.search(OURS, line) for line in process.stdout)), None)
        if not found:
            raise SystemExit(f"{variant} did not start")
        with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL):
            try:
                yield Server(variant, found[1], found[2], process.pid)
            finally:
                process.terminate()


def quartiles(values: Sequence[float], form: str) -> str:
    """The median, and the quartiles beside it."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


class Round(NamedTuple):
    """What was measured of a variant and the one before it."""

    before: Load
    load: Load
    scraped: float  # the share of a core that scrapes take


def report(before: str, name: str, rounds: Sequence[Round]) -> bool:
    """Prints the figures of a variant; says whether its bar is held."""
    scraped = statistics.median(one.scraped for one in rounds) if before == OFF else 0.0  # behind it, both have it
    costs = [1 - (1 - scraped) * one.before.cpu / one.load.cpu for one in rounds]
    bar = BARS.get(name)
    held = bar is None or statistics.median(costs) <= bar
    said = "" if bar is None else f", bar {bar:.0%} {'held' if held else 'BROKEN'}"
    if scraped:
        print(f"scrapes take {scraped:.2%} of a core")
    print(
        f"{name:<18}cpu {quartiles([one.load.cpu for one in rounds], '.1f')} µs, "
        f"{before}: {quartiles([one.before.cpu for one in rounds], '.1f')}; cost {quartiles(costs, '.1%')}{said}; "
        f"by calls a second {quartiles([1 - one.load.rate / one.before.rate for one in rounds], '.1%')}",
        flush=True,
    )
    return held


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", choices=["hits", "misses"])
    arguments = parser.parse_args()
    require_wrk()
    first, *_, last = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {last})  # and with us all that we start, but the variants
    with contextlib.ExitStack() as stack:
        collector = stack.enter_context(receiver()).url
        web = stack.enter_context(origin())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        both = stack.enter_context(ThreadPoolExecutor(2))
        numbers = itertools.count(1)
        held = True

        def load(one: Server, traffic: str, seconds: int) -> Load:
            start = next(numbers) * 1_000_000 if traffic == "misses" else 0
            return one.load(seconds, f"{web}/{traffic}/", folder / f"{one.pid}.lua", start)

        def measured(order: Sequence[str], traffic: str) -> dict[str, tuple[Load, float]]:
            with contextlib.ExitStack() as running:
                servers = [running.enter_context(server(name, first, collector)) for name in order]
                for seconds in (1, arguments.seconds):  # the first is the warm-up
                    loads = list(both.map(load, servers, [traffic] * 2, [seconds] * 2))
                return {one.name: (its, one.scrape()) for one, its in zip(servers, loads, strict=True)}

        for traffic in ("hits", "misses"):
            if arguments.only not in {traffic, None}:
                continue
            print(f"{traffic}, {arguments.rounds} rounds of {arguments.seconds} s")
            for before, name in pairwise(VARIANTS):
                rounds = []
                for number in range(arguments.rounds):
                    order = (before, name) if number % 2 else (name, before)
                    of = measured(order, traffic)
                    rounds.append(Round(of[before][0], *of[name]))
                held = report(before, name, rounds) and held
    sys.exit(not held)


if __name__ == "__main__":
    main()
