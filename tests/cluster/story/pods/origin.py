"""The web: real pages from a folder, each after a pause, as a page far away takes its time. Runs in a pod."""

import asyncio
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PAUSE = float(os.environ["PAUSE"])  # seconds
# Packed, as they came: a ConfigMap holds a mebibyte.
PAGES = [file.read_bytes() for file in sorted(Path(os.environ["PAGES"]).glob("*.html.gz"))]


async def page(request: Request) -> Response:
    """A page for each number; what comes behind it makes it another URL."""
    await asyncio.sleep(PAUSE)
    body = PAGES[request.path_params["number"] % len(PAGES)]
    return Response(body, media_type="text/html", headers={"Content-Encoding": "gzip"})


app = Starlette(routes=[Route("/{number:int}/{rest:path}", page)])
