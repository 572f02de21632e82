"""Many sinks as one."""

import logging

import pytest

from scrap.events import BackgroundFailed, Event, FlightJoined, RequestEnded, RequestStarted
from scrap.telemetry.sinks import FanOut, Handlers, Sink
from scrap.telemetry.trace import Trace
from tests.unit.telemetry.events import HIT, hits


class Notes:
    """Keeps what it is given of one type."""

    def __init__(self, name: str, kind: type[Event]) -> None:
        self.name = name
        self.events: list[Event] = []
        self.handlers: Handlers = {kind: self.events.append}


class Broken:
    name = "broken"

    def __init__(self) -> None:
        self.handlers: Handlers = {RequestStarted: self.fail, BackgroundFailed: self.fail}

    def fail(self, event: Event) -> None:
        raise RuntimeError("a mistake of ours")


def test_each_sink_gets_what_it_takes() -> None:
    starts, more, joins = Notes("a", RequestStarted), Notes("b", RequestStarted), Notes("c", FlightJoined)
    emit = FanOut(starts, more, joins, failed=pytest.fail)
    emit(RequestStarted())
    assert (len(starts.events), len(more.events), len(joins.events)) == (1, 1, 0)


def test_a_broken_sink_costs_only_its_own_data(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[str] = []
    healthy, told = Notes("healthy", RequestStarted), Notes("told", BackgroundFailed)
    emit = FanOut(Broken(), healthy, told, failed=failures.append)
    with caplog.at_level(logging.ERROR):
        emit(RequestStarted())
        emit(RequestStarted())
    assert failures == ["broken"] * 3  # two starts, and that it had failed
    assert len(healthy.events) == 2
    assert len(told.events) == 1
    assert len(caplog.records) == 1  # said once, counted each time


def test_hits_that_come_together_are_given_one_by_one_to_who_wants_each() -> None:
    failures: list[str] = []
    calls = Notes("calls", RequestEnded)

    class Picky(Broken):
        def __init__(self) -> None:
            self.handlers = {RequestEnded: self.fail}

    together = hits((HIT.ending, "r-1", 0.1, 1.0, None), (HIT.ending, "r-2", 0.2, 2.0, None))
    FanOut(Picky(), calls, failed=failures.append)(together)
    assert calls.events == [RequestEnded(HIT.ending, "r-1", 0.1), RequestEnded(HIT.ending, "r-2", 0.2)]
    assert [event.ended for event in calls.events if isinstance(event, RequestEnded)] == [1.0, 2.0]
    assert failures == ["broken"] * 2


class Follower:
    """Says that calls belong to a trace, or to none."""

    def __init__(self, name: str, trace: Trace | None) -> None:
        self.name = name
        self.handlers: Handlers = {RequestStarted: lambda _: trace}


def test_who_follows_calls_may_name_their_trace() -> None:
    trace = Trace(1, 2, sampled=True)
    failures: list[str] = []
    starts = Notes("starts", RequestStarted)
    of: tuple[tuple[Sink, ...], ...]
    of = (Follower("a", trace), Broken(), starts), (Broken(), starts, Follower("b", trace)), (starts,)
    for sinks in of:
        follow = FanOut(*sinks, failed=failures.append).follow
        assert follow
        assert follow(RequestStarted()) is (trace if len(sinks) > 1 else None)
    assert len(starts.events) == 3
    assert failures == ["broken"] * 4  # that it had failed is told it as well
    assert FanOut(Notes("joins", FlightJoined), failed=pytest.fail).follow is None


def test_an_event_that_nobody_takes_is_dropped() -> None:
    FanOut(failed=pytest.fail)(RequestStarted())
