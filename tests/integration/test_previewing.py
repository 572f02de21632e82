"""The use case over real sockets: what is kept of a page, from when on, and whose fault it is where it is late."""

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest

from scrap import admission, cache, opengraph, preview, urls
from scrap.cache import freshness
from scrap.errors import Outcome, Reason
from scrap.events import Emit, Event, FetchEnded, TargetBlocked, ignore
from scrap.fetch import EgressPolicy, Fetcher, FetchLimits
from scrap.preview import Preview, Previewer
from scrap.turns import Turns
from tests.clock import Clock
from tests.hostile.answers import CARD, EVERY, HTML, by_path, page, says
from tests.hostile.origin import Answer, HostileOrigin, Request, serving

LOOPBACK = EgressPolicy(networks=(ip_network("127.0.0.0/8"),), ports=frozenset(range(1, 65536)))


class MinuteClock:
    """A wall clock that is a minute later whenever somebody looks."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


@asynccontextmanager
async def new_previewer(
    *,
    limits: FetchLimits = FetchLimits(),  # noqa: B008 - frozen
    admission_limits: admission.AdmissionLimits = admission.AdmissionLimits(),  # noqa: B008 - frozen
    slots: admission.Admission | None = None,
    deadline: float = 20.0,
    clock: Callable[[], float] = MinuteClock(),  # noqa: B008 - each test makes its own
    executor: admission.Executor | None = None,
    emit: Emit = ignore,
) -> AsyncIterator[Previewer]:
    """Makes previews; gives what begins one."""
    executor = executor or admission.Executor(1)
    fetcher = Fetcher(limits=limits, policy=LOOPBACK, emit=emit)
    made = Previewer(
        fetcher=fetcher,
        cache=cache.Cache(cache.CacheLimits(), cache.SharedSettings(), emit=ignore, clock=clock),
        freshness=freshness.FreshnessPolicy(),
        admission=slots or admission.Admission(admission_limits),
        parsing=opengraph.ParseLimits(),
        turns=Turns(),
        executor=executor,
        deadline=deadline,
        emit=emit,
        clock=clock,
    )
    try:
        yield made
    finally:
        await made.aclose()
        await fetcher.aclose()
        executor.close()


@asynccontextmanager
async def previewing(**options: Any) -> AsyncIterator[Callable[[str], asyncio.Task[Preview]]]:
    """Makes previews; gives what begins one."""
    async with new_previewer(**options) as made:
        yield lambda url: asyncio.create_task(made.make(urls.parse(url)))


async def arrived(origin: HostileOrigin, many: int) -> None:
    while len(origin.requests) < many:
        await asyncio.sleep(0)


async def test_a_lifetime_begins_when_the_page_arrives_not_when_it_is_read() -> None:
    clock = MinuteClock()
    began = clock.now
    async with serving(page(CARD, b"Cache-Control: max-age=600")) as origin, previewing(clock=clock) as make:
        kept = (await make(origin.url())).entry
    assert clock.now > began + 60  # the clock was looked at again
    assert kept.stored == began + 60
    assert kept.fresh_until == pytest.approx(kept.stored + 600, abs=20)


@pytest.mark.parametrize(
    ("path", "reason", "parts"),
    [
        ("/alive", None, "content parse"),
        ("/binary", None, "content"),
        ("/chunk-soup", None, "content"),
        ("/closed", Reason.PROTOCOL_ERROR, ""),
        ("/silent", None, ""),  # the deadline cancels it
    ],
)
async def test_a_fetch_emits_one_event_of_what_it_did(path: str, reason: Reason | None, parts: str) -> None:
    emitted: list[Event] = []
    limits = FetchLimits(first_byte_seconds=20)
    async with serving(by_path(EVERY)) as origin, previewing(emit=emitted.append, deadline=0.5, limits=limits) as make:
        await make(origin.url(path))
    (event,) = emitted
    assert isinstance(event, FetchEnded)
    (hop,) = event.hops
    assert (hop.status, hop.reason) == (200 if parts else None, reason)
    assert [part for part in ("content", "parse") if getattr(event, part)] == parts.split()
    assert event.queued is not None


async def test_a_blocked_fetch_has_no_hop() -> None:
    emitted: list[Event] = []
    async with previewing(emit=emitted.append) as make:
        await make("http://10.0.0.1/")
    blocked, event = emitted
    assert blocked == TargetBlocked("private")
    assert isinstance(event, FetchEnded)
    assert (event.hops, event.content, event.parse) == ([], None, None)
    assert event.queued is not None


async def test_what_is_kept_of_a_page_takes_no_more_memory_than_it_is_long() -> None:
    tracemalloc.start()
    try:
        async with serving(page(CARD)) as origin, previewing() as make:
            kept = (await make(origin.url())).entry
            snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    ours = snapshot.filter_traces([tracemalloc.Filter(inclusive=True, filename_pattern=preview.__file__)])
    assert len(kept.body) < 500
    assert max(trace.size for trace in ours.traces) < 2000


async def test_a_wait_in_the_queue_until_the_deadline_is_not_reported_as_a_slow_page() -> None:
    """Two pages of one host that takes one at a time: the first is late by its own fault, the other by ours."""
    limits = FetchLimits(per_host=1, first_byte_seconds=20)
    async with serving(says(stays=True)) as origin, previewing(limits=limits, deadline=0.3) as make:
        first = make(origin.url("/1"))
        await arrived(origin, 1)
        second = make(origin.url("/2"))
        late, unlucky = (await first).entry, (await second).entry
    assert late.reason is Reason.TIMEOUT_TOTAL
    assert (unlucky.reason, unlucky.outcome) == (Reason.FULL, Outcome.SHED)
    assert unlucky.fresh_until == unlucky.stored  # it is not kept


async def test_a_wait_for_a_parser_until_the_deadline_is_reported_as_saturation() -> None:
    busy = threading.Event()
    executor = admission.Executor(1)
    occupied = asyncio.create_task(executor.run(lambda: busy.wait(20), host="other.example", size=1))
    await asyncio.sleep(0)
    async with serving(page(b"<svg>" + CARD)) as origin, previewing(deadline=0.3, executor=executor) as make:
        unlucky = (await make(origin.url())).entry
        busy.set()
        await occupied
    assert (unlucky.reason, unlucky.outcome) == (Reason.FULL, Outcome.SHED)
    assert unlucky.fresh_until == unlucky.stored  # it is not kept


async def test_a_page_that_finds_no_memory_is_refused_and_small_ones_go_on() -> None:
    large = says(HTML + b"\r\n<head>" + b"a" * 900_000, stays=True)
    admission_limits = admission.AdmissionLimits(shared_bytes=1_500_000)
    async with (
        serving(large) as greedy,
        serving(page()) as modest,
        previewing(admission_limits=admission_limits) as make,
    ):
        first, second = make(greedy.url("/1")), make(greedy.url("/2"))
        done, (staying,) = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
        assert [(await task).entry.reason for task in done] == [Reason.FULL]
        assert (await make(modest.url())).entry.outcome is Outcome.OK
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)


async def left_behind(call: Awaitable[object]) -> list[type]:
    """The types of the service's objects that only the garbage collector removes after a call."""
    gc.collect()
    gc.disable()
    try:
        await call
        for _ in range(5):
            await asyncio.sleep(0)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return [type(thing) for thing in gc.garbage if type(thing).__module__.startswith("scrap")]
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()


@pytest.mark.parametrize(
    "path",
    ["/alive", "/closed", "/no-status", "/endless-header-fields", "/chunk-soup", "/short", "/loop", "/members/gzip"],
)
async def test_a_page_is_gone_as_soon_as_its_call_is_over(path: str) -> None:
    """No object is in a cycle, which would keep all that was read of the page until the collector comes."""
    async with serving(by_path(EVERY)) as origin, previewing() as make:
        before = len(origin.requests)
        left = await left_behind(make(f"{origin.url().rstrip('/')}{path}"))
        assert len(origin.requests) > before
    assert not left


class NoCacheClient:
    """One that asks for a page, anew, as the endpoint does; `fetches` counts the page's requests."""

    def __init__(self, previewer: Previewer, origin: HostileOrigin, clock: Clock) -> None:
        self.previewer = previewer
        self.origin = origin
        self.clock = clock

    async def asks(self, *, after: float = 0.0, no_cache: bool = True, languages: str = "") -> tuple[str, str, int]:
        """Asks some seconds later; gives the outcome, its source, and how often the page was fetched so far."""
        self.clock.now += after
        target = urls.parse(self.origin.url())
        target = target.in_languages(languages) if languages else target
        preview = self.previewer.peek(target, no_cache=no_cache) or await self.previewer.make(target, no_cache=no_cache)
        return preview.entry.outcome, preview.source, len(self.origin.requests)


@asynccontextmanager
async def asking(*answers: Answer, slots: admission.Admission | None = None) -> AsyncIterator[NoCacheClient]:
    """A client of a page that is answered like this, one after the other."""
    clock = Clock(1_800_000_000.0)
    rest = iter(answers)

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await next(rest)(request, writer)

    async with serving(answer) as origin, new_previewer(clock=clock, slots=slots) as previewer:
        yield NoCacheClient(previewer, origin, clock)


DAY = b"Cache-Control: max-age=86400"


async def test_a_page_is_fetched_anew_once_in_the_minimum_of_freshness() -> None:
    async with asking(page(CARD, DAY), page(CARD, DAY)) as client:
        assert await client.asks() == ("ok", "miss", 1)
        assert await client.asks(after=59) == ("ok", "fresh", 1)
        assert await client.asks(after=1) == ("ok", "miss", 2)
        assert await client.asks(after=59) == ("ok", "fresh", 2)
        assert await client.asks(after=1, no_cache=False) == ("ok", "fresh", 2)


async def test_a_preview_that_cannot_be_made_anew_is_answered_and_kept() -> None:
    async with asking(page(CARD, DAY), says(), page(CARD, DAY)) as client:
        await client.asks()
        assert await client.asks(after=60) == ("ok", "stale", 2)
        assert await client.asks(after=0, no_cache=False) == ("ok", "fresh", 2)
        assert await client.asks(after=59) == ("ok", "fresh", 2)
        assert await client.asks(after=1) == ("ok", "miss", 3)


async def test_a_page_that_is_gone_is_gone_where_it_is_fetched_anew() -> None:
    gone = says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    async with asking(page(CARD, DAY), gone) as client:
        await client.asks()
        assert await client.asks(after=60) == ("upstream_error", "miss", 2)
        assert await client.asks(no_cache=False) == ("upstream_error", "fresh", 2)


async def test_nothing_is_fetched_anew_in_an_overload() -> None:
    overloaded = admission.Admission(admission.AdmissionLimits())
    async with asking(page(CARD, DAY), slots=overloaded) as client:
        await client.asks()
        overloaded.reject()
        assert await client.asks(after=60) == ("ok", "fresh", 1)


async def test_each_preference_has_a_preview_of_its_own() -> None:
    async with asking(page(), page()) as client:
        assert await client.asks(no_cache=False) == ("ok", "miss", 1)
        assert await client.asks(no_cache=False, languages="de") == ("ok", "miss", 2)
        assert await client.asks(no_cache=False, languages="de") == ("ok", "fresh", 2)
        assert await client.asks(no_cache=False) == ("ok", "fresh", 2)
        assert [request.header("accept-language") for request in client.origin.requests] == ["en-US,en;q=0.9", "de"]
