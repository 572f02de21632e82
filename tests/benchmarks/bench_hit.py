"""A cached hit, logs and metrics on, beside a bare Starlette response of the same size: at least half its throughput.

python -m tests.benchmarks.bench_hit [rounds] [seconds]
"""

import os
import statistics
import sys
from urllib.parse import quote

from tests import client, running
from tests.benchmarks.load import met, require_wrk, server, spread, wrk

BARE = """
import asyncio, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
body = b"x" * int(sys.argv[1])
async def respond(request):
    return Response(body, media_type="application/json")
config = uvicorn.Config(Starlette(routes=[Route("/", respond)]), port=0, http="httptools", loop="uvloop",
                        access_log=False, lifespan="off", server_header=False)
uvicorn.Server(config).run()
"""


def main(rounds: int = 5, seconds: float = 4) -> None:
    """Measures both in turn, and prints the table; ends with 1 where the bar is not met."""
    require_wrk()
    settings = os.environ | {
        "SCRAP_PORT": "0",
        "SCRAP_MANAGEMENT_PORT": "0",
        "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SCRAP_ALLOWED_PORTS": "1-65535",
        "SCRAP_CACHE_MIN": "3600",
    }
    serve = [sys.executable, "-m", "scrap", "serve"]
    with running.origin() as origin, server(serve, settings, r"serving on (http://\S+?),") as ours:
        url = f"{ours}/api/v1/scrap?url={quote(f'{origin.url}/card.html', safe='')}"
        size = len(client.scrap(ours, f"{origin.url}/card.html").body)
        bare = [sys.executable, "-c", BARE, str(size)]
        with server(bare, dict(os.environ), r"running on (http://\S+)") as hello:
            pairs = [(wrk(url, seconds=seconds), wrk(f"{hello}/", seconds=seconds)) for _ in range(rounds)]
    assert not any(figures.errors for pair in pairs for figures in pair)
    print(f"responses of {size} bytes, one core, {rounds} rounds of {seconds:g} s, median (least to most)")
    print(f"a cached hit    {spread([hit.per_second for hit, _ in pairs], ' /s')}")
    print(f"bare Starlette  {spread([plain.per_second for _, plain in pairs], ' /s')}")
    ratios = [hit.per_second / plain.per_second for hit, plain in pairs]
    print(f"ratio           {spread(ratios)}")
    sys.exit(not met([(statistics.median(ratios) >= 0.5, "a hit reaches half of a bare response")]))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
