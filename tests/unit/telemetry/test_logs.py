"""Which lines are logged. They go to a file here; slow readers of pipes are tested elsewhere."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scrap.errors import Outcome, Reason
from scrap.events import Event
from scrap.telemetry import FanOut, LogSettings, RequestLog, capture_logging, formatter_for, log_queue
from scrap.telemetry.log_lines import JsonFormatter, TextFormatter
from scrap.telemetry.trace import Trace, current_trace
from tests.unit.telemetry.events import ENDED, FAILED

SHED = replace(FAILED, outcome=Outcome.SHED, reason=Reason.FULL, status=503)
INTERNAL = replace(FAILED, outcome=Outcome.INTERNAL_ERROR, reason=Reason.INTERNAL, status=500)


Written = Callable[[], list[dict[str, Any]]]


@contextmanager
def logging_to(path: Path, **settings: Any) -> Iterator[Written]:
    """Takes over the standard logging, to a file; gives what reads its lines when all is over."""
    lost: list[int] = []
    chosen = LogSettings(**settings)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with log_queue(fd, dropped=lost.append, interval=0.0) as lines:
        lines.setFormatter(JsonFormatter(queries=chosen.queries))
        with capture_logging(chosen, lines):
            yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    os.close(fd)
    assert lost == []


def emit(*events: Event) -> None:
    to = FanOut(pytest.fail, log=RequestLog().handlers)
    for event in events:
        to(event)


@pytest.mark.parametrize(
    ("level", "statuses"),
    [("debug", [200, 502, 503, 500]), ("info", [200, 502, 503, 500]), ("warning", [503, 500]), ("error", [500])],
)
def test_lines_below_the_level_are_left_out(tmp_path: Path, level: str, statuses: list[int]) -> None:
    with logging_to(tmp_path / "log", level=level) as written:
        emit(ENDED, FAILED, SHED, INTERNAL)
    assert [line["status"] for line in written()] == statuses


def test_of_rejected_requests_ten_are_logged_in_a_second(tmp_path: Path) -> None:
    with logging_to(tmp_path / "log") as written:
        emit(*(replace(SHED, ended=1000.0 + number / 100) for number in range(150)), ENDED)
    assert [line["status"] for line in written()] == [503] * 20 + [200]


def test_queries_are_a_setting(tmp_path: Path) -> None:
    for queries, target in ((False, "https://example.org/page?…"), (True, "https://example.org/page?token=secret")):
        with logging_to(tmp_path / f"log-{queries}", queries=queries) as written:
            emit(ENDED)
        assert [line["target"] for line in written()] == [target]


def test_the_standard_logging_goes_the_same_way_while_it_is_captured(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:]
    with logging_to(tmp_path / "log", level="warning") as written:
        logging.getLogger("somebody").info("not this")
        logging.getLogger("somebody").warning("but this: %d", 1)
    assert logging.getLogger().handlers == before
    logging.getLogger("somebody").warning("nor this")
    assert [(line["logger"], line["message"]) for line in written()] == [("somebody", "but this: 1")]


def test_a_line_has_the_trace_of_the_task_that_logs(tmp_path: Path) -> None:
    with logging_to(tmp_path / "log") as written:
        token = current_trace.set(Trace({"trace_id": "a" * 32, "span_id": "b" * 16}))
        emit(ENDED)
        current_trace.reset(token)
        emit(ENDED)
    assert [line.get("trace_id") for line in written()] == ["a" * 32, None]


def test_a_terminal_gets_text_and_all_else_json() -> None:
    master, terminal = os.openpty()
    reader, pipe = os.pipe()
    assert isinstance(formatter_for(terminal, LogSettings()), TextFormatter)
    assert isinstance(formatter_for(terminal, LogSettings(format="json")), JsonFormatter)
    assert isinstance(formatter_for(pipe, LogSettings()), JsonFormatter)
    assert isinstance(formatter_for(pipe, LogSettings(format="text")), TextFormatter)
    for fd in (master, terminal, reader, pipe):
        os.close(fd)
