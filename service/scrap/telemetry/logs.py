"""Logs: the standard logging, with a line for each request."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass

from scrap.errors import Outcome
from scrap.events import Handlers, RequestEnded
from scrap.telemetry.log_lines import LEVELS, JsonFormatter, RequestRecord, TextFormatter

_log = logging.getLogger("scrap.requests")
_REJECTED_LINES = 10  # of rejected requests in a second: a line takes a quarter of the CPU of a rejection


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and in which format."""

    format: str = "auto"  # or "json", "text"; auto is text on a terminal, else JSON
    level: str = "info"
    queries: bool = False  # whether the queries of targets' URLs are shown: they may hold secrets


def formatter_for(fd: int, settings: LogSettings) -> logging.Formatter:
    """Chooses the format of lines for a file descriptor."""
    text = settings.format == "text" or (settings.format == "auto" and os.isatty(fd))
    return (TextFormatter if text else JsonFormatter)(queries=settings.queries)


class RequestLog:
    """Logs each request at its end; of the rejected ones, ten a second. A sink; see `FanOut`."""

    def __init__(self) -> None:
        self.handlers: Handlers = {RequestEnded: self._request_ended}
        self._second = 0  # in which rejected requests were logged
        self._rejected = 0  # how many of them

    def _request_ended(self, event: RequestEnded) -> None:
        if event.outcome is Outcome.SHED:
            second = int(event.ended)
            self._rejected = self._rejected + 1 if second == self._second else 1
            self._second = second
            if self._rejected > _REJECTED_LINES:
                return
        if _log.isEnabledFor(LEVELS[event.outcome]):
            _log.handle(RequestRecord(event))


@contextlib.contextmanager
def capture_logging(settings: LogSettings, *handlers: logging.Handler) -> Iterator[None]:
    """Gives the records of the standard logging to these handlers alone while it is entered."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = handlers
    root.setLevel(settings.level.upper())
    try:
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)
