"""How many Python functions of the service a request passes: at most 40 for a cached hit, 220 for a miss.

    python -m tests.benchmarks.bench_calls

Every call of a function, method, property or comprehension below `service/` counts, in the event loop's thread; a
coroutine counts once, however often it is resumed. The least of twenty requests on one connection counts, for timers
run beside them. Ends with 1 where a bar is not met.

From Python 3.12 on it also says how many bytecodes a request takes, of which package or library (sys.monitoring). The
speed of the machine changes that number by a few per cent, for a slow one has more turns; the version of Python changes
it as well. C code is not in it: regular expressions, sockets, JSON. Nor is the format of a log line: another thread
makes it, beside requests that are not the least.
"""

import http.client
import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from urllib.parse import quote, urlsplit

import scrap
from scrap import cli
from scrap.api.connection import Connection
from tests import running
from tests.benchmarks.load import met

SOURCE = Path(scrap.__file__).parent
PACKAGE = re.compile(rf"(?:{re.escape(str(SOURCE))}|.*/site-packages|.*/python3\.\d+)/(\w+)")
REQUESTS = 20
BARS = {"hit": 40, "miss": 220}


def serve() -> None:
    """Runs `scrap serve`, which prints what each request passed when the next one arrives."""
    first, passed = Connection.data_received.__code__, set[FrameType]()  # a resumed coroutine has the same frame
    bytecodes = Counter[CodeType]()

    def count(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(f"{SOURCE}/"):
            if frame.f_code is first:
                line = {"calls": by_package(passed), "bytecodes": by_library(bytecodes)}
                sys.stdout.write(json.dumps(line) + "\n")  # at once: others write lines, too
                sys.stdout.flush()
                passed.clear()
                bytecodes.clear()
                if sys.version_info >= (3, 12):  # from the first request on: it would slow the start down
                    sys.monitoring.set_events(sys.monitoring.PROFILER_ID, sys.monitoring.events.INSTRUCTION)
            passed.add(frame)

    def count_bytecode(code: CodeType, offset: int) -> None:
        bytecodes[code] += 1

    if sys.version_info >= (3, 12):
        sys.monitoring.use_tool_id(sys.monitoring.PROFILER_ID, "bench_calls")
        sys.monitoring.register_callback(sys.monitoring.PROFILER_ID, sys.monitoring.events.INSTRUCTION, count_bytecode)
    sys.setprofile(count)
    cli.main()


def by_package(frames: set[FrameType]) -> dict[str, int]:
    """How many there are of each package, or module beside the packages."""
    paths = (Path(frame.f_code.co_filename).relative_to(SOURCE).parts[0] for frame in frames)
    return dict(Counter(path.removesuffix(".py") for path in paths).most_common())


def by_library(bytecodes: Counter[CodeType]) -> dict[str, int]:
    """How many there are of each package of the service, and of each library."""
    found = Counter[str]()
    for code, count in bytecodes.copy().items():  # other threads count meanwhile
        package = PACKAGE.match(code.co_filename)
        found[package[1] if package else "generated"] += count  # dataclasses, named tuples
    return dict(found.most_common())


def main() -> None:
    """Counts, prints the table, and ends with 1 where a bar is not met."""
    with running.origin() as origin, running.service(module="tests.benchmarks.bench_calls") as service:
        connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=30)
        urls = [f"{origin.url}/card.html?{number}" for number in range(REQUESTS)]
        for url in [*urls, *urls, *urls[:1]]:
            connection.request("GET", f"/api/v1/scrap?url={quote(url, safe='')}")
            assert connection.getresponse().read() != b"{}"
        service.stop()
    lines = [json.loads(line) for line in service.log if line.startswith('{"calls"')]
    requests = {"miss": lines[1 : REQUESTS + 1], "hit": lines[REQUESTS + 1 :]}
    least = {kind: fewest(found, "calls") for kind, found in requests.items()}
    for kind, calls in least.items():
        print(f"{kind:5} {row(calls)}")
    for kind, found in requests.items() if sys.version_info >= (3, 12) else ():
        print(f"bytecodes of a {kind}: {row(fewest(found, 'bytecodes'))}")
    bars = [(sum(least[kind].values()) <= most, f"a {kind} passes at most {most}") for kind, most in BARS.items()]
    sys.exit(not met(bars))


def fewest(requests: list[dict[str, dict[str, int]]], what: str) -> dict[str, int]:
    """The request that took the fewest."""
    return min((request[what] for request in requests), key=lambda counts: sum(counts.values()))


def row(counts: dict[str, int]) -> str:
    """Their sum, and each."""
    return f"{sum(counts.values()):4}  " + ", ".join(f"{name} {count}" for name, count in counts.items())


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
