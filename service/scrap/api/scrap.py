"""`GET /api/v1/scrap?url=…`: the one thing a caller asks of us."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from starlette.types import Receive, Scope, Send

from scrap import urls
from scrap.api.call import Call
from scrap.cache.entry import Entry
from scrap.cache.etag import matches
from scrap.cache.headers import age, retry_after
from scrap.errors import InvalidURL, Outcome, Overloaded, Reason, ScrapError, UpstreamError
from scrap.preview import Preview, Previewer

PATH = "/api/v1/scrap"


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
    try:
        return urls.parse(unquote_to_bytes(given[0]).decode())
    except UnicodeDecodeError:
        raise InvalidURL(Reason.URL_MALFORMED) from None


# Links that are shared are asked for again and again: reading one takes 10 µs, remembering it 0.3.
_known: OrderedDict[bytes, urls.Target] = OrderedDict()
_MOST = 8192  # the one that was not asked for the longest is forgotten
_MEMORABLE = 512  # bytes: what is remembered is bounded, and few links are longer


def remembered(query: bytes) -> urls.Target | None:
    """What `read_query` gave for the same query not long ago."""
    target = _known.get(query)
    if target is not None:
        _known.move_to_end(query)
    return target


def read_query(query: bytes) -> urls.Target:
    """Reads the `url` parameter, percent-decoded once (RFC 3986, section 2.1): a plus sign is a plus sign.

    Any other parameter is refused: it is almost always the rest of a URL that was not percent-encoded, and
    answering for half a URL would be a quiet mistake.

    Raises:
        InvalidURL: there is no such parameter, there are several, or it is no URL.
    """
    target = remembered(query)
    if target is None:
        target = _read_query(query)
        if len(query) <= _MEMORABLE:
            _known[query] = target
            if len(_known) > _MOST:
                _known.popitem(last=False)
    return target


class ScrapEndpoint:
    """Answers a URL with the Open Graph of the page behind it, as JSON; `{}` where there is none.

    Args:
        previewer: makes the previews.
        clock: seconds since the epoch.
    """

    def __init__(self, previewer: Previewer, clock: Callable[[], float] = time.time) -> None:
        self._previewer = previewer
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call.

        Raises:
            ScrapError: there is no preview, or nobody left to show it to.
        """
        call: Call = scope["call"]
        call.target = target = read_query(scope["query_string"])
        preview = self._previewer.peek(target) or await self._make(target, receive)
        call.source = preview.source
        call.timings = preview.timings
        call.notes = preview.notes
        entry = preview.entry
        if entry.reason is not None:
            raise _error(entry, preview.internal, self._clock())
        call.outcome = entry.outcome
        headers = [
            *entry.headers,
            (b"age", b"%d" % age(entry, self._clock())),
            (b"server-timing", call.server_timing),
            (b"x-request-id", call.request_id.encode()),
        ]
        body = entry.body
        known = call.headers.get(b"if-none-match")
        if known is not None and matches(known.decode("latin-1"), entry.etag):  # RFC 9110, section 13.1.2
            call.status, body = 304, b""
        else:
            headers.append((b"content-type", b"application/json"))
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": call.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _make(self, target: urls.Target, receive: Receive) -> Preview:
        """Makes a preview, for as long as the caller waits for it."""
        task, waits = asyncio.current_task(), True

        def leave(gone: asyncio.Future[None]) -> None:
            if task and waits:
                task.cancel()

        gone = asyncio.ensure_future(_gone(receive))
        gone.add_done_callback(leave)
        try:
            return await self._previewer.make(target)
        except asyncio.CancelledError:
            if gone.done():
                raise ScrapError(Reason.CALLER_LEFT) from None
            raise Overloaded(Reason.DRAINING) from None  # by the server, whose time to shut down is over
        finally:
            waits = False
            gone.cancel()


async def _gone(receive: Receive) -> None:
    """Waits until the caller has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _error(entry: Entry, internal: str, now: float) -> ScrapError:
    """The error that an entry keeps."""
    assert entry.reason is not None  # noqa: S101 - asked only of failures
    wait = retry_after(entry, now)
    match entry.outcome:
        case Outcome.SHED:
            return Overloaded(entry.reason, internal)
        case Outcome.UPSTREAM_ERROR:
            return UpstreamError(entry.reason, internal, status=entry.upstream_status, retry_after=wait)
        case _:
            return ScrapError(entry.reason, internal)
