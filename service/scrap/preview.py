"""The use case: from a page's URL to its Open Graph, fetched once however many requests want it.

`Previewer.peek` looks into the cache; `make` joins the fetch of the page that is under way, or fetches it: a slot, the
request, the page read and parsed as it arrives, the entry for the cache.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import orjson

from scrap import opengraph
from scrap.admission import Admission, Executor, Slot
from scrap.cache import Cache, Hit, entry, freshness
from scrap.cache.entry import Entry, EntryState
from scrap.cache.flight import Disconnect, Flights
from scrap.cache.freshness import FreshnessPolicy
from scrap.errors import Outcome, Overloaded, Reason, ScrapError, UpstreamError
from scrap.events import BackgroundFailed, Emit, FetchEnded, Parse, RequestEnded, Timings
from scrap.fetch import Deadline, FetchedPage, Fetcher, Wants
from scrap.refresh import Refresh
from scrap.turns import Turns
from scrap.urls import Target

T = TypeVar("T")
log = logging.getLogger(__name__)

FRESH = "fresh"  # the source of a preview that was in the cache, and fresh
MISS = "miss"  # of one that was fetched for its request
JOINED = "joined"  # of one that was fetched for another request
STALE = "stale"  # of one that was in the cache, and stale
_LOG_AGAIN = 60.0  # seconds


class Preview(NamedTuple):
    """The result of one request."""

    entry: Entry  # what is sent: a page's Open Graph, or why there is none
    source: str  # "fresh", "stale", "miss" or "joined"
    fetch: FetchEnded | None = None  # that was made for it
    internal: str = ""  # what only the log may contain of a failure
    due: bool = False  # it is stale; its page is to be fetched again

    def joined(self) -> "Preview":
        """The same for a request that joined the fetch: the fetch is that of the request that began it."""
        return self._replace(source=JOINED if self.source == MISS else self.source, fetch=None)

    def fill_in(self, summary: RequestEnded) -> None:
        """Copies what the request's log line and metrics have of the result."""
        entry, summary.cache, summary.fetch, summary.internal = self.entry, self.source, self.fetch, self.internal
        summary.outcome, summary.reason, summary.upstream_status = entry.outcome, entry.reason, entry.upstream_status


class Parsed(NamedTuple):
    """The Open Graph of a page."""

    body: bytes  # as JSON
    outcome: Outcome
    fallback_reason: opengraph.FallbackReason | None = None  # why html5lib had to parse the page; None where it had not
    bound: opengraph.Bound | None = None  # the first limit that the page exceeded
    error: Exception | None = None  # what made a parser fail
    refresh: Refresh | None = None  # what a page without Open Graph declares
    base: str | None = None  # the page's `<base href>`, as written


Look = Callable[[FetchedPage, opengraph.Reading | None], None]  # without a reading where a page is not HTML

_NOTHING = Parsed(b"{}", Outcome.NO_OPEN_GRAPH)


@dataclass(kw_only=True, eq=False)
class Previewer:
    """Makes previews."""

    fetcher: Fetcher
    cache: Cache
    freshness: FreshnessPolicy
    admission: Admission
    parsing: opengraph.ParseLimits
    turns: Turns  # the event loop's time for parsing, shared with the fetcher
    executor: Executor  # runs long work: the reference parser, and pages with much Open Graph
    deadline: float  # seconds for everything, from the wait for a slot to the last byte parsed
    emit: Emit
    clock: Callable[[], float] = time.time  # seconds since the epoch

    def __post_init__(self) -> None:
        self._flights: Flights[Preview] = Flights(emit=self.emit)
        self._parser_failure_logged = float("-inf")

    def peek(self, target: Target, *, no_cache: bool = False) -> Preview | None:
        """The preview in this process's cache, if there is one; for a stale one, the page is fetched in the background.

        `no_cache`: the client wants none that was made before its request, as far as that is allowed (`_is_due`).
        """
        hit = self.cache.from_memory(target.key)
        if hit is None or (no_cache and self._is_due(hit)):
            return None
        if hit.state is EntryState.STALE:
            self._fetch_in_background(target)
        return _found(hit)

    def knows(self, target: Target) -> bool:
        """Whether a request needs no fetch of its own: the preview is in the cache, or under way."""
        return self.cache.in_memory(target.key) or target.key in self._flights

    async def make(self, target: Target, disconnect: Disconnect | None = None, *, no_cache: bool = False) -> Preview:
        """Fetches a page and parses its Open Graph, or joins the fetch that is under way; for `no_cache`, see `peek`.

        A failure for a known reason is a result as well; it is cached for a while. Raises ScrapError (CALLER_LEFT)
        where the client has left, and Overloaded where this instance is shutting down.
        """
        joins = target.key in self._flights
        preview = await self._flights.run(target.key, partial(self._make, target, no_cache=no_cache), disconnect)
        if joins:
            preview = preview.joined()
        if preview.due:
            self._fetch_in_background(target)
        return preview

    async def study(self, target: Target, look: Look) -> tuple[Preview, Hit | None]:
        """Fetches a page whatever the caches have, and shows it to `look`, the last of several that refreshes lead to.

        Returns the preview, or the failure, which is cached as that of `make` is, and what the caches had.
        """
        hit, summary = self.cache.from_memory(target.key), FetchEnded()
        try:
            with Deadline(self.deadline) as deadline:
                if hit is None:
                    hit = await self._from_shared(target, summary)
                preview = await self._fetch(target, summary, deadline, look)
        except ScrapError as error:
            preview = self._failure(error, summary)
            self.cache.fail(target.key, preview.entry, fallback=hit.entry if hit else None)
        return preview, hit

    async def aclose(self) -> None:
        """Cancels the fetches that are under way."""
        await self._flights.aclose()

    def _fetch_in_background(self, target: Target) -> None:
        """Begins to fetch the page of a stale preview; not where admission is full: requests come first."""
        if not self.admission.is_full:
            self._flights.launch(target.key, partial(self._make, target, only_fresh=True))

    def _is_due(self, hit: Hit) -> bool:
        """Whether `no-cache` has a page fetched: not in an overload, nor within the minimum after the last fetch."""
        earliest = max(hit.entry.stored + self.freshness.minimum, hit.entry.held_until)
        return self.clock() >= earliest and not self.admission.is_overloaded

    async def _make(self, target: Target, *, only_fresh: bool = False, no_cache: bool = False) -> Preview:
        hit: Hit | None = None
        summary = FetchEnded()
        try:
            with Deadline(self.deadline) as deadline:
                hit = await self._from_shared(target, summary)
                if hit and hit.state:
                    is_stale = only_fresh and hit.state is EntryState.STALE
                    if not (is_stale or (no_cache and self._is_due(hit))):
                        return _found(hit, summary)
                return await self._fetch(target, summary, deadline, None)
        except ScrapError as error:
            failure = self._failure(error, summary)
            hold = self.freshness.minimum if no_cache else 0.0
            kept = self.cache.fail(target.key, failure.entry, fallback=hit.entry if hit else None, hold=hold)
            return failure if kept is failure.entry else failure._replace(entry=kept, source=STALE)

    async def _from_shared(self, target: Target, summary: FetchEnded) -> Hit | None:
        """What the shared level has; a rejection does not wait for another server."""
        if not self.cache.shared_up or self.admission.is_full:
            return None
        asked = time.perf_counter()
        try:
            return await self.cache.from_shared(target.key)
        finally:
            summary.timings.shared_cache = time.perf_counter() - asked

    def _failure(self, error: ScrapError, summary: FetchEnded) -> Preview:
        """A failure's preview; the page is not to blame for a deadline that passed mostly in queues of this service."""
        if error.reason is Reason.TIMEOUT_TOTAL and summary.timings.wait > self.deadline / 2:
            error = Overloaded(Reason.FULL, "the deadline passed in the queue")
        failed = entry.failure(error, policy=self.freshness, now=self.clock())
        return Preview(failed, MISS, summary, error.internal)

    async def _fetch(self, target: Target, summary: FetchEnded, deadline: Deadline, look: Look | None) -> Preview:
        started = time.perf_counter()
        with await self.admission.enter() as slot:
            summary.queued = summary.timings.wait = time.perf_counter() - started
            try:
                page = await self.fetcher.open(target, summary, deadline)
                preview, leads_to = await self._previewed(page, slot, look)
                while leads_to:
                    content, parse = summary.content, summary.parse
                    try:
                        page = await self.fetcher.follow(leads_to, page.navigation)
                        preview, leads_to = await self._previewed(page, slot, look)
                    except UpstreamError:  # the page itself was read, and has no Open Graph
                        summary.content, summary.parse = content, parse
                        break
            finally:
                self.emit(summary)
        self.cache.put(target.key, preview.entry)
        return preview

    async def _previewed(self, page: FetchedPage, slot: Slot, look: Look | None) -> tuple[Preview, Target | None]:
        """Reads and parses a page; returns its preview, and where a page without Open Graph leads to by a refresh."""
        summary = page.navigation.summary
        with page:
            arrived = self.clock()
            reader = None
            if page.is_html:
                reader = opengraph.PageReader(charset=page.charset, limits=self.parsing)
                await page.read(partial(_feed, reader, page, slot))
        parsed = await self._parse(reader, page, slot) if reader else _NOTHING
        if look:
            await self._step(partial(look, page, reader.reading if reader else None), summary.timings)
        leads_to = None if parsed.outcome is Outcome.OK else page.refreshed(parsed.refresh, parsed.base)
        lifetime = freshness.of_page(page.fields, now=arrived, delay=page.delay, policy=self.freshness)
        if page.failure or leads_to:  # a later try may give more: as soon as after a failure
            lifetime = lifetime._replace(lifetime=min(lifetime.lifetime, self.freshness.negative))
        made = entry.preview(parsed.body, parsed.outcome, lifetime, location=page.target.href, now=arrived)
        return Preview(made, MISS, summary), leads_to

    async def _parse(self, reader: opengraph.PageReader, page: FetchedPage, slot: Slot) -> Parsed:
        summary = page.navigation.summary
        timings = summary.timings
        await self._step(reader.end, timings)
        while reader.is_behind:
            await self._step(reader.feed, timings)
        if page.failure and not reader.is_useful:
            raise page.failure()
        arguments = reader, page.target.href, self.parsing
        is_light = reader.is_light(page.target.href)
        parsed = await self._step(partial(_by_fast_path, *arguments), timings) if is_light else None
        if parsed is None or parsed.fallback_reason:
            parse = partial(parse_page, *arguments, parsed)
            parsed = await self._in_thread(parse, page.target.host, reader.held, timings)
        if parsed.error:
            self._parser_failed(page.target.host, parsed.error)
        parser, reason = "reference" if parsed.fallback_reason else "fast", parsed.fallback_reason
        summary.parse = Parse(parser, reason, self.clock() - timings.parse, timings.parse, parsed.bound)
        slot.hold(reader.held + len(parsed.body))
        return parsed

    def _parser_failed(self, host: str, error: Exception) -> None:
        """Emits that a parser failed; logs it once a minute at most, for a page can cause it at will."""
        self.emit(BackgroundFailed(error))
        now = time.monotonic()
        if now - self._parser_failure_logged >= _LOG_AGAIN:
            self._parser_failure_logged = now
            log.error("a parser failed on a page of %s", host, exc_info=error)

    async def _in_thread(self, parse: Callable[[], Parsed], host: str, size: int, timings: Timings) -> Parsed:
        """Parses in a thread; the wait for one is a wait in this service."""
        asked, began = time.perf_counter(), math.inf

        def timed() -> Parsed:
            nonlocal began
            began = time.perf_counter()
            return parse()

        try:
            return await self.executor.run(timed, host=host, size=size)
        except RuntimeError as error:  # no thread can be started
            raise Overloaded(Reason.EXHAUSTED, str(error)) from None
        finally:
            ended = time.perf_counter()
            began = min(began, ended)  # it is infinite where no thread has begun
            timings.wait += began - asked
            timings.parse += ended - began

    async def _step(self, step: Callable[[], T], timings: Timings) -> T:
        """Runs a step of parsing when it is its turn."""
        if not self.turns.is_free:
            asked = time.perf_counter()
            try:
                await self.turns.wait()
            finally:
                timings.wait += time.perf_counter() - asked
        started = time.perf_counter()
        result = step()
        seconds = time.perf_counter() - started
        timings.parse += seconds
        self.turns.spend(seconds)
        return result


def parse_page(
    reader: opengraph.PageReader, url: str, limits: opengraph.ParseLimits, parsed: Parsed | None = None
) -> Parsed:
    """Parses a page that was read: by the fast path, unless that has `parsed` it; where that cannot, by html5lib."""
    parsed = parsed or _by_fast_path(reader, url, limits)
    if not parsed.fallback_reason:
        return parsed
    try:
        found = _parsed(opengraph.read_with_html5lib(reader.reading.text, limits), url, limits)
    except Exception as error:  # noqa: BLE001 - no page may cause an error
        return parsed._replace(error=error)
    return found._replace(fallback_reason=parsed.fallback_reason, error=parsed.error)


def _by_fast_path(reader: opengraph.PageReader, url: str, limits: opengraph.ParseLimits) -> Parsed:
    """What the fast path finds; nothing, with a fallback reason, where it cannot read the page."""
    reading = reader.close()
    try:
        if reading.document:
            return _parsed(reading.document, url, limits)
    except Exception as error:  # noqa: BLE001 - likewise
        reading = reading._replace(fallback_reason=opengraph.FallbackReason.ERROR, error=error)
    return _NOTHING._replace(fallback_reason=reading.fallback_reason, error=reading.error)


def _parsed(document: opengraph.Document, url: str, limits: opengraph.ParseLimits) -> Parsed:
    graph = opengraph.open_graph(document, url, limits)
    outcome = Outcome.OK if graph.fields else Outcome.NO_OPEN_GRAPH
    # A copy: orjson's own keeps the buffer that it was written to, of 4 KiB at least, for as long as it is kept.
    body = bytes(memoryview(orjson.dumps(graph.fields)))
    return Parsed(body, outcome, bound=graph.bound, refresh=document.refresh, base=document.base)


def _feed(reader: opengraph.PageReader, page: FetchedPage, slot: Slot, piece: bytes) -> Wants:
    """Feeds a piece of a page as it arrives, until the reader has enough."""
    enough = reader.feed(piece)
    slot.hold(reader.held + page.held)
    if enough:
        return Wants.NOTHING
    return Wants.TURN if reader.is_behind else Wants.MORE


def _found(hit: Hit, fetch: FetchEnded | None = None) -> Preview:
    """The preview that was in the cache."""
    source = FRESH if hit.state is EntryState.FRESH else STALE
    return Preview(hit.entry, source, fetch, due=hit.state is EntryState.STALE)
