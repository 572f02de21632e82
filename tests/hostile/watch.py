"""What watches over us: memory at its peak, and what a fetch leaves behind."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
CAN_MEASURE = _STATUS.exists() and os.access("/proc/self/clear_refs", os.W_OK)


@dataclass
class Growth:
    """By how many bytes this process's memory grew at its peak."""

    bytes: int = 0


@contextlib.contextmanager
def peak_memory() -> Iterator[Growth]:
    """Measures the peak of resident memory inside its block (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here (proc(5))
    before = _resident("VmRSS")
    growth = Growth()
    try:
        yield growth
    finally:
        growth.bytes = _resident("VmHWM") - before


def _resident(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text())
    assert found
    return int(found[1]) * 1024


@contextlib.asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """Fails where its block leaves a task or a socket behind, once the event loop has had its turns."""
    tasks, sockets = _tasks(), _sockets()
    yield
    for _ in range(200):
        left, opened = _tasks() - tasks, _sockets() - sockets
        if not left and opened <= 0:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"left behind: {opened} sockets, {left}")


def _tasks() -> set[asyncio.Task[object]]:
    """Every task but those in which anyio's test runner runs a test and its fixtures."""
    return {task for task in asyncio.all_tasks() if "TestRunner" not in repr(task.get_coro())}


def _sockets() -> int:
    """How many there are (Linux); an event loop has some of its own, not always the same ones."""
    found = 0
    for entry in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            found += str(entry.readlink()).startswith("socket:")
    return found
