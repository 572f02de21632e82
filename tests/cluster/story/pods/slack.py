"""In Slack's place, which no test can use: takes what Alertmanager posts and gives it back. Runs in a pod."""

import time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

MESSAGES: list[dict[str, Any]] = []


async def post(request: Request) -> Response:
    """A message to a channel."""
    MESSAGES.append({"path": request.url.path, "time": time.time(), "message": await request.json()})
    return PlainTextResponse("ok")


async def messages(request: Request) -> Response:
    """All of them, in order."""
    return JSONResponse(MESSAGES)


app = Starlette(routes=[Route("/", messages), Route("/{channel}", post, methods=["POST"])])
