"""The course's web: varied pages, each after a pause; every n-th one may take two seconds longer. Runs in a pod."""

import asyncio
import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.varied_pages import PAGES, has_open_graph, page

PAUSE = float(os.environ["PAUSE"])  # seconds
SLOW_EVERY = int(os.environ["SLOW_EVERY"])  # 0: no page is slow
OPEN_GRAPH = os.environ["OPEN_GRAPH"] == "yes"  # whether pages have it
BODIES = [page(number) for number in range(PAGES) if has_open_graph(number) == OPEN_GRAPH]


async def serve(request: Request) -> Response:
    """A page for each number; what comes behind it makes it another URL."""
    number = request.path_params["number"]
    is_slow = SLOW_EVERY and number % SLOW_EVERY == 0
    await asyncio.sleep(PAUSE + (2 if is_slow else 0))
    return HTMLResponse(BODIES[number % len(BODIES)])


app = Starlette(routes=[Route("/{number:int}/{rest:path}", serve)])
