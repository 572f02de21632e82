"""Many sinks as one."""

import logging

import pytest

from scrap.events import BackgroundFailed, Event, FlightJoined, RequestEnded, RequestStarted
from scrap.telemetry.sinks import Ended, FanOut, Handlers
from scrap.telemetry.trace import Trace, current_trace
from tests.unit.telemetry.events import ENDED, FAILED

TRACE = Trace("a" * 32, "b" * 16, sampled=True)


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


def test_calls_that_come_together_are_given_one_by_one_to_who_wants_each() -> None:
    failures: list[str] = []
    calls = Notes("calls", RequestEnded)

    class Picky(Broken):
        def __init__(self) -> None:
            self.handlers = {RequestEnded: self.fail}

    FanOut(Picky(), calls, failed=failures.append)(Ended([ENDED, FAILED], [None, None]))
    assert calls.events == [ENDED, FAILED]
    assert failures == ["broken"] * 2


def test_who_wants_each_call_has_it_in_its_trace() -> None:
    traces: list[Trace | None] = []

    sink = Notes("traces", RequestEnded)
    sink.handlers = {RequestEnded: lambda _: traces.append(current_trace.get())}
    FanOut(sink, failed=pytest.fail)(Ended([ENDED, FAILED, ENDED], [None, TRACE, None]))
    assert traces == [None, TRACE, None]


def test_an_event_that_nobody_takes_is_dropped() -> None:
    FanOut(failed=pytest.fail)(RequestStarted())
