"""Lines out, without waiting for whoever reads them."""

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class LineWriter:
    """Writes lines to a file descriptor in a thread of its own, from a bounded queue.

    The thread takes what has come every 0.2 s: a thread woken for each line would cost the loop more than the line
    does, and one that wants the interpreter every 25 ms 2 % of a hit. A reader that is slow or gone fills the queue,
    then lines are dropped and counted; nobody waits. A process that is killed (SIGKILL) loses what came within that
    time.

    Args:
        fd: where to write, usually 1.
        dropped: called with the number of lines that were lost; from any thread.
        limit: lines that may wait; a call's takes about 0.4 KB.
        interval: seconds for which lines are gathered.
    """

    def __init__(self, fd: int, *, dropped: Callable[[int], None], limit: int = 8192, interval: float = 0.2) -> None:
        self._fd = fd
        self._dropped = dropped
        self._limit = limit
        self._interval = interval
        self._lock = threading.RLock()  # in our midst, a finalizer may have something to say
        self._kept: list[bytes] = []
        self._lines = 0  # in what is kept
        self._some = threading.Event()
        self._closing = threading.Event()
        # A daemon: a write that never returns must not keep the process.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, text: bytes, lines: int = 1) -> None:
        """Queues lines, each with its newline, all of them or none; from any thread."""
        with self._lock:
            fits = self._lines + lines <= self._limit
            if fits:
                self._lines += lines
                self._kept.append(text)
        if not fits:
            self._dropped(lines)
        elif not self._some.is_set():
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

    def _taken(self) -> list[bytes]:
        with self._lock:
            taken, self._kept, self._lines = self._kept, [], 0
        return taken

    def _write_out(self) -> None:
        while taken := self._taken():
            data = memoryview(b"".join(taken))
            try:
                while data:
                    data = data[os.write(self._fd, data) :]  # with the interpreter's lock released
            except OSError:  # the reader is gone
                self._dropped(bytes(data).count(b"\n"))
