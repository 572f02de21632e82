"""Sentry's envelopes, to a local receiver and to some that do not answer."""

import contextvars
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from scrap.errors import Outcome, Reason
from scrap.events import Content, Emit, Event, FetchEnded, Parse, RequestEnded, RequestStarted
from scrap.telemetry import FanOut
from scrap.telemetry.sentry import SentrySettings
from scrap.telemetry.sentry.reporting import Reporting
from scrap.telemetry.trace import Trace, current_trace
from tests.integration.telemetry.receivers import Receiver, gone, hanging, receiver
from tests.unit.telemetry.events import ENDED, FAILED, HOP

MESSAGE = "cannot read https://ann:pw@example.org/page?token=secret"  # not near its use: source lines are sent
CALL: tuple[Event, ...] = (
    RequestStarted(),
    FetchEnded(
        hops=[HOP],
        content=Content(900, 5000, 0.004, truncated=False, ended=1_700_000_000.02),
        parse=Parse("fast", None, 1_700_000_000.02, 0.001),
    ),
    ENDED,
)


def fail() -> NoReturn:
    local = "a secret in a local variable"
    raise RuntimeError(MESSAGE) from ValueError(f"{MESSAGE} {len(local)}")


def failure() -> RequestEnded:
    """A call that failed by our own fault, with an exception that was really raised."""
    try:
        fail()
    except RuntimeError as error:
        return replace(FAILED, outcome=Outcome.INTERNAL_ERROR, reason=Reason.INTERNAL, status=500, error=error)


@contextmanager
def reporting(url: str, **settings: Any) -> Iterator[tuple[Emit, Reporting]]:
    dsn = url.replace("http://", "http://key@") + "/42"
    report = Reporting(SentrySettings(dsn=dsn, environment="test", **settings), version="1.2.3")
    try:
        yield FanOut(pytest.fail, sentry=report.handlers), report
    finally:
        report.close()


def items(received: Receiver) -> list[dict[str, Any]]:
    """The items of all envelopes that came (develop.sentry.dev, envelopes)."""
    found = []
    for request in received.requests:
        assert request.path == "/api/42/envelope/"
        _, header, item, *_ = request.body.split(b"\n")
        found.append({"item": json.loads(header)["type"], **json.loads(item)})
    return found


def test_requests_that_did_not_fail_are_not_reported() -> None:
    with receiver() as received, reporting(received.url) as (emit, report):
        call(emit, *CALL)
        report.close()
        assert received.requests == []


def test_a_failure_of_our_own_is_reported() -> None:
    with receiver() as received:
        with reporting(received.url) as (emit, _):
            token = current_trace.set(Trace({"trace_id": "a" * 32, "span_id": "b" * 16}))
            emit(failure())
            current_trace.reset(token)
        (event,) = items(received)
    assert (event["item"], event["release"], event["environment"]) == ("event", "scrap@1.2.3", "test")
    assert event["transaction"] == "GET /api/v1/scrap"
    assert event["tags"] == {
        "request_id": "r-2",
        "route": "/api/v1/scrap",
        "method": "GET",
        "target_host": "example.org",
    }
    assert event["contexts"]["trace"]["trace_id"] == "a" * 32
    cause, error = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("RuntimeError", "cannot read https://example.org")
    assert cause["type"] == "ValueError"
    assert error["stacktrace"]["frames"][-1]["function"] == "fail"


def test_nothing_of_the_client_and_no_query_is_in_it() -> None:
    with receiver() as received:
        with reporting(received.url) as (emit, _):
            emit(failure())
        (request,) = received.requests
        (event,) = items(received)
    assert b"token=" not in request.body
    assert b"ann:pw" not in request.body
    assert FAILED.client_address.encode() not in request.body
    assert FAILED.user_agent.encode() not in request.body
    assert b'"vars"' not in request.body
    assert not {"user", "request", "breadcrumbs", "modules"} & {key for key, value in event.items() if value}


def test_the_webs_failures_and_the_clients_are_not() -> None:
    with receiver() as received, reporting(received.url) as (emit, _):
        for reason in set(Reason) - {Reason.INTERNAL}:
            emit(replace(failure(), reason=reason, outcome=reason.outcome))
        emit(replace(failure(), error=None))
    assert received.requests == []


def test_a_burst_is_a_bounded_number() -> None:
    with receiver() as received:
        with reporting(received.url) as (emit, _):
            for _ in range(1000):
                emit(failure())
            emit(replace(failure(), error=KeyError("never raised")))
        events = items(received)
    assert [event["exception"]["values"][-1]["type"] for event in events] == ["RuntimeError"] * 5 + ["KeyError"]
    assert events[-1]["extra"]["suppressed_before"] == 995


def call(emit: Emit, *events: Event) -> None:
    context = contextvars.copy_context()
    for event in events:
        context.run(emit, event)


def test_a_share_of_traces_has_no_effect_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with receiver() as received, reporting(received.url, traces_sample_rate=1.0) as (emit, _):
        call(emit, *CALL)
    assert received.requests == []
    assert "SENTRY_TRACES_SAMPLE_RATE has no effect" in caplog.text


@contextmanager
def failing() -> Iterator[str]:
    """A receiver that has had enough."""
    with receiver(status=lambda: 429) as received:
        yield received.url


@pytest.mark.parametrize("lost", [hanging, gone, failing])
def test_a_receiver_that_is_lost_costs_only_its_data(lost: Callable[[], AbstractContextManager[str]]) -> None:
    with lost() as url, reporting(url) as (emit, report):
        slowest = 0.0
        for number in range(300):
            error = type(f"Error{number}", (Exception,), {})()  # of a kind of its own: none is held back
            started = time.perf_counter()
            emit(replace(failure(), error=error))
            slowest = max(slowest, time.perf_counter() - started)
        assert slowest < 1
        started = time.perf_counter()
        report.close(timeout=0.3)
        assert time.perf_counter() - started < 3


def test_a_dsn_that_is_none_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ValueError, match="SENTRY_DSN"):
        Reporting(SentrySettings(dsn="not a dsn"), version="1")
