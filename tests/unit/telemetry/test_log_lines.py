"""Log lines."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrap.errors import Outcome, Reason
from scrap.events import RequestEnded
from scrap.telemetry.log_lines import LEVELS, JsonFormatter, TextFormatter, fields_of
from scrap.telemetry.trace import Trace, current_trace
from tests.unit.telemetry.events import ENDED, FAILED, PARTLY_READ
from tests.unit.telemetry.owners import record_of

NOW = datetime(2026, 11, 23, 9, 8, 7, 654321, tzinfo=UTC).timestamp()
ANYTHING = st.text(st.characters(exclude_categories=()))  # lone surrogates and control characters included


def formatted(formatter: logging.Formatter, made: logging.LogRecord, trace: Trace | None = None) -> str:
    vars(made)["trace"] = trace  # a request's record had it when it was made
    token = current_trace.set(trace)
    try:
        return formatter.format(made)
    finally:
        current_trace.reset(token)


def line(event: RequestEnded, trace: Trace | None = None, *, queries: bool = False) -> dict[str, Any]:
    raw = formatted(JsonFormatter(queries=queries), record_of(event, created=NOW), trace)
    assert "\n" not in raw
    parsed: dict[str, Any] = json.loads(raw)
    return parsed


def text(event: RequestEnded) -> str:
    return formatted(TextFormatter(queries=False), record_of(event, created=NOW))


def test_a_call_that_went_well() -> None:
    assert line(ENDED) == {
        "time": "2026-11-23T09:08:07.654Z",
        "level": "info",
        "event": "request",
        "request_id": "r-1",
        "method": "GET",
        "route": "/api/v1/scrap",
        "status": 200,
        "outcome": "ok",
        "seconds": 0.012,
        "target": "https://example.org/page?…",
        "target_host": "example.org",
        "cache": "miss",
        "dns": 0.001,
        "connect": 0.002,
        "first_byte": 0.003,
        "body": 0.004,
        "parse": 0.0005,
        "client_address": "192.0.2.0/24",
        "user_agent": "curl/8.14.1",
    }


def test_a_call_that_failed_says_why_and_whose_fault_it_was() -> None:
    failed = line(FAILED)
    assert (failed["reason"], failed["fault"]) == ("dns_failed", "web")
    assert failed["internal"] == "gaierror: no answer for https://example.org/page?…"
    assert "upstream_status" not in failed


def test_a_call_says_what_was_unusual_about_its_page() -> None:
    said = line(replace(ENDED, fetch=PARTLY_READ))
    assert (said["truncated"], said["fallback_reason"], said["bound"]) == (True, "foreign", "seconds")
    assert not {"truncated", "fallback_reason", "bound"} & line(ENDED).keys()


def test_a_client_that_is_not_recorded_is_in_no_line() -> None:
    assert not {"client_address", "user_agent"} & line(replace(ENDED, client_address="", user_agent="")).keys()


def test_queries_are_shown_only_where_asked_for() -> None:
    assert "secret" not in json.dumps(line(FAILED))
    assert line(FAILED, queries=True)["target"] == "https://example.org/page?token=secret"
    assert "secret" in line(FAILED, queries=True)["internal"]


def test_a_line_names_its_trace() -> None:
    traced = line(ENDED, Trace({"trace_id": "a" * 32, "span_id": "b" * 16}))
    assert (traced["trace_id"], traced["span_id"]) == ("a" * 32, "b" * 16)


@pytest.mark.parametrize(
    ("reason", "level"),
    [
        (Reason.URL_MISSING, logging.INFO),
        (Reason.BLOCKED_ADDRESS, logging.INFO),
        (Reason.TIMEOUT_TOTAL, logging.INFO),
        (Reason.FULL, logging.WARNING),
        (Reason.INTERNAL, logging.ERROR),
    ],
)
def test_a_failure_is_as_loud_as_it_concerns_us(reason: Reason, level: int) -> None:
    assert LEVELS[reason.outcome] == level
    named = line(replace(FAILED, reason=reason, outcome=reason.outcome))
    assert named["level"] == logging.getLevelName(level).lower()


def error() -> RuntimeError:
    try:
        raise RuntimeError("cannot read https://example.org/?q=secret")
    except RuntimeError as caught:
        return caught


def test_our_own_failure_brings_its_traceback() -> None:
    ours = replace(FAILED, outcome=Outcome.INTERNAL_ERROR, reason=Reason.INTERNAL, status=500, error=error(), cache="")
    exception = line(ours)["exception"]
    assert exception.startswith("Traceback")
    assert exception.endswith("cannot read https://example.org/?…\n")
    shown = text(ours).splitlines()
    assert "500 internal_error" in shown[0]
    assert shown[1] == "    Traceback (most recent call last):"


def test_a_traceback_without_end_is_cut_at_its_beginning() -> None:
    ours = replace(FAILED, error=RuntimeError("x" * 100_000 + "the end"))
    assert len(line(ours)["exception"]) < 17_000
    assert line(ours)["exception"].endswith("the end\n")
    assert len(line(replace(FAILED, internal="y" * 100_000))["internal"]) < 17_000


def test_a_line_for_a_person() -> None:
    assert text(ENDED) == (
        "09:08:07.654 info    200 ok                 12.0 ms  GET https://example.org/page?… request_id=r-1 cache=miss "
        "dns=0.001 connect=0.002 first_byte=0.003 body=0.004 parse=0.0005 "
        "client_address=192.0.2.0/24 user_agent=curl/8.14.1"
    )
    assert "GET /api/v1/scrap request_id=" in text(replace(ENDED, target=""))


@example(target="https://example.org/\ud800", internal="\x1b[2J\n{}", request_id='"', method="\0", user_agent="\n")
@given(target=ANYTHING, internal=ANYTHING, request_id=ANYTHING, method=ANYTHING, user_agent=ANYTHING)
def test_no_text_whatsoever_breaks_a_line_or_steers_a_terminal(
    target: str, internal: str, request_id: str, method: str, user_agent: str
) -> None:
    event = replace(
        FAILED, target=target, internal=internal, request_id=request_id, method=method, user_agent=user_agent
    )
    assert line(event, queries=True)["request_id"] == request_id
    shown = text(event)
    assert shown.isprintable()


@given(
    at=st.floats(min_value=0, max_value=4e9),
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    status=st.integers(100, 599),
    upstream_status=st.none() | st.integers(100, 599),
    seconds=st.floats(min_value=0, max_value=100),
    cache=st.sampled_from(["", "fresh", "stale", "joined", "miss"]),
    texts=st.fixed_dictionaries(
        {"request_id": st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)}
        | dict.fromkeys(("method", "route", "target", "target_host", "internal"), ANYTHING)
    ),
    queries=st.booleans(),
    trace=st.none() | st.just(Trace({"trace_id": "a" * 32, "span_id": "b" * 16})),
)
def test_a_line_says_what_its_fields_say(
    at: float, texts: dict[str, Any], queries: bool, trace: Trace | None, **more: Any
) -> None:
    made = record_of(replace(ENDED, **more, **texts), created=at)
    said = json.loads(formatted(JsonFormatter(queries=queries), made, trace))
    assert datetime.fromisoformat(said["time"]).timestamp() == pytest.approx(at, abs=0.0011)
    assert said == json.loads(json.dumps(fields_of(made, trace, queries=queries)))


def record(**more: Any) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": "uvicorn.error",
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": "hm %s",
            "args": ("x",),
            **more,
        }
    )


def test_a_record_of_the_standard_logging() -> None:
    caught = error()
    made = record(exc_info=(type(caught), caught, None), created=NOW)
    logged = json.loads(
        formatted(JsonFormatter(queries=False), made, Trace({"trace_id": "a" * 32, "span_id": "b" * 16}))
    )
    assert logged["exception"].endswith("https://example.org/?…\n")
    assert {**logged, "exception": ""} == {
        "time": "2026-11-23T09:08:07.654Z",
        "level": "warning",
        "event": "log",
        "logger": "uvicorn.error",
        "message": "hm x",
        "exception": "",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
    }


def test_a_record_for_a_person() -> None:
    shown = formatted(TextFormatter(queries=False), record(created=NOW))
    assert shown == "09:08:07.654 warning uvicorn.error: hm x"
