"""Events that wait for others."""

import asyncio
import threading
from collections.abc import Callable, Iterable

import pytest

from scrap.events import (
    BackgroundFailed,
    Event,
    FlightJoined,
    RequestEnded,
    RequestStarted,
    TargetBlocked,
    ended,
    ignore,
)
from scrap.telemetry import FanOut, Gathering
from scrap.telemetry.sinks import Handlers, Hits
from scrap.telemetry.trace import Trace, current_trace
from tests.unit.telemetry.events import ENDED, HIT, hits

ONE, OTHER = FlightJoined(), TargetBlocked("private")
TRACE = Trace(int("a" * 32, 16), int("b" * 16, 16), sampled=True)
A_HIT, ANOTHER = (HIT.ending, "r-1", 0.0001, 1.0, None), (HIT.ending, "r-2", 0.0002, 2.0, TRACE)


class Taker:
    """Gives events of some types to a function."""

    name = "taker"

    def __init__(self, take: Callable[[Event], None], kinds: Iterable[type[Event]]) -> None:
        self.handlers: Handlers = dict.fromkeys(kinds, take)


def fan_out(take: Callable[[Event], None], *kinds: type[Event]) -> FanOut:
    """To a function; all that is told here, unless some types are named."""
    return FanOut(
        Taker(take, kinds or (FlightJoined, TargetBlocked, BackgroundFailed, RequestStarted)), failed=pytest.fail
    )


def test_events_wait_until_somebody_wants_them() -> None:
    came: list[Event] = []
    gathering = Gathering(fan_out(came.append))
    gathering.emit(ONE)
    gathering.emit(OTHER)
    assert came == []
    gathering.settle()
    assert came == [ONE, OTHER]


def test_there_are_never_many_that_wait() -> None:
    came: list[Event] = []
    gathering = Gathering(fan_out(came.append))
    for _ in range(1000):
        gathering.emit(ONE)
    assert len(came) > 1000 - 256


async def test_none_waits_for_long() -> None:
    came: list[Event] = []
    gathering = Gathering(fan_out(came.append), interval=0.001)
    gathering.start()
    for event in (ONE, OTHER):
        gathering.emit(event)
        while came[-1:] != [event]:
            await asyncio.sleep(0.001)
    gathering.stop()
    await asyncio.sleep(0.01)
    gathering.emit(ONE)
    await asyncio.sleep(0.01)
    assert came == [ONE, OTHER]


async def test_who_waits_for_the_end_of_each_handing_on_is_told() -> None:
    came: list[Event | str] = []
    gathering = Gathering(fan_out(came.append), interval=0.001, done=lambda: came.append("done"))
    gathering.emit(ONE)
    gathering.emit(OTHER)
    gathering.settle()
    assert came == [ONE, OTHER, "done"]
    gathering.start()  # even where nothing is handed on: there are other lines in the log
    while len(came) < 5:
        await asyncio.sleep(0.001)
    gathering.stop()
    assert came[3:5] == ["done", "done"]


def test_the_end_hands_on_what_is_kept() -> None:
    came: list[Event] = []
    gathering = Gathering(fan_out(came.append))
    gathering.emit(ONE)
    gathering.stop()
    assert came == [ONE]


def test_who_follows_a_call_is_told_at_once() -> None:
    first: list[Event] = []
    later: list[Event] = []
    gathering = Gathering(fan_out(later.append, TargetBlocked), first=fan_out(first.append, FlightJoined))
    gathering.emit(ONE)
    gathering.emit(OTHER)
    assert (first, later) == ([ONE], [])
    gathering.settle()
    assert (first, later) == ([ONE], [OTHER])


def test_calls_are_followed_where_somebody_wants_to_know_when_they_begin() -> None:
    first: list[Event] = []
    assert Gathering(fan_out(first.append, TargetBlocked), first=fan_out(first.append, FlightJoined)).follow is None
    follow = Gathering(fan_out(first.append, TargetBlocked), first=fan_out(first.append, RequestStarted)).follow
    assert follow
    follow(RequestStarted())
    assert first == [RequestStarted()]


def test_an_event_keeps_its_trace() -> None:
    seen: list[Trace | None] = []
    gathering = Gathering(fan_out(lambda event: seen.append(current_trace.get())))
    gathering.emit(ONE)
    token = current_trace.set(TRACE)
    gathering.emit(ONE)
    current_trace.set(None)
    gathering.emit(ONE)
    current_trace.set(
        Trace(int("c" * 32, 16), int("d" * 16, 16), sampled=True)
    )  # of the call in whose midst they are handed on
    gathering.settle()
    current_trace.reset(token)
    assert seen == [None, TRACE, None]


def taker_of_hits(came: list[Event | Hits]) -> FanOut:
    taker = Taker(came.append, (FlightJoined, RequestEnded))
    taker.handlers = {**taker.handlers, Hits: came.append}
    return FanOut(taker, failed=pytest.fail)


def test_hits_come_together_behind_all_others() -> None:
    came: list[Event | Hits] = []
    gathering = Gathering(taker_of_hits(came))
    gathering.hit(A_HIT)
    gathering.emit(ENDED)
    gathering.hit(ANOTHER)
    gathering.emit(ONE)
    assert came == []
    gathering.settle()
    gathering.settle()
    assert came == [ENDED, ONE, hits(A_HIT, ANOTHER)]


async def test_no_hit_waits_for_long_and_many_wait_less() -> None:
    came: list[int] = []
    taker = Taker(ignore, [RequestEnded])
    taker.handlers = {RequestEnded: ignore, Hits: lambda them: came.append(len(them.endings))}
    gathering = Gathering(FanOut(taker, failed=pytest.fail), interval=0.05)
    gathering.start()
    while len(came) < 5:
        for _ in range(10):
            gathering.hit(A_HIT)
        await asyncio.sleep(0)
    gathering.stop()
    assert came[3] < came[0]


def test_a_hit_keeps_its_trace() -> None:
    seen: list[Trace | None] = []
    to = FanOut(Taker(lambda _: seen.append(current_trace.get()), [RequestEnded]), failed=pytest.fail)
    gathering = Gathering(to)
    for hit in (A_HIT, ANOTHER, A_HIT):
        gathering.hit(hit)
    gathering.settle()
    assert seen == [None, TRACE, None]


def test_who_follows_calls_to_their_end_is_told_of_hits_at_once() -> None:
    first: list[Event] = []
    later: list[Event | Hits] = []
    gathering = Gathering(taker_of_hits(later), first=fan_out(first.append, RequestEnded))
    gathering.hit(A_HIT)
    assert (first, later) == ([ended(A_HIT)], [])
    gathering.settle()
    assert later == [ended(A_HIT)]


def test_who_takes_events_may_bring_more() -> None:
    came: list[Event] = []
    failed = BackgroundFailed(RuntimeError())

    def take(event: Event) -> None:
        came.append(event)
        if event == ONE:
            for _ in range(200):
                gathering.emit(failed)

    gathering = Gathering(fan_out(take))
    gathering.emit(ONE)
    gathering.settle()
    gathering.settle()
    assert came == [ONE] + [failed] * 200


def test_many_threads_lose_nothing() -> None:
    came: list[Event] = []
    gathering = Gathering(fan_out(came.append))
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            gathering.settle()

    reader = threading.Thread(target=read)
    reader.start()
    starts = [RequestStarted(str(number)) for number in range(20_000)]
    for start in starts:
        gathering.emit(start)
    over.set()
    reader.join()
    gathering.settle()
    assert came == starts
