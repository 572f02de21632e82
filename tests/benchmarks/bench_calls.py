"""How many Python functions of the service a request passes: at most 40 for a cached hit, 220 for a miss.

    python -m tests.benchmarks.bench_calls

Every call of a function, method, property or comprehension below `service/` counts, in the event loop's thread; a
coroutine counts once, however often it is resumed. The least of twenty requests on one connection counts, for timers
run beside them. Ends with 1 where a bar is not met.
"""

import http.client
import json
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from urllib.parse import quote, urlsplit

import scrap
from scrap import cli
from scrap.api.connection import Connection
from tests import running
from tests.benchmarks.load import met

SOURCE = Path(scrap.__file__).parent
REQUESTS = 20
BARS = {"hit": 40, "miss": 220}


def serve() -> None:
    """Runs `scrap serve`, which prints what each request passed when the next one arrives."""
    first, passed = Connection.data_received.__code__, set[FrameType]()  # a resumed coroutine has the same frame

    def count(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(f"{SOURCE}/"):
            if frame.f_code is first:
                sys.stdout.write(json.dumps({"calls": by_package(passed)}) + "\n")  # at once: others write lines, too
                sys.stdout.flush()
                passed.clear()
            passed.add(frame)

    sys.setprofile(count)
    cli.main()


def by_package(frames: set[FrameType]) -> dict[str, int]:
    """How many there are of each package, or module beside the packages."""
    paths = (Path(frame.f_code.co_filename).relative_to(SOURCE).parts[0] for frame in frames)
    return dict(Counter(path.removesuffix(".py") for path in paths).most_common())


def main() -> None:
    """Counts, prints the table, and ends with 1 where a bar is not met."""
    with running.origin() as origin, running.service(module="tests.benchmarks.bench_calls") as service:
        connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=30)
        urls = [f"{origin.url}/card.html?{number}" for number in range(REQUESTS)]
        for url in [*urls, *urls, *urls[:1]]:
            connection.request("GET", f"/api/v1/scrap?url={quote(url, safe='')}")
            assert connection.getresponse().read() != b"{}"
        service.stop()
    lines = [json.loads(line)["calls"] for line in service.log if line.startswith('{"calls"')]
    requests = {"miss": lines[1 : REQUESTS + 1], "hit": lines[REQUESTS + 1 :]}
    least = {kind: min(calls, key=lambda counts: sum(counts.values())) for kind, calls in requests.items()}
    for kind, calls in least.items():
        print(f"{kind:5} {sum(calls.values()):4}  " + ", ".join(f"{name} {count}" for name, count in calls.items()))
    bars = [(sum(least[kind].values()) <= most, f"a {kind} passes at most {most}") for kind, most in BARS.items()]
    sys.exit(not met(bars))


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
