"""Lines out, without waiting for whoever reads them."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

_NOWAIT: Final[int] = getattr(os, "RWF_NOWAIT", 0)  # Linux has it
_ROOM: Final = 256 * 1024  # bytes that a pipe is to hold, so that a reader may be late: 0.04 s of 20,000 lines a second


class LineWriter:
    """Writes lines to a file descriptor, from a bounded queue: when asked to, as far as that can be, and by a thread.

    Linux writes to a pipe what there is room for and does not wait (pwritev2 with RWF_NOWAIT, since 6.5). What is left,
    and whatever goes elsewhere or is written by another kernel, is the thread's, which takes what has come every 0.2 s:
    woken for each line it would cost the loop more than the line does, and forty times a second still 2 % of a hit. A
    reader that is slow or gone fills the queue, then lines are dropped and counted; nobody waits. A process that is
    killed (SIGKILL) loses what is queued.

    Args:
        fd: where to write, usually 1.
        dropped: called with the number of lines that were lost; from any thread.
        limit: lines that may wait; a call's takes about 0.4 KB.
        interval: seconds for which the thread lets lines gather.
    """

    def __init__(self, fd: int, *, dropped: Callable[[int], None], limit: int = 8192, interval: float = 0.2) -> None:
        self._fd = fd
        self._dropped = dropped
        self._limit = limit
        self._interval = interval
        self._lock = threading.RLock()  # in our midst, a finalizer may have something to say
        self._kept: list[bytes] = []
        self._lines = 0  # in what is kept
        self._can_now = bool(_NOWAIT)
        if self._can_now:
            with contextlib.suppress(OSError):  # it is no pipe, or there may be no more of them
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _ROOM)
        self._writing = False  # somebody is: what comes now goes behind that
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

    def flush(self) -> None:
        """Writes what waits, as far as that can be done without waiting; from any thread."""
        with self._lock:
            if not self._can_now or self._writing or not self._kept:
                return
            self._writing = True  # whatever comes in between goes behind this
            data, self._kept = b"".join(self._kept), []
            rest = data[self._write_now(data) :]
            self._lines -= data.count(b"\n") - rest.count(b"\n")
            if rest:
                self._kept.insert(0, rest)
            self._writing = False

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

    def _write_now(self, text: bytes) -> int:
        """Writes what can be written without waiting; gives the number of bytes."""
        try:
            return os.pwritev(self._fd, [text], -1, _NOWAIT)
        except BlockingIOError:
            return 0
        except OSError:  # it cannot be done here, or the reader is gone, which the thread will see
            self._can_now = False
            return 0

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
            self._writing = bool(taken)
        return taken

    def _write_out(self) -> None:
        while taken := self._taken():
            data = memoryview(b"".join(taken))
            try:
                while data:
                    data = data[os.write(self._fd, data) :]  # with the interpreter's lock released
            except OSError:  # the reader is gone
                self._dropped(bytes(data).count(b"\n"))
