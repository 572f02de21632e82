"""Where log lines come from. The writer writes to a file here; its patience is tested with pipes elsewhere."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from scrap.errors import Outcome, Reason
from scrap.telemetry import FanOut, LineWriter, LogSettings, RequestLog, capture_logging
from scrap.telemetry.lines import JsonLines, TextLines
from scrap.telemetry.logs import Level, lines_for
from tests.unit.telemetry.events import ENDED, FAILED, HIT, but, hits

SHED = but(FAILED, outcome=Outcome.SHED, reason=Reason.FULL, status=503)
INTERNAL = but(FAILED, outcome=Outcome.INTERNAL_ERROR, reason=Reason.INTERNAL, status=500)


class File:
    """A file that a writer writes to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT)
        self.writer = LineWriter(self._fd, dropped=self._fail, interval=0.0)

    @staticmethod
    def _fail(lines: int) -> None:
        raise AssertionError(f"{lines} lines were lost")

    def lines(self) -> list[dict[str, Any]]:
        self.writer.close()
        os.close(self._fd)
        return [json.loads(line) for line in self._path.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "log")


@pytest.mark.parametrize(
    ("level", "statuses"),
    [("debug", [200, 502, 503, 500]), ("info", [200, 502, 503, 500]), ("warning", [503, 500]), ("error", [500])],
)
def test_lines_below_the_level_are_left_out(file: File, level: Level, statuses: list[int]) -> None:
    emit = FanOut(RequestLog(file.writer, JsonLines(), LogSettings(level=level)), failed=pytest.fail)
    for event in (ENDED, FAILED, SHED, INTERNAL):
        emit(event)
    assert [line["status"] for line in file.lines()] == statuses


def test_a_line_has_the_time_of_day(file: File) -> None:
    emit = FanOut(RequestLog(file.writer, JsonLines(), LogSettings()), failed=pytest.fail)
    emit(ENDED)
    assert file.lines()[0]["time"].endswith("Z")


@pytest.mark.parametrize(("level", "lines"), [("info", 2), ("warning", 0)])
def test_hits_that_come_together_are_as_loud_as_any_call_that_went_well(file: File, level: Level, lines: int) -> None:
    emit = FanOut(RequestLog(file.writer, JsonLines(), LogSettings(level=level)), failed=pytest.fail)
    emit(hits((HIT.ending, "r-1", 0.001, 1.0, None), (HIT.ending, "r-2", 0.002, 2.0, None)))
    assert [line["request_id"] for line in file.lines()] == ["r-1", "r-2"][:lines]


def test_queries_are_a_setting(file: File) -> None:
    for queries in (False, True):
        FanOut(RequestLog(file.writer, JsonLines(), LogSettings(queries=queries)), failed=pytest.fail)(ENDED)
    hidden, shown = file.lines()
    assert hidden["target"] == "https://example.org/page?…"
    assert shown["target"] == "https://example.org/page?token=secret"


def test_the_standard_logging_goes_the_same_way_while_it_is_taken_over(file: File) -> None:
    before = logging.getLogger().handlers[:]
    with capture_logging(file.writer, JsonLines(), LogSettings(level="warning")):
        logging.getLogger("somebody").info("not this")
        logging.getLogger("somebody").warning("but this: %d", 1)
    assert logging.getLogger().handlers == before
    logging.getLogger("somebody").warning("nor this")
    lines = file.lines()
    assert [line["message"] for line in lines] == ["but this: 1"]
    assert lines[0]["logger"] == "somebody"


def test_a_terminal_gets_text_and_all_else_json() -> None:
    master, terminal = os.openpty()
    reader, pipe = os.pipe()
    assert isinstance(lines_for(terminal, LogSettings()), TextLines)
    assert isinstance(lines_for(terminal, LogSettings(format="json")), JsonLines)
    assert isinstance(lines_for(pipe, LogSettings()), JsonLines)
    assert isinstance(lines_for(pipe, LogSettings(format="text")), TextLines)
    for fd in (master, terminal, reader, pipe):
        os.close(fd)
