"""Many sinks as one."""

import logging

import pytest

from scrap.events import BackgroundFailed, Event, FlightJoined, Handlers, RequestStarted
from scrap.telemetry import sinks
from scrap.telemetry.sinks import FanOut


class Notes:
    """Keeps what it is given of one type."""

    def __init__(self, kind: type[Event]) -> None:
        self.events: list[Event] = []
        self.handlers: Handlers = {kind: self.events.append}


class BrokenSink:
    def __init__(self) -> None:
        self.handlers: Handlers = {RequestStarted: self.fail, BackgroundFailed: self.fail}

    def fail(self, event: Event) -> None:
        raise RuntimeError("a mistake of ours")


def test_each_sink_gets_what_it_takes() -> None:
    starts, more, joins = Notes(RequestStarted), Notes(RequestStarted), Notes(FlightJoined)
    emit = FanOut(pytest.fail, a=starts.handlers, b=more.handlers, c=joins.handlers)
    emit(RequestStarted())
    assert (len(starts.events), len(more.events), len(joins.events)) == (1, 1, 0)


def test_a_broken_sink_costs_only_its_own_data(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[str] = []
    healthy, background = Notes(RequestStarted), Notes(BackgroundFailed)
    others = {"healthy": healthy.handlers, "background": background.handlers}
    emit = FanOut(failures.append, broken=BrokenSink().handlers, **others)
    with caplog.at_level(logging.ERROR):
        emit(RequestStarted())
        emit(RequestStarted())
    assert failures == ["broken"] * 3  # two starts, and that it had failed
    assert len(healthy.events) == 2
    assert len(background.events) == 1
    logged = [record for record in caplog.records if record.name == sinks.__name__]
    assert len(logged) == 1  # said once, counted each time


def test_an_event_that_nobody_takes_is_dropped() -> None:
    FanOut(pytest.fail)(RequestStarted())
