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
from scrap.events import Notes, RequestEnded
from scrap.telemetry.fields import LEVELS, record_fields, request_fields
from scrap.telemetry.lines import JsonLines, TextLines
from scrap.telemetry.trace import Trace
from tests.unit.telemetry.events import ENDED, FAILED, HIT, but, hits

NOW = datetime(2026, 11, 23, 9, 8, 7, 654321, tzinfo=UTC).timestamp()
ANYTHING = st.text(st.characters(exclude_categories=()))  # lone surrogates and control characters included


def line(event: RequestEnded, trace: Trace | None = None, *, queries: bool = False) -> dict[str, Any]:
    raw = JsonLines().request(replace(event, ended=NOW), trace, queries)
    assert raw.endswith(b"\n")
    assert raw.count(b"\n") == 1
    parsed: dict[str, Any] = json.loads(raw)
    return parsed


def text(event: RequestEnded) -> str:
    return TextLines().request(replace(event, ended=NOW), None, queries=False).decode()


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
        "upstream_status": 200,
        "dns": 0.001,
        "connect": 0.002,
        "first_byte": 0.003,
        "body": 0.004,
        "parse": 0.0005,
    }


def test_a_call_that_failed_says_why_and_whose_fault_it_was() -> None:
    failed = line(FAILED)
    assert (failed["reason"], failed["fault"]) == ("dns_failed", "web")
    assert failed["internal"] == "gaierror: no answer for https://example.org/page?…"
    assert "upstream_status" not in failed


def test_a_call_says_what_was_unusual_about_its_page() -> None:
    said = line(but(ENDED, notes=Notes(truncated=True, unsure="foreign", bound="seconds")))
    assert (said["truncated"], said["unsure"], said["bound"]) == (True, "foreign", "seconds")
    assert line(but(ENDED, notes=Notes())) == line(ENDED)


def test_queries_are_shown_only_where_asked_for() -> None:
    assert "secret" not in json.dumps(line(FAILED))
    assert line(FAILED, queries=True)["target"] == "https://example.org/page?token=secret"
    assert "secret" in line(FAILED, queries=True)["internal"]


def test_a_line_names_its_trace() -> None:
    traced = line(ENDED, Trace(int("a" * 32, 16), int("b" * 16, 16), sampled=False))
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
    named = line(but(FAILED, reason=reason, outcome=reason.outcome))
    assert named["level"] == logging.getLevelName(level).lower()


def error() -> RuntimeError:
    try:
        raise RuntimeError("cannot read https://example.org/?q=secret")
    except RuntimeError as caught:
        return caught


def test_our_own_failure_brings_its_traceback() -> None:
    ours = but(FAILED, outcome=Outcome.INTERNAL_ERROR, reason=Reason.INTERNAL, status=500, error=error(), cache="")
    exception = line(ours)["exception"]
    assert exception.startswith("Traceback")
    assert exception.endswith("cannot read https://example.org/?…\n")
    shown = text(ours).splitlines()
    assert "500 internal_error" in shown[0]
    assert shown[1] == "    Traceback (most recent call last):"


def test_a_traceback_without_end_is_cut_at_its_beginning() -> None:
    ours = but(FAILED, error=RuntimeError("x" * 100_000 + "the end"))
    assert len(line(ours)["exception"]) < 17_000
    assert line(ours)["exception"].endswith("the end\n")
    assert len(line(but(FAILED, internal="y" * 100_000))["internal"]) < 17_000


def test_a_line_for_a_person() -> None:
    assert text(ENDED) == (
        "09:08:07.654 info    200 ok                 12.0 ms  GET https://example.org/page?… cache=miss request_id=r-1 "
        "upstream_status=200 dns=0.001 connect=0.002 first_byte=0.003 body=0.004 parse=0.0005\n"
    )
    assert "GET /api/v1/scrap cache=" in text(but(ENDED, target=""))


@example(target="https://example.org/\ud800", internal="\x1b[2J\n{}", request_id='"', method="\0")
@given(target=ANYTHING, internal=ANYTHING, request_id=ANYTHING, method=ANYTHING)
def test_no_text_whatsoever_breaks_a_line_or_steers_a_terminal(
    target: str, internal: str, request_id: str, method: str
) -> None:
    event = but(FAILED, target=target, internal=internal, request_id=request_id, method=method)
    assert line(event, queries=True)["request_id"] == request_id
    shown = text(event)
    assert shown.endswith("\n")
    assert shown[:-1].isprintable()


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
    length=st.sampled_from([1, 1000]),
    detailed=st.booleans(),
    queries=st.booleans(),
    trace=st.none() | st.just(Trace(int("a" * 32, 16), int("b" * 16, 16), sampled=True)),
)
def test_the_pieces_of_a_line_say_the_same_as_its_fields(
    at: float, texts: dict[str, Any], length: int, detailed: bool, queries: bool, trace: Trace | None, **more: Any
) -> None:
    event = but(ENDED, ended=at, **more, **(texts | {"target": texts["target"] * length}))
    if not detailed:
        event = replace(event, detail=None)
    said = json.loads(JsonLines().request(event, trace, queries))
    assert datetime.fromisoformat(said.pop("time")).timestamp() == pytest.approx(at, abs=0.0011)
    assert said == json.loads(json.dumps(request_fields(event, trace, queries=queries)))


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from([HIT, ENDED, but(HIT, target="https://example.org/\u65e5"), but(FAILED, target="\ud800")]),
            st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
            st.floats(min_value=0, max_value=100),
            st.floats(min_value=0, max_value=4e9) | st.floats(min_value=NOW, max_value=NOW + 0.01),
            st.none() | st.just(Trace(int("a" * 32, 16), int("b" * 16, 16), sampled=True)),
        ),
        min_size=1,
    ),
    queries=st.booleans(),
)
def test_the_lines_of_hits_say_the_same_as_those_of_their_events(
    calls: list[tuple[RequestEnded, str, float, float, Trace | None]], queries: bool
) -> None:
    columns = hits(*((event.ending, own_id, seconds, at, trace) for event, own_id, seconds, at, trace in calls))
    events = [
        (replace(event, request_id=own_id, seconds=seconds, detail=None, ended=at), trace)
        for event, own_id, seconds, at, trace in calls
    ]
    as_text, as_json = TextLines(), JsonLines()
    assert as_text.hits(columns, queries) == b"".join(as_text.request(*event, queries) for event in events)
    together = as_json.hits(columns, queries).splitlines()
    assert list(map(json.loads, together)) == [json.loads(as_json.request(*event, queries)) for event in events]


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
    fields = record_fields(
        record(exc_info=(type(caught), caught, None)), Trace(int("a" * 32, 16), int("b" * 16, 16), sampled=True)
    )
    logged = json.loads(JsonLines().record(NOW, fields))
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
    assert TextLines().record(NOW, record_fields(record(), None)) == b"09:08:07.654 warning uvicorn.error: hm x\n"
