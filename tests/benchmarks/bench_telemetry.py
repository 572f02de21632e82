"""What telemetry costs: CPU per page with metrics and logs, and with traces of 10 % on top. Ends with 1 where a limit
(5 % each) is exceeded.

    python -m tests.benchmarks.bench_telemetry [--rounds 3] [--seconds 10]

The service, on the first core, switches a part of its sinks off and on, five times a second; each turn is compared with
the next. The load, the origin and the receivers share the second core. CPU is the whole process's, threads included.
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
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scrap import cli, telemetry
from scrap.events import Event, Handlers, RequestEnded
from scrap.telemetry import FanOut
from tests.benchmarks.load import OURS, require_wrk
from tests.integration.telemetry.receivers import receiver

LIMIT = 0.05  # of the CPU per page
TURN = 0.2  # seconds
HEAD = b'<!doctype html><meta charset="utf-8"><meta property="og:title" content="A page"><script>'
SCRIPT = b"var a = [1, 2, 3]; " * 1200  # 23 KB up to </head>, as the median page has
PAGE = HEAD + SCRIPT + b"</script></head><body>" + b"<p>Text.</p>" * 3000
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(PAGE)
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    "SCRAP_MAX_PER_HOST": "64",
}
STARTS = itertools.count(1_000_000, 1_000_000)  # every page is new
UNIQUE = 'local n = {}\nrequest = function() n = n + 1 return wrk.format("GET", "{}" .. n) end\n'
# What is switched, by the names of sinks, and the variables of the service.
VARIANTS = {
    "metrics and logs": ("metrics,log", {"OTEL_TRACES_EXPORTER": "none"}),
    "traces, 10 %": ("traces", {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}),
}


class SwitchedFanOut(FanOut):
    """Leaves some sinks out in every other turn; keeps of each turn whether all were on, its pages, and its CPU."""

    switched: tuple[str, ...] = ()
    turns: list[tuple[bool, int, float]] = []  # noqa: RUF012 - one a process

    def __init__(self, failed: Callable[[str], None], **sinks: Handlers) -> None:
        super().__init__(failed, **sinks)
        self._all = self._handlers
        rest = {name: handlers for name, handlers in sinks.items() if name not in self.switched}
        self._rest = FanOut(failed, **rest)._handlers
        self._requests = 0
        asyncio.get_running_loop().call_later(TURN, self._turn, time.process_time())

    def __call__(self, event: Event) -> None:
        """Gives the event to the sinks of this turn."""
        self._requests += isinstance(event, RequestEnded)
        super().__call__(event)

    def _turn(self, since: float) -> None:
        now = time.process_time()
        self.turns.append((self._handlers is self._all, self._requests, now - since))
        self._requests = 0
        self._handlers = self._rest if self._handlers is self._all else self._all
        asyncio.get_running_loop().call_later(TURN, self._turn, now)


class PageOrigin(asyncio.Protocol):
    """Answers any request with the page and closes."""

    def connection_made(self, transport: Any) -> None:
        transport.write(RESPONSE + PAGE)
        transport.close()


@contextlib.contextmanager
def origin() -> Iterator[str]:
    """Runs a web to fetch; gives its address."""
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(PageOrigin, "127.0.0.1", 0, backlog=1024))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)


def measure(switched: str, variables: dict[str, str], web: str, script: Path, seconds: int) -> tuple[float, float]:
    """CPU per page without, in µs, and the share that the variant adds."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "tests.benchmarks.bench_telemetry", "--serve", switched]
    pipe = subprocess.PIPE
    environment = os.environ | SETTINGS | variables
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        found = next(filter(None, (re.search(OURS, line) for line in process.stdout)))
        with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL):
            script.write_text(UNIQUE.format(next(STARTS), f"/api/v1/scrap?url={quote(web + '/', safe='')}"))
            subprocess.run(["wrk", "-t1", "-c4", f"-d{seconds}s", "-s", script, found[1]], check=True, stdout=pipe)
            process.terminate()
        turns = [(on, cpu / pages * 1e6) for on, pages, cpu in json.loads(process.stderr.read()) if pages > 20]
    pairs = [(one, other) if other_on else (other, one) for (_, one), (other_on, other) in pairwise(turns)]
    return statistics.median(off for off, _ in pairs), statistics.median(on / off - 1 for off, on in pairs)


def main() -> None:
    """Runs the benchmark, or the service that it measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        SwitchedFanOut.switched = tuple(arguments.serve.split(","))
        # The service builds its own: only its class can be exchanged from outside.
        telemetry.FanOut = SwitchedFanOut  # type: ignore[misc]
        with contextlib.suppress(SystemExit):
            cli.main(["serve"])
        print(json.dumps(SwitchedFanOut.turns), file=sys.stderr)
        return
    require_wrk()
    os.sched_setaffinity(0, {1})
    held = True
    with receiver() as collector, origin() as web, tempfile.TemporaryDirectory() as folder:
        os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{collector.url}/v1/traces"
        for name, (switched, variables) in VARIANTS.items():
            script = Path(folder) / "wrk.lua"
            figures = [measure(switched, variables, web, script, arguments.seconds) for _ in range(arguments.rounds)]
            share = statistics.median(share for _, share in figures)
            held = held and share <= LIMIT
            print(f"{name:<18}{share:6.1%} on top of {statistics.median(off for off, _ in figures):,.0f} µs a page")
    sys.exit(not held)


if __name__ == "__main__":
    main()
