"""Log lines to real pipes, with readers of every kind."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator

import pytest

from scrap.telemetry import LineWriter, writer


@pytest.fixture(params=["at once", "by the thread"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How lines leave: as this kernel can, or as one does that cannot say whether a write would wait."""
    if request.param == "by the thread":
        monkeypatch.setattr(writer, "_NOWAIT", 0)
    return str(request.param)


FULL = 65_536  # bytes that a pipe is made to hold


class Pipe:
    """A pipe, and a count of the lines that were lost on the way into it."""

    def __init__(self) -> None:
        self.reader, self.fd = os.pipe()
        self.lost = 0
        self._lock = threading.Lock()

    def dropped(self, lines: int) -> None:
        with self._lock:
            self.lost += lines

    def writer(self, *, limit: int = 8192, interval: float = 0.05) -> LineWriter:
        return LineWriter(self.fd, dropped=self.dropped, limit=limit, interval=interval)

    @contextlib.contextmanager
    def read(self) -> Iterator[bytearray]:
        """Reads everything, in a thread, while the block runs, and then to the end; gives what came."""
        data = bytearray()

        def read_on() -> None:
            while chunk := os.read(self.reader, 65536):
                data.extend(chunk)

        reader = threading.Thread(target=read_on)
        reader.start()
        try:
            yield data
        finally:
            os.close(self.fd)
            reader.join()


def test_every_line_arrives_whole_and_in_order() -> None:
    pipe = Pipe()
    with pipe.read() as received, pipe.writer(limit=20_000) as writer:
        for number in range(20_000):
            writer.write(b"line %d\n" % number)
            if number % 100 == 0:
                writer.flush()
    assert received.splitlines() == [b"line %d" % number for number in range(20_000)]
    assert pipe.lost == 0


def write_many(writer: LineWriter) -> None:
    for _ in range(2000):
        writer.write(b"x" * 50 + b"\n")
        writer.flush()


def test_lines_come_from_many_threads() -> None:
    pipe = Pipe()
    with pipe.read() as received, pipe.writer(interval=0.001) as writer:
        threads = [threading.Thread(target=write_many, args=(writer,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert received == (b"x" * 50 + b"\n") * 8000
    assert pipe.lost == 0


def test_a_line_does_not_wait_for_the_next() -> None:
    pipe = Pipe()
    with pipe.writer() as writer:
        writer.write(b"alone\n")
        assert os.read(pipe.reader, 100) == b"alone\n"


def test_a_reader_that_hangs_holds_nobody_and_costs_only_lines() -> None:
    pipe = Pipe()  # nobody reads: the pipe takes 64 KiB and then blocks its writer
    writer = pipe.writer(limit=1000, interval=0.0)
    slowest = 0.0
    for _ in range(20_000):
        started = time.perf_counter()
        writer.write(b"x" * 99 + b"\n")
        writer.flush()
        slowest = max(slowest, time.perf_counter() - started)
    assert slowest < 1  # never the reader's patience
    assert 15_000 < pipe.lost < 20_000
    started = time.perf_counter()
    writer.close(timeout=0.1)
    assert time.perf_counter() - started < 5
    os.close(pipe.reader)  # ends the write, and the thread


def test_lines_that_come_together_are_lost_together() -> None:
    pipe = Pipe()
    full = b"x" * (FULL - 1) + b"\n"
    writer = pipe.writer(limit=3, interval=60)
    fcntl.fcntl(pipe.fd, fcntl.F_SETPIPE_SZ, FULL)
    os.write(pipe.fd, full)
    writer.write(b"1\n2\n", 2)
    writer.flush()
    writer.write(b"3\n4\n", 2)
    writer.write(b"5\n")
    with pipe.read() as received:
        writer.close()
    assert received == full + b"1\n2\n5\n"
    assert pipe.lost == 2


def test_what_does_not_fit_follows_whole_and_in_order() -> None:
    pipe = Pipe()
    writer = pipe.writer(limit=8, interval=60)
    fcntl.fcntl(pipe.fd, fcntl.F_SETPIPE_SZ, FULL)
    long = b"x" * FULL + b"\n"
    for text in (long, b"1\n", b"2\n"):
        writer.write(text)
        writer.flush()
    with pipe.read() as received:
        writer.close()
    assert received == long + b"1\n2\n"
    assert pipe.lost == 0


def test_a_line_leaves_at_once_where_the_kernel_can_say_that_nobody_waits(way: str) -> None:
    pipe = Pipe()
    if way == "at once":
        try:
            os.pwritev(pipe.fd, [b""], -1, os.RWF_NOWAIT)
        except (AttributeError, OSError):
            # The other way, which has its turn, is all that is promised there. CI's kernel can, and CI skips nothing.
            pytest.skip("this kernel cannot say whether a write to a pipe would wait: Linux 6.5 or later is missing")
    os.set_blocking(pipe.reader, False)
    writer = pipe.writer(interval=60)
    writer.write(b"now\n")
    writer.flush()
    with contextlib.nullcontext() if way == "at once" else pytest.raises(BlockingIOError):
        assert os.read(pipe.reader, 100) == b"now\n"
    writer.close()


def test_a_reader_that_goes_costs_only_lines() -> None:
    pipe = Pipe()
    writer = pipe.writer()
    os.close(pipe.reader)
    writer.write(b"one\n")
    writer.flush()
    writer.write(b"two\n")
    writer.close()
    assert pipe.lost == 2


@pytest.mark.parametrize("lines", [0, 3])
def test_closing_writes_what_waits(lines: int) -> None:
    pipe = Pipe()
    writer = pipe.writer(interval=60)
    for _ in range(lines):
        writer.write(b"x\n")
    with pipe.read() as received:
        writer.close()
    assert received == b"x\n" * lines
