"""`GET /api/v1/scrap?url=…`."""

import asyncio
import time
from collections import OrderedDict
from urllib.parse import unquote_to_bytes

from starlette.types import Receive, Scope, Send

from scrap import urls
from scrap.api.problem import problem, server_timing
from scrap.cache.etag import matches
from scrap.cache.headers import age, retry_after
from scrap.errors import InvalidURL, Overloaded, Reason
from scrap.events import RequestEnded
from scrap.preview import Preview, Previewer

PATH = "/api/v1/scrap"
_MEMORABLE = 512  # bytes: few links are longer, and what is remembered is bounded


def _read_query(query: bytes) -> urls.Target:
    given: list[bytes] = []
    for field in query.split(b"&"):
        name, _, value = field.partition(b"=")
        if name == b"url":
            given.append(value)
        elif field:
            raise InvalidURL(Reason.QUERY_UNKNOWN)
    if not given or not given[0]:
        raise InvalidURL(Reason.URL_MISSING)
    if len(given) > 1:
        raise InvalidURL(Reason.URL_REPEATED)
    return urls.parse(urls.decode(unquote_to_bytes(given[0])))


# Links that are shared are asked for again and again.
_known: OrderedDict[bytes, urls.Target] = OrderedDict()
_MOST = 8192  # the one that was not asked for the longest is forgotten


def remembered(query: bytes) -> urls.Target | None:
    """What `read_query` returned for the same query not long ago."""
    return _known.get(query)


def read_query(query: bytes) -> urls.Target:
    """Reads the `url` parameter, percent-decoded once (RFC 3986, section 2.1): a plus sign is a plus sign.

    Any other parameter is refused: it is almost always the rest of a URL that was not percent-encoded, and
    answering for half a URL would be a quiet mistake.

    Raises:
        InvalidURL: there is no such parameter, there are several, or it is no URL.
    """
    target = _known.get(query)
    if target is not None:
        _known.move_to_end(query)
    else:
        target = _read_query(query)
        if len(query) <= _MEMORABLE:
            _known[query] = target
            if len(_known) > _MOST:
                _known.popitem(last=False)
    return target


class ScrapEndpoint:
    """An ASGI endpoint: answers a URL with the Open Graph of the page behind it, as JSON; `{}` where there is none."""

    def __init__(self, previewer: Previewer) -> None:
        self._previewer = previewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; raises ScrapError where it has no URL, its client has left, or the server is ending."""
        summary: RequestEnded = scope["state"]["summary"]
        target = read_query(scope["query_string"])
        summary.target, summary.target_host = target.href, target.host
        preview = self._previewer.peek(target) or await self._make(target, scope)
        summary.cache, summary.timings, summary.notes = preview.source, preview.timings, preview.notes
        entry, now = preview.entry, time.time()
        if entry.reason is not None:
            summary.internal = preview.internal
            wait = retry_after(entry, now)
            response = problem(summary, entry.reason, upstream_status=entry.upstream_status, retry_after=wait)
            await response(scope, receive, send)
            return
        summary.outcome = entry.outcome
        is_known = False
        for name, value in scope["headers"]:
            if name == b"if-none-match":  # RFC 9110, section 13.1.2
                is_known = is_known or matches(value.decode("latin-1"), entry.etag)
        headers = [*entry.headers, (b"age", b"%d" % age(entry, now)), (b"server-timing", server_timing(summary))]
        if not is_known:
            headers += (b"content-type", b"application/json"), (b"content-length", b"%d" % len(entry.body))
        await send({"type": "http.response.start", "status": 304 if is_known else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_known else entry.body})

    async def _make(self, target: urls.Target, scope: Scope) -> Preview:
        """Makes a preview, for as long as a client waits for it."""
        try:
            return await self._previewer.make(target, scope["state"].get("disconnect"))
        except asyncio.CancelledError:  # by the server, whose time to shut down is over
            raise Overloaded(Reason.DRAINING) from None
