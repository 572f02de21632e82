"""The files that the page needs; their URLs have a digest of their content, so that browsers keep them for good."""

import mimetypes
from hashlib import blake2b
from importlib.resources import files

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_FOR_GOOD = "public, max-age=31536000, immutable"


class StaticFile:
    """An ASGI endpoint: one file, from memory."""

    def __init__(self, name: str) -> None:
        self._body = (files("scrap.web") / "static" / name).read_bytes()
        version = blake2b(self._body, digest_size=8).hexdigest()
        self.url = f"static/{name}?v={version}"
        self._query = f"v={version}".encode()
        self._type = mimetypes.types_map[name[name.rindex(".") :]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = _FOR_GOOD if scope["query_string"] == self._query else "no-cache"
        headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
        await Response(self._body, headers=headers, media_type=self._type)(scope, receive, send)
