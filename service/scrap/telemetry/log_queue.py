"""Log lines through a bounded queue: lines that a slow reader leaves no space for are dropped, and nothing waits."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

from scrap.telemetry.closing import close_together
from scrap.telemetry.log_lines import RequestRecord

Dropped = Callable[[int], None]  # called with the number of lines that were lost; from any thread


class LineQueue(QueueHandler):
    """Queues records for their lines, `limit` at most; `dropped` counts those that do not fit."""

    queue: SimpleQueue[Any]

    def __init__(self, limit: int, dropped: Dropped) -> None:
        super().__init__(SimpleQueue())  # a Queue deadlocks where a finalizer logs during a put
        self.limit, self.dropped = limit, dropped

    def prepare(self, record: logging.LogRecord) -> Any:
        """What is queued: a request's record as it is; the line of any other, and of an error, which holds frames."""
        is_complete = isinstance(record, RequestRecord) and record.event.error is None
        return record if is_complete else self.line_of(record)

    def line_of(self, record: Any) -> str:
        """The line of what is queued; nothing, and a report on stderr, where it cannot be formatted."""
        try:
            return record if isinstance(record, str) else self.format(record) + "\n"
        except Exception:  # noqa: BLE001 - as logging itself treats an error of a handler
            self.handleError(record)
            return ""

    def enqueue(self, record: Any) -> None:
        if self.queue.qsize() < self.limit:
            self.queue.put_nowait(record)
        else:
            self.dropped(1)


class LineWriter(QueueListener):
    """Writes lines from a thread of its own, in batches: those of `interval` seconds at once."""

    def __init__(self, lines: LineQueue, fd: int, interval: float) -> None:
        super().__init__(lines.queue)
        self._lines, self._fd, self._interval = lines, fd, interval

    def handle(self, record: Any) -> None:
        data = memoryview(self._batch(record))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:  # the reader is gone
            self._lines.dropped(bytes(data).count(b"\n"))

    def _batch(self, first: Any) -> bytes:
        """The lines of a record and of those that come within the interval."""
        time.sleep(self._interval)
        records = [first, *(self.dequeue(block=False) for _ in range(self._lines.queue.qsize()))]
        if None in records:
            self.enqueue_sentinel()  # it ends the loop: `stop` waits for that
        lines = (self._lines.line_of(record) for record in records if record is not None)
        return "".join(lines).encode("utf-8", "backslashreplace")


@contextlib.contextmanager
def log_queue(fd: int, *, dropped: Dropped, limit: int = 4096, interval: float = 0.05) -> Iterator[LineQueue]:
    """A handler that writes to a file descriptor, with `limit` lines queued at most."""
    lines = LineQueue(limit, dropped)
    (writer := LineWriter(lines, fd, interval)).start()
    try:
        yield lines
    finally:  # a write that never returns must not keep the process
        close_together([writer.stop])
