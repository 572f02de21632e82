"""A client of the service: plain `http.client`, so that no code of scrap is on both ends of the wire."""

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class ServiceResponse:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def connect(base: str) -> socket.socket:
    """A connection that fails a test rather than hang it."""
    split = urlsplit(base)
    return socket.create_connection((split.hostname, split.port), timeout=30)


def request(base: str, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> ServiceResponse:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return ServiceResponse(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def scrap(base: str, url: str, **options: Any) -> ServiceResponse:
    """Asks for the preview of a page."""
    return request(base, f"/api/v1/scrap?url={quote(url, safe='')}", **options)
