"""The files that the page needs; their URLs have a digest of their content, so that browsers keep them for good."""

import mimetypes
from hashlib import blake2b
from importlib.resources import files

from starlette.types import Receive, Scope, Send

_FOR_GOOD = b"public, max-age=31536000, immutable"


class StaticFile:
    """An ASGI endpoint: one file, from memory."""

    def __init__(self, name: str) -> None:
        self._body = (files("scrap.web") / "static" / name).read_bytes()
        version = blake2b(self._body, digest_size=8).hexdigest()
        self.url = f"static/{name}?v={version}"
        self._query = f"v={version}".encode()
        kind = mimetypes.types_map[name[name.rindex(".") :]]
        self._headers = [
            (b"content-type", f"{kind}; charset=utf-8".encode()),
            (b"content-length", b"%d" % len(self._body)),
            (b"x-content-type-options", b"nosniff"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = _FOR_GOOD if scope["query_string"] == self._query else b"no-cache"
        headers = [*self._headers, (b"cache-control", kept)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
