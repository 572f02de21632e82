"""The use case: from a page's URL to its Open Graph, fetched at most once however many ask."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import orjson

from scrap import opengraph
from scrap.admission import Admission, Executor, Slot
from scrap.cache import Cache, Hit, entry
from scrap.cache.entry import Entry, EntryState
from scrap.cache.flight import Flights
from scrap.cache.freshness import FreshnessPolicy, of_page
from scrap.errors import DeadlineExceeded, Outcome, Overloaded, Reason, ScrapError
from scrap.events import BackgroundFailed, Emit, FetchAdmitted, PageNotes, PageParsed, Timings
from scrap.fetch import FetchedPage, Fetcher
from scrap.turns import Turns
from scrap.urls import Target

log = logging.getLogger(__name__)

FRESH = "fresh"  # the source of a preview that was there and good
MISS = "miss"  # of one that was fetched for its request
JOINED = "joined"  # of one that was fetched for another request
_LOG_AGAIN = 60.0  # seconds
_AT_ONCE = Timings()  # of an answer that was there already


class Preview(NamedTuple):
    """The answer to one call.

    Attributes:
        entry: what is sent: a page's Open Graph, or why there is none to be had.
        source: where it came from: "fresh" or "stale" from the cache, "miss": it was fetched, or "joined": another
            request had it fetched.
        timings: how long each phase of the fetch took.
        internal: what only the log may say of a failure.
        notes: on the page, where it was fetched.
        due: it is stale, and nobody has begun to fetch its page again.
    """

    entry: Entry
    source: str
    timings: Timings
    internal: str = ""
    notes: PageNotes | None = None
    due: bool = False


class Parsed(NamedTuple):
    """What a page says.

    Attributes:
        body: its Open Graph, as JSON.
        outcome: whether there is any.
        fallback_reason: why html5lib had to read it; None where it had not.
        bound: the first limit that the page exceeded.
        error: what made a parser fail.
    """

    body: bytes
    outcome: Outcome
    fallback_reason: opengraph.FallbackReason | None = None
    bound: opengraph.Bound | None = None
    error: Exception | None = None


_NOTHING = Parsed(b"{}", Outcome.NO_OPEN_GRAPH)


class Previewer:
    """Makes previews.

    Args:
        fetcher: fetches pages.
        cache: keeps answers.
        freshness: for how long it keeps them.
        admission: lets only so many fetches run at once.
        parsing: what a page may cost to parse.
        turns: the event loop's time for parsing, shared with the bodies of the fetches.
        executor: runs what takes long: pages that the fast path is not sure of, and those that say very much.
        deadline: seconds for everything, from the wait for a place to the last byte parsed.
        emit: where the events go.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        cache: Cache,
        freshness: FreshnessPolicy,
        admission: Admission,
        parsing: opengraph.ParseLimits,
        turns: Turns,
        executor: Executor,
        deadline: float,
        emit: Emit,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._freshness = freshness
        self._admission = admission
        self._parsing = parsing
        self._turns = turns
        self._executor = executor
        self._deadline = deadline
        self._emit = emit
        self._clock = clock
        self._parser_failure_logged = float("-inf")
        self._flights: Flights[Preview] = Flights(emit=emit)

    def peek(self, target: Target) -> Preview | None:
        """The answer that is there already, if there is one; a stale one is refreshed behind its caller's back."""
        hit = self._cache.peek(target.href)
        return None if hit is None else self._refreshed(target, _found(hit, _AT_ONCE))

    @property
    def is_overloaded(self) -> bool:
        """Whether requests that need a fetch are rejected, some or all.

        What only the shared cache may have needs one as well: a rejection that waits for another server is not quick.
        """
        return self._admission.is_overloaded

    def admit(self) -> bool:
        """Whether a request that needs a fetch may have one; to be asked once for each, while overloaded."""
        return self._admission.admit()

    def knows(self, target: Target) -> bool:
        """Whether a call needs no fetch of its own: the answer is there, or under way."""
        return self._cache.has(target.href) or target.href in self._flights

    def reject(self) -> Overloaded:
        """Counts a rejected request; returns the error that says so."""
        return self._admission.reject()

    async def make(self, target: Target) -> Preview:
        """Fetches a page and reads its Open Graph, or joins who is doing so.

        A failure for a known reason is an answer, too; it is kept for a while, like any other.

        Raises:
            Overloaded: this instance is shutting down.
        """
        joins = target.href in self._flights
        preview = await self._flights.run(target.href, partial(self._make, target, only_fresh=False))
        if joins and preview.source == MISS:  # the phases of the fetch are those of the request that began it
            preview = preview._replace(source=JOINED, timings=_AT_ONCE, notes=None)
        return self._refreshed(target, preview)

    async def aclose(self) -> None:
        """Ends what is under way."""
        await self._flights.aclose()

    def _refreshed(self, target: Target, preview: Preview) -> Preview:
        """Has the page of a stale preview fetched again; not in a full house, where callers come first."""
        if preview.due and not self._admission.is_saturated:
            self._flights.launch(target.href, partial(self._make, target, only_fresh=True))
        return preview

    async def _make(self, target: Target, *, only_fresh: bool) -> Preview:
        timings = Timings()
        hit: Hit | None = None
        try:
            async with asyncio.timeout(self._deadline):
                if (
                    not self._admission.is_saturated
                ):  # else it is refused below, and that does not wait for another server
                    hit = await self._cache.get(target.href)
                if hit and hit.state and not (hit.state is EntryState.STALE and only_fresh):
                    return _found(hit, timings)
                made, notes = await self._admitted(target, timings)
        except TimeoutError:
            return self._failed(target, self._late(timings), timings, hit)
        except ScrapError as error:
            return self._failed(target, error, timings, hit)
        self._cache.put(target.href, made)
        return Preview(made, MISS, timings, notes=notes)

    def _late(self, timings: Timings) -> ScrapError:
        """Whose fault it is that the deadline passed: who mostly waited for us was not kept waiting by the page."""
        if timings.wait > self._deadline / 2:
            return Overloaded(Reason.FULL, "the deadline passed in the queue")
        return DeadlineExceeded(Reason.TIMEOUT_TOTAL)

    def _failed(self, target: Target, error: ScrapError, timings: Timings, hit: Hit | None) -> Preview:
        failed = entry.failure(error, policy=self._freshness, now=self._clock())
        answer = self._cache.fail(target.href, failed, spare=hit.entry if hit else None)
        return Preview(answer, MISS if answer is failed else "stale", timings, error.internal)

    async def _admitted(self, target: Target, timings: Timings) -> tuple[Entry, PageNotes]:
        started = time.perf_counter()
        async with self._admission.enter() as place:
            timings.wait = time.perf_counter() - started
            self._emit(FetchAdmitted(timings.wait))
            return await self._fetch(target, place, timings)

    async def _fetch(self, target: Target, place: Slot, timings: Timings) -> tuple[Entry, PageNotes]:
        async with self._fetcher.open(target, timings) as page:
            arrived = self._clock()
            reader = await self._read(page, place, timings) if page.is_html else None
            truncated = page.truncated
        parsed = _NOTHING
        if reader:
            parsed = await self._parse(reader, page, timings)
            place.hold(reader.held + len(parsed.body))
        made = entry.preview(
            parsed.body,
            parsed.outcome,
            of_page(page.headers, now=arrived, delay=page.delay, policy=self._freshness),
            now=arrived,
        )
        return made, PageNotes(truncated, parsed.fallback_reason, parsed.bound)

    async def _read(self, page: FetchedPage, place: Slot, timings: Timings) -> opengraph.PageReader:
        """Reads a page as it arrives, until it has said enough."""
        reader = opengraph.PageReader(charset=page.charset, limits=self._parsing)
        async for chunk in page.chunks():
            started = time.perf_counter()
            enough = reader.feed(chunk)
            self._spend(started, timings)
            place.hold(reader.held + page.held)
            while reader.is_behind and not enough:
                if not self._turns.is_free:
                    await self._turn(timings)
                started = time.perf_counter()
                enough = reader.advance()
                self._spend(started, timings)
            if enough:
                break
        return reader

    async def _parse(self, reader: opengraph.PageReader, page: FetchedPage, timings: Timings) -> Parsed:
        started = time.perf_counter()
        reader.end()
        self._spend(started, timings)
        while reader.is_behind:
            if not self._turns.is_free:
                await self._turn(timings)
            started = time.perf_counter()
            reader.advance()
            self._spend(started, timings)
        parse = partial(_closed_and_parsed, reader, page.url, self._parsing)
        parsed: Parsed | opengraph.Reading | None = None
        if reader.is_light:
            if not self._turns.is_free:
                await self._turn(timings)
            started = time.perf_counter()
            parsed = _by_fast_path(reader.close(), page.url, self._parsing)
            self._spend(started, timings)
        if isinstance(parsed, opengraph.Reading):
            parse = partial(_by_reference, parsed, page.url, self._parsing)
        if not isinstance(parsed, Parsed):
            parsed = await self._in_thread(parse, page.host, reader.size, timings)
        if parsed.error:
            self._parser_failed(page.host, parsed.error)
        parser = "reference" if parsed.fallback_reason else "fast"
        self._emit(
            PageParsed(parser, parsed.fallback_reason, self._clock() - timings.parse, timings.parse, parsed.bound)
        )
        return parsed

    def _parser_failed(self, host: str, error: Exception) -> None:
        """Says that a parser of ours failed; in the log once a minute at most, for a page can cause it at will."""
        self._emit(BackgroundFailed(error))
        now = time.monotonic()
        if now - self._parser_failure_logged >= _LOG_AGAIN:
            self._parser_failure_logged = now
            log.error("a parser failed on a page of %s", host, exc_info=error)

    async def _in_thread(self, parse: Callable[[], Parsed], host: str, size: int, timings: Timings) -> Parsed:
        """Parses in a thread; the wait for one is a wait for us."""
        began = asked = time.perf_counter()

        def timed() -> Parsed:
            nonlocal began
            began = time.perf_counter()
            return parse()

        try:
            return await self._executor.run(timed, host=host, size=size)
        except RuntimeError as error:  # no thread can be started
            raise Overloaded(Reason.EXHAUSTED, str(error)) from None
        finally:
            ended = time.perf_counter()
            waited = began - asked if began > asked else ended - asked
            timings.wait += waited
            timings.parse += ended - asked - waited

    async def _turn(self, timings: Timings) -> None:
        """Waits until a step of parsing may begin."""
        started = time.perf_counter()
        try:
            await self._turns.wait()
        finally:
            timings.wait += time.perf_counter() - started

    def _spend(self, started: float, timings: Timings) -> None:
        """Notes a step of parsing that ends now."""
        seconds = time.perf_counter() - started
        timings.parse += seconds
        self._turns.spend(seconds)


def _closed_and_parsed(reader: opengraph.PageReader, url: str, limits: opengraph.ParseLimits) -> Parsed:
    found = _by_fast_path(reader.close(), url, limits)
    return found if isinstance(found, Parsed) else _by_reference(found, url, limits)


def _by_fast_path(reading: opengraph.Reading, url: str, limits: opengraph.ParseLimits) -> Parsed | opengraph.Reading:
    """What the fast path found; or what the reference parser has to read."""
    if reading.document is None:
        return reading
    try:
        return _parsed(reading.document, url, limits)
    except Exception as error:  # noqa: BLE001 - no page may cause an error
        return replace(reading, document=None, fallback_reason=opengraph.FallbackReason.ERROR, error=error)


def _by_reference(reading: opengraph.Reading, url: str, limits: opengraph.ParseLimits) -> Parsed:
    """What the reference parser finds; nothing where it fails as well."""
    error = reading.error
    try:
        parsed = _parsed(opengraph.read_with_html5lib(reading.text, limits), url, limits)
    except Exception as failure:  # noqa: BLE001 - likewise
        parsed, error = _NOTHING, failure
    return parsed._replace(fallback_reason=reading.fallback_reason, error=error)


def _parsed(document: opengraph.Document, url: str, limits: opengraph.ParseLimits) -> Parsed:
    graph = opengraph.open_graph(document, url, limits)
    outcome = Outcome.OK if graph.fields else Outcome.NO_OPEN_GRAPH
    # A copy: what orjson gives keeps the buffer that it was written to, of 4 KiB at least, for as long as it is kept.
    body = bytes(memoryview(orjson.dumps(graph.fields)))
    return Parsed(body, outcome, bound=graph.bound)


def _found(hit: Hit, timings: Timings) -> Preview:
    """The answer that was there."""
    source = FRESH if hit.state is EntryState.FRESH else "stale"
    return Preview(hit.entry, source, timings, due=hit.state is EntryState.STALE)
