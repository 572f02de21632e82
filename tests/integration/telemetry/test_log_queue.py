"""Log lines to real pipes, with readers of every kind."""

import contextlib
import gc
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from scrap.telemetry import log_queue
from scrap.telemetry.log_lines import RequestRecord
from scrap.telemetry.log_queue import LineQueue
from tests.unit.telemetry.events import ENDED, FAILED


class Pipe:
    """A pipe, and a count of the lines that were lost on the way into it."""

    def __init__(self) -> None:
        self.reader, self.fd = os.pipe()
        self.lost = 0
        self._lock = threading.Lock()

    def dropped(self, lines: int) -> None:
        with self._lock:
            self.lost += lines

    def queue(self, *, limit: int = 4096, interval: float = 0.0) -> AbstractContextManager[LineQueue]:
        return log_queue(self.fd, dropped=self.dropped, limit=limit, interval=interval)

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


def say(lines: logging.Handler, text: str) -> None:
    lines.handle(logging.makeLogRecord({"msg": text}))


def test_every_line_arrives_whole_and_in_order() -> None:
    pipe = Pipe()
    with pipe.read() as received, pipe.queue(limit=20_000) as lines:
        for number in range(20_000):
            say(lines, f"line {number}")
    assert received.splitlines() == [b"line %d" % number for number in range(20_000)]
    assert pipe.lost == 0


def test_lines_come_from_many_threads() -> None:
    pipe = Pipe()

    def say_many() -> None:
        for _ in range(2000):
            say(lines, "x" * 50)

    with pipe.read() as received, pipe.queue(limit=8000) as lines:
        threads = [threading.Thread(target=say_many) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert received == (b"x" * 50 + b"\n") * 8000
    assert pipe.lost == 0


def test_a_line_does_not_wait_for_the_next() -> None:
    pipe = Pipe()
    with pipe.queue(interval=0.05) as lines:
        say(lines, "alone")
        assert os.read(pipe.reader, 100) == b"alone\n"


def test_a_batch_of_lines_is_one_write() -> None:
    reader, fd = os.pipe2(os.O_DIRECT)  # a pipe that keeps what was written apart
    with log_queue(fd, dropped=lambda _: pytest.fail("lost"), interval=0.5) as lines:
        for number in range(3):
            say(lines, str(number))
        assert os.read(reader, 100) == b"0\n1\n2\n"
    os.close(reader)
    os.close(fd)


def test_a_reader_that_stalls_holds_nobody_and_costs_only_lines() -> None:
    pipe = Pipe()  # nobody reads: the pipe takes 64 KiB and then blocks its writer
    with pipe.queue(limit=1000) as lines:
        for _ in range(20_000):
            say(lines, "x" * 99)
        assert 15_000 < pipe.lost < 20_000
        started = time.perf_counter()
    assert time.perf_counter() - started < 20  # the end waits for 2 s
    os.close(pipe.reader)  # ends the write, and the thread


def test_a_reader_that_goes_costs_only_lines() -> None:
    pipe = Pipe()
    os.close(pipe.reader)
    with pipe.queue() as lines:
        say(lines, "one")
        say(lines, "two")
    assert pipe.lost == 2


@pytest.mark.parametrize("count", [0, 3])
def test_closing_writes_what_waits(count: int) -> None:
    pipe = Pipe()
    with pipe.read() as received, pipe.queue(interval=0.2) as lines:
        for _ in range(count):
            say(lines, "x")
    assert received == b"x\n" * count


def test_the_writer_formats_a_request_and_the_logging_thread_all_else() -> None:
    """So an error's traceback, and the frames that it holds, do not wait behind a slow reader."""
    pipe = Pipe()
    threads: list[str] = []

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            threads.append(threading.current_thread().name)
            return super().format(record)

    mine = threading.current_thread().name
    with pipe.read() as received, pipe.queue(interval=0.2) as lines:
        lines.setFormatter(Formatter("%(message)s"))
        lines.handle(RequestRecord(ENDED))
        lines.handle(RequestRecord(replace(FAILED, error=RuntimeError())))
        say(lines, "text")
        assert threads == [mine, mine]
    assert len(threads) == 3
    assert mine not in threads[2:]
    assert [line.split()[-1] for line in received.splitlines()] == [b"ok", b"upstream_error", b"text"]


def test_a_record_that_cannot_be_formatted_costs_its_own_line(capfd: pytest.CaptureFixture[str]) -> None:
    pipe = Pipe()
    broken = RequestRecord(ENDED)
    broken.args = ("one of four",)
    with pipe.read() as received, pipe.queue() as lines:
        say(lines, "before")
        lines.handle(broken)
        lines.handle(logging.makeLogRecord({"msg": "%d", "args": ("x",)}))
        say(lines, "after")
    assert received == b"before\nafter\n"
    assert capfd.readouterr().err.count("--- Logging error ---") == 2


class Finalized:
    """Logs when it is freed, wherever that is."""

    freed = 0

    def __init__(self, lines: logging.Handler) -> None:
        self._lines = lines
        self._self = self  # a cycle: the collector frees it, in the midst of anything

    def __del__(self) -> None:
        say(self._lines, "freed")
        Finalized.freed += 1


def test_a_finalizer_may_log_in_the_midst_of_a_put() -> None:
    pipe = Pipe()
    thresholds = gc.get_threshold()
    with pipe.read() as received, pipe.queue(limit=100_000) as lines:
        gc.set_threshold(5, 2, 2)
        try:
            for _ in range(5000):
                Finalized(lines)
                say(lines, "line")
        finally:
            gc.set_threshold(*thresholds)
        while Finalized.freed < 5000:  # another thread may be collecting
            gc.collect()
    assert received.count(b"freed\n") == received.count(b"line\n") == 5000
