"""The web: varied pages with Open Graph, each after a pause, as a page far away takes its time. Runs in a pod."""

import asyncio
import gzip
import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.varied_pages import PAGES, has_open_graph, page

PAUSE = float(os.environ["PAUSE"])  # seconds
PACKED = [gzip.compress(page(number), mtime=0) for number in range(PAGES) if has_open_graph(number)]


async def serve(request: Request) -> Response:
    """A page for each number; what comes behind it makes it another URL."""
    await asyncio.sleep(PAUSE)
    body = PACKED[request.path_params["number"] % len(PACKED)]
    return Response(body, media_type="text/html", headers={"Content-Encoding": "gzip"})


app = Starlette(routes=[Route("/{number:int}/{rest:path}", serve)])
