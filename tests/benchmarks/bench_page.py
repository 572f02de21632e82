"""The page at `/` and `/api/v1/explain` beside `/api/v1/scrap`: the page costs at most half of a call more.

    python -m tests.benchmarks.bench_page [rounds] [requests]

Each request is for a page that was not asked for before. The routes take turns within one run, and what is compared is
the CPU time of the service, which other processes disturb less than time on the clock.
"""

import http.client
import os
import re
import statistics
import subprocess
import sys
from urllib.parse import urlsplit

from tests.benchmarks import web
from tests.benchmarks.load import Running, met, running, spread

ROUTES = ("/api/v1/scrap", "/api/v1/explain", "/")
LIMIT = 1.5
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    "SCRAP_MAX_PER_HOST": "1000",  # all pages have one host
}


def milliseconds(service: Running, route: str, port: int, numbers: range) -> float:
    """CPU time of a request; the pages are the same for each route, and new to the caches."""
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=30)
    before = service.cpu()
    for number in numbers:
        url = web.url(port, f"/page/{number}?ms=0&n={ROUTES.index(route)}", 0)
        connection.request("GET", f"{route}?url={url}")
        response = connection.getresponse()
        assert response.status == 200
        response.read()
    connection.close()
    return (service.cpu() - before) / len(numbers) * 1e3


def main(rounds: int = 8, requests: int = 300) -> None:
    """Measures all routes in turn, and prints the table; ends with 1 where the bar is not met."""
    origin = [sys.executable, "-m", "tests.benchmarks.web", "1"]
    serve = [sys.executable, "-m", "scrap", "serve"]
    with subprocess.Popen(["taskset", "-c", "1", *origin], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            found = re.search(r"\d+", process.stdout.readline())
            assert found
            port = int(found[0])
            with running(serve, os.environ | SETTINGS) as service:
                batches = [range(number * requests, (number + 1) * requests) for number in range(rounds + 1)]
                costs = [[milliseconds(service, route, port, batch) for route in ROUTES] for batch in batches]
        finally:
            process.terminate()
    costs = costs[1:]  # in the first round, what is made once was made
    print(f"CPU of a request for a new page, {rounds} rounds of {requests}, median (least to most)")
    for number, route in enumerate(ROUTES):
        print(f"{route:<16} {spread([cost[number] for cost in costs], ' ms')}")
        print(f"{'':<16} {spread([cost[number] / cost[0] for cost in costs])} of a call")
    ratio = statistics.median(cost[2] / cost[0] for cost in costs)
    sys.exit(not met([(ratio <= LIMIT, f"the page costs at most {LIMIT} times a call")]))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
