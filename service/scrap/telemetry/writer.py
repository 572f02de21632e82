"""Lines out, without waiting for whoever reads them."""

import os
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

Line = bytes | Callable[[], bytes]


# Lines that are made at once: the loop waits for the interpreter's lock as long as that takes, 0.2 ms.
_CHUNK: Final = 64


class LineWriter:
    """Makes lines and writes them to a file descriptor in a thread of its own, from a bounded queue.

    The thread takes what has come every 50 ms: a thread woken for each line would cost the loop more than the line
    does. To make a line takes 2 µs among others, and 10 µs between two calls, which leave nothing of it in the
    processor's caches. A reader that is slow or gone fills the queue, then lines are dropped and counted; nobody
    waits. A process that is killed (SIGKILL) loses what came within the last 50 ms.

    Args:
        fd: where to write, usually 1.
        dropped: called with the number of lines that were lost; from any thread.
        limit: lines that may wait; a call's takes about 1 KB.
        interval: seconds for which lines are gathered.
    """

    def __init__(self, fd: int, *, dropped: Callable[[int], None], limit: int = 8192, interval: float = 0.05) -> None:
        self._fd = fd
        self._dropped = dropped
        self._limit = limit
        self._interval = interval
        self._lines: deque[Line] = deque()  # its ends are safe to use from different threads
        self._some = threading.Event()
        self._closing = threading.Event()
        # A daemon: a write that never returns must not keep the process.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: Line) -> None:
        """Queues a line with its newline, or what makes it; from any thread."""
        if len(self._lines) >= self._limit:
            self._dropped(1)
            return
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    def close(self, timeout: float = 2.0) -> None:
        """Writes what waits, for `timeout` seconds at most."""
        self._closing.set()
        self._some.set()
        self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._some.wait()
            self._closing.wait(self._interval)
            self._some.clear()  # before taking: a line that comes now wakes us again
            self._write_out()
        self._write_out()

    def _write_out(self) -> None:
        while self._lines:
            chunk = [self._lines.popleft() for _ in range(min(_CHUNK, len(self._lines)))]
            data = memoryview(b"".join([self._made(line) for line in chunk]))
            try:
                while data:
                    data = data[os.write(self._fd, data) :]  # with the interpreter's lock released
            except OSError:  # the reader is gone
                self._dropped(bytes(data).count(b"\n"))

    def _made(self, line: Line) -> bytes:
        try:
            return line if isinstance(line, bytes) else line()
        except Exception:  # noqa: BLE001 - a mistake in one line must not end all lines
            self._dropped(1)
            return b""
