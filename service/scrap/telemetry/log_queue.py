"""Log lines through a bounded queue: lines that a slow reader leaves no space for are dropped, and nothing waits."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from logging.handlers import QueueHandler, QueueListener
from queue import Empty, SimpleQueue
from typing import Any

from scrap.telemetry.closing import close_together

Dropped = Callable[[int], None]  # called with the number of lines that were lost; from any thread


class LineQueue(QueueHandler):
    """Queues formatted lines, `limit` at most; `dropped` counts those that do not fit."""

    queue: SimpleQueue[Any]

    def __init__(self, limit: int, dropped: Dropped) -> None:
        super().__init__(SimpleQueue())  # a Queue deadlocks where a finalizer logs during a put
        self.limit, self.dropped = limit, dropped

    def prepare(self, record: logging.LogRecord) -> str:
        """Formats a record here, where its trace is known."""
        return self.format(record) + "\n"

    def enqueue(self, record: Any) -> None:
        if self.queue.qsize() < self.limit:
            self.queue.put_nowait(record)
        else:
            self.dropped(1)


class LineWriter(QueueListener):
    """Writes lines from a thread of its own, in batches: those of `interval` seconds at once."""

    def __init__(self, lines: LineQueue, fd: int, interval: float) -> None:
        super().__init__(lines.queue)
        self._dropped, self._fd, self._interval = lines.dropped, fd, interval

    def handle(self, record: Any) -> None:
        time.sleep(self._interval)
        lines = [record]
        with contextlib.suppress(Empty):
            while isinstance(line := self.dequeue(block=False), str):
                lines.append(line)
            self.enqueue_sentinel()  # it ended the loop: `stop` waits for it
        data = memoryview("".join(lines).encode("utf-8", "backslashreplace"))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:  # the reader is gone
            self._dropped(bytes(data).count(b"\n"))


@contextlib.contextmanager
def log_queue(fd: int, *, dropped: Dropped, limit: int = 8192, interval: float = 0.05) -> Iterator[LineQueue]:
    """A handler that writes to a file descriptor, with `limit` lines queued at most."""
    lines = LineQueue(limit, dropped)
    (writer := LineWriter(lines, fd, interval)).start()
    try:
        yield lines
    finally:  # a write that never returns must not keep the process
        close_together([writer.stop])
