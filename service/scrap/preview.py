"""The use case: from a page's URL to its Open Graph, fetched at most once however many ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import orjson

from scrap import opengraph
from scrap.admission import Admission, Place
from scrap.cache import Cache, Hit, entry
from scrap.cache.entry import Entry, State
from scrap.cache.flight import Flights
from scrap.cache.freshness import Policy, of_page
from scrap.errors import DeadlineExceeded, Outcome, Overloaded, Reason, ScrapError
from scrap.events import Emit, FetchAdmitted, Notes, PageParsed, Timings
from scrap.fetch import Fetcher, Page
from scrap.urls import Target

FRESH = "fresh"  # the source of a preview that was there and good
MISS = "miss"  # of one that was fetched for its call
_AT_ONCE = Timings()  # of an answer that was there already


class Preview(NamedTuple):
    """The answer to one call.

    Attributes:
        entry: what is sent: a page's Open Graph, or why there is none to be had.
        source: where it came from: "fresh" or "stale" from the cache, or "miss": it was fetched.
        timings: how long each phase of the fetch took.
        internal: what only the log may say of a failure.
        notes: on the page, where it was fetched.
        due: it is stale, and nobody has begun to fetch its page again.
    """

    entry: Entry
    source: str
    timings: Timings
    internal: str = ""
    notes: Notes | None = None
    due: bool = False


class Parsed(NamedTuple):
    """What a page says.

    Attributes:
        body: its Open Graph, as JSON.
        outcome: whether there is any.
        unsure: why html5lib had to read it; None where it had not.
        bound: which bound html5lib reached.
    """

    body: bytes
    outcome: Outcome
    unsure: opengraph.Unsure | None = None
    bound: opengraph.Bound | None = None


_NO_HTML = Parsed(b"{}", Outcome.NO_OPEN_GRAPH)
# Does work that takes long, somewhere that does not hold up the event loop.
Aside = Callable[[Callable[[], Parsed]], Awaitable[Parsed]]


class Previewer:
    """Makes previews.

    Args:
        fetcher: fetches pages.
        cache: keeps answers.
        freshness: for how long it keeps them.
        admission: lets only so many fetches run at once.
        parsing: what a page may cost to parse.
        aside: does what takes long: pages that the express lane is not sure of, and those that say very much.
        deadline: seconds for everything, from the wait for a place to the last byte parsed.
        emit: where the events go.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        cache: Cache,
        freshness: Policy,
        admission: Admission,
        parsing: opengraph.Limits,
        aside: Aside,
        deadline: float,
        emit: Emit,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._freshness = freshness
        self._admission = admission
        self._parsing = parsing
        self._aside = aside
        self._deadline = deadline
        self._emit = emit
        self._clock = clock
        self._flights: Flights[Preview] = Flights(emit=emit)

    def peek(self, target: Target) -> Preview | None:
        """The answer that is there already, if there is one; a stale one is refreshed behind its caller's back."""
        hit = self._cache.peek(target.href)
        return None if hit is None else self._refreshed(target, _found(hit, _AT_ONCE))

    @property
    def is_strained(self) -> bool:
        """Whether calls that need a fetch are refused, some or all.

        What only the shared level may know needs one, too: a no that waits for another server is no quick one.
        """
        return self._admission.is_strained

    def let_in(self) -> bool:
        """Lets a call in that needs a fetch, if it may."""
        return self._admission.let_in()

    def knows(self, target: Target) -> bool:
        """Whether a call needs no fetch of its own: the answer is there, or under way."""
        return self._cache.has(target.href) or target.href in self._flights

    def refuse(self) -> Overloaded:
        """Notes that a call is refused; gives the error that says so."""
        return self._admission.refuse()

    async def make(self, target: Target) -> Preview:
        """Fetches a page and reads its Open Graph, or joins who is doing so.

        A failure for a known reason is an answer, too; it is kept for a while, like any other.

        Raises:
            Overloaded: this instance is shutting down.
        """
        return self._refreshed(
            target, await self._flights.run(target.href, partial(self._make, target, only_fresh=False))
        )

    async def aclose(self) -> None:
        """Ends what is under way."""
        await self._flights.aclose()

    def _refreshed(self, target: Target, preview: Preview) -> Preview:
        """Has the page of a stale preview fetched again; not in a full house, where callers come first."""
        if preview.due and not self._admission.is_full:
            self._flights.launch(target.href, partial(self._make, target, only_fresh=True))
        return preview

    async def _make(self, target: Target, *, only_fresh: bool) -> Preview:
        timings = Timings()
        hit: Hit | None = None
        try:
            async with asyncio.timeout(self._deadline):
                if not self._admission.is_full:  # else it is refused below, and that does not wait for another server
                    hit = await self._cache.get(target.href)
                if hit and hit.state and not (hit.state is State.STALE and only_fresh):
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

    async def _admitted(self, target: Target, timings: Timings) -> tuple[Entry, Notes]:
        started = time.perf_counter()
        async with self._admission.enter() as place:
            timings.wait = time.perf_counter() - started
            self._emit(FetchAdmitted(timings.wait))
            return await self._fetch(target, place, timings)

    async def _fetch(self, target: Target, place: Place, timings: Timings) -> tuple[Entry, Notes]:
        async with self._fetcher.open(target, timings) as page:
            arrived = self._clock()
            reader = await self._read(page, place, timings) if page.is_html else None
            truncated = page.truncated
        parsed = await self._parse(reader, page.url, timings) if reader else _NO_HTML
        made = entry.preview(
            parsed.body,
            parsed.outcome,
            of_page(page.headers, now=arrived, delay=page.delay, policy=self._freshness),
            now=arrived,
        )
        return made, Notes(truncated, parsed.unsure, parsed.bound)

    async def _read(self, page: Page, place: Place, timings: Timings) -> opengraph.PageReader:
        """Reads a page as it arrives, until it has said enough."""
        reader = opengraph.PageReader(charset=page.charset, limits=self._parsing)
        async for chunk in page.chunks():
            place.hold(len(chunk))
            started = time.perf_counter()
            enough = reader.feed(chunk)
            while reader.is_behind and not enough:
                enough = reader.advance()
            timings.parse += time.perf_counter() - started
            if enough:
                break
        return reader

    async def _parse(self, reader: opengraph.PageReader, url: str, timings: Timings) -> Parsed:
        started = time.perf_counter()
        reader.end()
        while reader.is_behind:
            reader.advance()
        if reader.is_light:
            reading = reader.close()
            parse = partial(_parsed, reading, url, self._parsing)
            parsed = await self._aside(parse) if reading.unsure else parse()
        else:
            parsed = await self._aside(lambda: _parsed(reader.close(), url, self._parsing))
        timings.parse += time.perf_counter() - started
        lane = "html5lib" if parsed.unsure else "express"
        self._emit(PageParsed(lane, parsed.unsure, self._clock() - timings.parse, timings.parse, parsed.bound))
        return parsed


def _parsed(reading: opengraph.Reading, url: str, limits: opengraph.Limits) -> Parsed:
    document = reading.document or opengraph.read_with_html5lib(reading.text, limits)
    graph = opengraph.open_graph(document, url)
    outcome = Outcome.OK if graph else Outcome.NO_OPEN_GRAPH
    # A copy: what orjson gives keeps the buffer that it was written to, of 4 KiB at least, for as long as it is kept.
    body = bytes(memoryview(orjson.dumps(graph)))
    return Parsed(body, outcome, reading.unsure, document.bound)


def _found(hit: Hit, timings: Timings) -> Preview:
    """The answer that was there."""
    source = FRESH if hit.state is State.FRESH else "stale"
    return Preview(hit.entry, source, timings, due=hit.state is State.STALE)
