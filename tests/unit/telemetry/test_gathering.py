"""Events that wait for others."""

import asyncio
import threading
from collections.abc import Iterable

import pytest

from scrap.events import BackgroundFailed, CacheLookup, Event, FlightJoined, RequestStarted
from scrap.telemetry import FanOut, Gathering
from scrap.telemetry.sinks import Handlers
from scrap.telemetry.trace import Trace, current_trace

ONE, OTHER = CacheLookup("memory", "fresh"), CacheLookup("memory", "stale")
TRACE = Trace("a" * 32, "b" * 16, sampled=True)


class Lookups:
    """Keeps the look-ups that it is given."""

    name = "lookups"

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.handlers: Handlers = {CacheLookup: self.events.append}


def test_events_wait_until_somebody_wants_them() -> None:
    came: list[Event] = []
    gathering = Gathering(came.extend)
    gathering.emit(ONE)
    gathering.emit(OTHER)
    assert came == []
    gathering.settle()
    assert came == [ONE, OTHER]


def test_there_are_never_many_that_wait() -> None:
    came: list[Event] = []
    gathering = Gathering(came.extend)
    for _ in range(1000):
        gathering.emit(ONE)
    assert len(came) > 800


async def test_none_waits_for_long() -> None:
    came: list[Event] = []
    gathering = Gathering(came.extend, interval=0.001)
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


def test_the_end_hands_on_what_is_kept() -> None:
    came: list[Event] = []
    gathering = Gathering(came.extend)
    gathering.emit(ONE)
    gathering.stop()
    assert came == [ONE]


def test_who_follows_a_call_is_told_at_once() -> None:
    lookups = Lookups()
    gathering = Gathering(lambda events: None, first=FanOut(lookups, failed=pytest.fail))
    gathering.emit(FlightJoined())
    gathering.emit(ONE)
    assert lookups.events == [ONE]


def test_an_event_keeps_its_trace() -> None:
    seen: list[Trace | None] = []
    gathering = Gathering(lambda events: seen.extend(current_trace.get() for _ in events))
    gathering.emit(ONE)
    token = current_trace.set(TRACE)
    gathering.emit(ONE)
    current_trace.set(None)
    gathering.emit(ONE)
    current_trace.set(Trace("c" * 32, "d" * 16, sampled=True))  # of the call in whose midst they are handed on
    gathering.settle()
    current_trace.reset(token)
    assert seen == [None, TRACE, None]


def test_who_takes_events_may_bring_more() -> None:
    came: list[Event] = []
    failed = BackgroundFailed(RuntimeError())

    def take(events: Iterable[Event]) -> None:
        for event in events:
            came.append(event)
            if event == ONE:
                for _ in range(200):
                    gathering.emit(failed)

    gathering = Gathering(take)
    gathering.emit(ONE)
    gathering.settle()
    gathering.settle()
    assert came == [ONE] + [failed] * 200


def test_many_threads_lose_nothing() -> None:
    came: list[Event] = []
    gathering = Gathering(came.extend)
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
