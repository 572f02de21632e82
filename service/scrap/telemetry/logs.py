"""Logs: a line a request, and what the standard logging says, in one stream."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from scrap.errors import Outcome
from scrap.events import RequestEnded
from scrap.telemetry.fields import LEVELS, record_fields
from scrap.telemetry.lines import JsonLines, Lines, TextLines
from scrap.telemetry.sinks import Handlers, Hits
from scrap.telemetry.trace import current_trace
from scrap.telemetry.writer import LineWriter

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and how it looks."""

    # "json": one object a line, for machines. "text": one line for a person. "auto": text on a terminal, else json.
    format: Format = "auto"

    # Lines below it are left out. At "warning" only our own failures and refusals are left: no line a request.
    level: Level = "info"

    # Show the query of a target's URL, which may hold secrets of the caller's or the page's.
    queries: bool = False


def lines_for(fd: int, settings: LogSettings) -> Lines:
    """Chooses how lines look that go to a file descriptor."""
    text = settings.format == "text" or (settings.format == "auto" and os.isatty(fd))
    return TextLines() if text else JsonLines()


class RequestLog:
    """Writes a line for each call that ended. A sink; see `FanOut`.

    Args:
        writer: where the lines go.
        lines: how they look; see `lines_for`.
        settings: what they say.
    """

    name = "log"

    def __init__(self, writer: LineWriter, lines: Lines, settings: LogSettings) -> None:
        self._write = writer.write
        self._lines = lines
        self._queries = settings.queries
        least = logging.getLevelNamesMapping()[settings.level.upper()]
        self._wanted = frozenset(outcome for outcome, level in LEVELS.items() if level >= least)
        self._wants_hits = Outcome.OK in self._wanted
        self.handlers: Handlers = {RequestEnded: self._request_ended, Hits: self._hits}

    def _request_ended(self, event: RequestEnded) -> None:
        if event.ending.outcome in self._wanted:
            self._write(self._lines.request(event, current_trace.get(), self._queries))

    def _hits(self, hits: Hits) -> None:
        if self._wants_hits:
            self._write(self._lines.hits(hits, self._queries), len(hits.endings))


class _Handler(logging.Handler):
    """Sends records of the standard logging the same way."""

    def __init__(self, writer: LineWriter, lines: Lines) -> None:
        super().__init__()
        self._write = writer.write
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Queues the record's line."""
        self._write(self._lines.record(record.created, record_fields(record, current_trace.get())))


@contextlib.contextmanager
def capture_logging(writer: LineWriter, lines: Lines, settings: LogSettings, *more: logging.Handler) -> Iterator[None]:
    """Takes over the standard logging while it is entered: uvicorn's, the libraries' and our own records.

    Args:
        writer: where the lines go.
        lines: how they look; see `lines_for`.
        settings: which of them.
        more: take the records as well.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [_Handler(writer, lines), *more]
    root.setLevel(settings.level.upper())
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
