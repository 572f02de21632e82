"""What telemetry costs: metrics and logs, traces of a tenth on top of them, and everything over OTLP. Ends with 1 where
a bar is broken.

    python -m tests.benchmarks.bench_telemetry [--rounds 6] [--seconds 10] [--only hits|misses]

Hits are answered from memory, the case in which telemetry weighs most; misses are fetched from a local origin, a page
with a head of the median size, every URL new. The service (telemetry_app) runs on the first core and switches its own
telemetry off and on, fifty times a second for hits, twenty for misses; a turn is compared with the one after it, so
what the machine does to one it does to the other. wrk, the origin, the reader of the log and the receiver of OTLP share
the second core. The page is known by a name, as pages are: a process that has looked one up has threads, with and
without telemetry.

Times are processor time. The cost is the part of the calls that a second of it is good for that the variant loses, with
what telemetry's threads did, and with a scrape every 30 s, as Prometheus comes; who sends its metrics does
so every 2 s. Each figure is the median over a process's turns, and then over the processes, with the quartiles.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import quote

from tests.benchmarks.load import OURS, cpu, require_wrk
from tests.integration.telemetry.receivers import receiver

HEAD = 23_000  # bytes up to </head>, as the median page has
PAGE = (
    b'<!doctype html><html><head><meta charset="utf-8"><title>A page</title>'
    b'<meta property="og:title" content="A page"><meta property="og:type" content="article">'
    b'<meta property="og:image" content="/picture.jpg"><meta property="og:url" content="https://example.org/page">'
    b"<script>" + b"var a = [1, 2, 3]; " * (HEAD // 19) + b"</script></head><body>" + b"<p>Text.</p>" * 3000
)
SCRAPES = 20
INTERVAL = 30  # seconds between two of Prometheus'
TURNS = {"hits": 0.02, "misses": 0.05}  # seconds
CONNECTIONS = {"hits": 16, "misses": 4}  # few, so that few pages are under way when a turn ends
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
    "SCRAP_ALLOWED_HOSTS": "localhost",
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
        yield f"http://localhost:{listening.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class Variant(NamedTuple):
    """What is measured against what."""

    name: str
    less: str  # what there is in the other turns; see telemetry_app
    bar: float | None  # of the throughput of those, as issue 6 has it
    environment: dict[str, str]


SAMPLED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}


def variants(collector: str) -> list[Variant]:
    """All of them."""
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector}/v1/traces"} | SAMPLED
    everything = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_METRIC_EXPORT_INTERVAL": "2000"} | SAMPLED
    return [
        Variant("metrics and logs", "nothing", 0.05, {}),
        Variant("traces, 10 %", "untraced", 0.05, traces),
        Variant("all over OTLP", "nothing", None, everything),
    ]


class Cost(NamedTuple):
    """What a process measured."""

    without: float  # microseconds a call
    more: float  # what the variant adds to that
    share: float  # of the throughput that there would be without


class Server:
    """The service that switches its telemetry, on the first core."""

    def __init__(self, variant: Variant, turn: float, core: int) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.telemetry_app", variant.less, str(turn)]
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env=os.environ | SETTINGS | variant.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        found = next(filter(None, (re.search(OURS, line) for line in self._process.stdout)), None)
        if not found:
            raise SystemExit(f"{variant.name} did not start")
        self._url, self._management = found[1], found[2]
        self._reader = subprocess.Popen(["cat"], stdin=self._process.stdout, stdout=subprocess.DEVNULL)

    def load(self, seconds: int, page: str, script: Path, start: int) -> None:
        """Loads it for a while."""
        path = f"/api/v1/scrap?url={quote(page, safe='')}"
        script.write_text(UNIQUE.format(start=start, path=path))
        options = ["-s", str(script)] if start else []
        command = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS['misses' if start else 'hits']}",
            f"-d{seconds}s",
            *options,
            self._url + path,
        ]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        if "Non-2xx" in said or "Socket errors" in said:
            raise SystemExit(f"calls failed:\n{said}")

    def scrape(self) -> float:
        """The share of a second of processor time that scrapes take."""
        before = cpu(self._process.pid)
        for _ in range(SCRAPES):
            urllib.request.urlopen(f"{self._management}/metrics").read()
        return (cpu(self._process.pid) - before) / SCRAPES / INTERVAL

    def end(self) -> Cost:
        """Ends it; gives what it measured."""
        self._process.terminate()
        assert self._process.stderr
        measured = json.loads(self._process.stderr.read().splitlines()[-1])
        self._process.wait()
        self._reader.wait()
        turns = [(on, used / calls * 1e6) for on, calls, used in measured["turns"]]
        # What telemetry's threads do, they do for the variant, whenever it is.
        elsewhere = measured["elsewhere"] / sum(calls for on, calls, _ in measured["turns"] if on) * 1e6
        pairs = [
            (one, other + elsewhere) if other_on else (other, one + elsewhere)
            for (one_on, one), (other_on, other) in pairwise(turns)
            if one_on != other_on
        ]
        without = statistics.median(one for one, _ in pairs)
        more = statistics.median(other - one for one, other in pairs)
        return Cost(without, more, statistics.median(1 - one / other for one, other in pairs))


def quartiles(values: Sequence[float], form: str) -> str:
    """The median, and the quartiles beside it."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def report(variant: Variant, costs: Sequence[Cost], scraped: float) -> bool:
    """Prints the figures of a variant; says whether its bar is held."""
    shares = [cost.share + scraped for cost in costs]
    held = variant.bar is None or statistics.median(shares) <= variant.bar
    said = "" if variant.bar is None else f", bar {variant.bar:.0%} {'held' if held else 'BROKEN'}"
    print(
        f"{variant.name:<18}{quartiles([cost.more for cost in costs], '.2f')} µs on top of "
        f"{quartiles([cost.without for cost in costs], '.1f')}; cost {quartiles(shares, '.1%')}{said}",
        flush=True,
    )
    return held


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--only", choices=TURNS)
    arguments = parser.parse_args()
    require_wrk()
    first, *_, last = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {last})  # and with us all that we start, but the service
    with contextlib.ExitStack() as stack:
        collector = stack.enter_context(receiver()).url
        web = stack.enter_context(origin())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        starts = itertools.count(1_000_000, 1_000_000)
        held = True
        for traffic in [arguments.only] if arguments.only else TURNS:
            print(f"{traffic}, {arguments.rounds} processes, {arguments.seconds} s each")
            for variant in variants(collector):
                costs, scraped = [], 0.0
                for _ in range(arguments.rounds):
                    one = Server(variant, TURNS[traffic], first)
                    for seconds in (1, arguments.seconds):  # the first is the warm-up
                        start = next(starts) if traffic == "misses" else 0
                        one.load(seconds, f"{web}/{traffic}/", folder / "unique.lua", start)
                    if not variant.environment:
                        scraped = one.scrape()
                    costs.append(one.end())
                if scraped:
                    print(f"scrapes take {scraped:.2%} of a core")
                held = report(variant, costs, scraped) and held
    sys.exit(not held)


if __name__ == "__main__":
    main()
