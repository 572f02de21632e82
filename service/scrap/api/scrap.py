"""`GET /api/v1/scrap?url=…`."""

import asyncio
import time

from starlette.types import Receive, Scope, Send

from scrap.api.problem import problem, server_timing
from scrap.api.target_reader import TargetReader
from scrap.cache.etag import matches
from scrap.cache.freshness import directives_of
from scrap.cache.headers import age, retry_after
from scrap.errors import Overloaded, Reason
from scrap.events import RequestEnded
from scrap.preview import Preview, Previewer
from scrap.urls import Target

PATH = "/api/v1/scrap"


class ScrapEndpoint:
    """An ASGI endpoint: answers a URL with the Open Graph of the page behind it, as JSON; `{}` where there is none."""

    def __init__(self, previewer: Previewer, targets: TargetReader) -> None:
        self._previewer = previewer
        self._targets = targets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; raises ScrapError where it has no URL, its client has left, or the server is ending."""
        summary: RequestEnded = scope["state"]["summary"]
        fields: dict[bytes, bytes] = scope["state"]["fields"]
        target = self._targets.read(scope["query_string"], fields.get(b"accept-language", b""))
        summary.target, summary.target_host = target.href, target.host
        anew = b"cache-control" in fields and _wants_anew(fields[b"cache-control"])
        preview = self._previewer.peek(target, anew=anew) or await self._make(target, scope, anew=anew)
        summary.cache, summary.timings, summary.notes = preview.source, preview.timings, preview.notes
        entry, now = preview.entry, time.time()
        if entry.reason is not None:
            summary.internal = preview.internal
            wait = retry_after(entry, now)
            response = problem(summary, entry.reason, upstream_status=entry.upstream_status, retry_after=wait)
            await response(scope, receive, send)
            return
        summary.outcome = entry.outcome
        is_known = b"if-none-match" in fields and matches(fields[b"if-none-match"].decode("latin-1"), entry.etag)
        headers = [*entry.headers, (b"age", b"%d" % age(entry, now)), (b"server-timing", server_timing(summary))]
        if not is_known:
            headers += (b"content-type", b"application/json"), (b"content-length", b"%d" % len(entry.body))
        await send({"type": "http.response.start", "status": 304 if is_known else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_known else entry.body})

    async def _make(self, target: Target, scope: Scope, *, anew: bool) -> Preview:
        """Makes a preview, for as long as a client waits for it."""
        try:
            return await self._previewer.make(target, scope["state"].get("disconnect"), anew=anew)
        except asyncio.CancelledError:  # by the server, whose time to shut down is over
            raise Overloaded(Reason.DRAINING) from None


def _wants_anew(cache_control: bytes) -> bool:
    """Whether a client wants no response of a cache (RFC 9111, section 5.2.1.4)."""
    return "no-cache" in directives_of([cache_control.decode("latin-1")])
