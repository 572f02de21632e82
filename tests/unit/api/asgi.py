"""Calls an application as a server does, without a socket."""

from typing import Any

from starlette.types import ASGIApp, Message

QUERY = b"url=https%3A%2F%2Fexample.org%2F"


async def call(
    app: ASGIApp,
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    path: str = "/api/v1/scrap",
    query: bytes = QUERY,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Makes one request; gives status, headers and body."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}
    await app(scope | {"root_path": "", "query_string": query, "headers": headers}, receive, send)
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]
