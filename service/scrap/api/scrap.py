"""`GET /api/v1/scrap?url=…`."""

import time

from starlette.types import Receive, Scope, Send

from scrap.api.problem import Problem, server_timing
from scrap.api.target_reader import TargetReader
from scrap.cache.etag import matches
from scrap.cache.freshness import directives_of
from scrap.events import RequestEnded
from scrap.preview import Previewer

PATH = "/api/v1/scrap"


class ScrapEndpoint:
    """An ASGI endpoint: answers a URL with the Open Graph of the page behind it, as JSON; `{}` where there is none."""

    def __init__(self, previewer: Previewer, targets: TargetReader) -> None:
        self._previewer = previewer
        self._targets = targets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        summary: RequestEnded = state["summary"]
        fields: dict[bytes, bytes] = state["fields"]
        target = self._targets.read(scope["query_string"], fields)
        summary.target, summary.target_host = target.href, target.host
        control = fields.get(b"cache-control")
        no_cache = control is not None and "no-cache" in directives_of(control)
        preview = self._previewer.peek(target, no_cache=no_cache)
        if preview is None:
            preview = await self._previewer.make(target, state.get("disconnect"), no_cache=no_cache)
        summary.cache, summary.fetch = preview.source, preview.fetch
        entry, now = preview.entry, time.time()
        if entry.reason is not None:
            summary.internal = preview.internal
            wait = entry.retry_after_at(now)
            response = Problem(summary, entry.reason, upstream_status=entry.upstream_status, retry_after=wait)
            await response(scope, receive, send)
            return
        summary.outcome = entry.outcome
        is_known = b"if-none-match" in fields and matches(fields[b"if-none-match"].decode("latin-1"), entry.etag)
        headers = [*entry.headers, (b"age", b"%d" % entry.age(now)), (b"server-timing", server_timing(summary))]
        if not is_known:
            headers += (b"content-type", b"application/json"), (b"content-length", b"%d" % len(entry.body))
        await send({"type": "http.response.start", "status": 304 if is_known else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_known else entry.body})
