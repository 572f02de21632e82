"""NamedWork in threads, in fair order."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from scrap.admission import Executor
from tests.clock import Clock


class NamedWork:
    """Pieces of work that the test ends, and the order in which they began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ends: dict[str, threading.Event] = {}

    def named(self, name: str) -> Callable[[], str]:
        end = self.ends[name] = threading.Event()

        def work() -> str:
            self.begun.append(name)
            assert end.wait(20)
            return name

        return work

    async def has_begun(self, name: str) -> None:
        async with asyncio.timeout(20):
            while name not in self.begun:
                await asyncio.sleep(0.001)

    async def end(self, name: str) -> None:
        await self.has_begun(name)
        self.ends[name].set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def executor(clock: Clock) -> AsyncIterator[Executor]:
    executor = Executor(1, clock=clock)
    yield executor
    executor.close()


@pytest.fixture
def work() -> NamedWork:
    return NamedWork()


async def start(executor: Executor, work: NamedWork, name: str, host: str, size: int = 1) -> asyncio.Task[str]:
    task = asyncio.create_task(executor.run(work.named(name), host=host, size=size))
    await asyncio.sleep(0)
    return task


async def test_the_result_and_the_error_of_work_reach_its_client(executor: Executor) -> None:
    def fail() -> None:
        raise LookupError("mine")

    assert await executor.run(lambda: 42, host="a", size=1) == 42
    with pytest.raises(LookupError, match="mine"):
        await executor.run(fail, host="a", size=1)
    assert await executor.run(lambda: 43, host="a", size=1) == 43


async def test_the_smallest_is_next_and_of_equal_sizes_the_first(executor: Executor, work: NamedWork) -> None:
    tasks = [await start(executor, work, "running", "z")]
    for name, size in (("large", 9), ("small", 1), ("equal", 1), ("middle", 5)):
        tasks.append(await start(executor, work, name, name, size))
    assert len(executor.waiting) == 4
    for name in ("running", "small", "equal", "middle", "large"):
        await work.end(name)
    await asyncio.gather(*tasks)
    assert work.begun == ["running", "small", "equal", "middle", "large"]


async def test_a_host_that_took_long_comes_after_others(executor: Executor, work: NamedWork, clock: Clock) -> None:
    tasks = [await start(executor, work, "1", "hostile")]
    tasks += [await start(executor, work, name, "hostile", size=1) for name in "234"]
    tasks.append(await start(executor, work, "honest", "honest", size=1000))
    await work.has_begun("1")
    clock.now += 1.0
    for name in ("1", "honest", "2", "3", "4"):
        await work.end(name)
    await asyncio.gather(*tasks)
    assert work.begun == ["1", "honest", "2", "3", "4"]


async def test_what_a_host_took_is_forgotten_when_nothing_waits(
    executor: Executor, work: NamedWork, clock: Clock
) -> None:
    first = await start(executor, work, "first", "a")
    await work.has_begun("first")
    clock.now += 1.0
    await work.end("first")
    await first
    await asyncio.sleep(0)
    tasks = [await start(executor, work, name, name[0]) for name in ("c", "a2", "b")]
    for name in ("c", "a2", "b"):
        await work.end(name)
    await asyncio.gather(*tasks)
    assert work.begun == ["first", "c", "a2", "b"]


async def test_who_leaves_the_queue_is_passed_over(executor: Executor, work: NamedWork) -> None:
    running = await start(executor, work, "running", "a")
    leaving = await start(executor, work, "leaving", "b")
    staying = await start(executor, work, "staying", "c", size=2)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving  # before a thread is free, which would take it
    await work.end("running")
    await work.end("staying")
    assert (await running, await staying) == ("running", "staying")
    assert work.begun == ["running", "staying"]


async def test_a_thread_that_comes_as_its_client_leaves_goes_to_the_next(executor: Executor, work: NamedWork) -> None:
    running = await start(executor, work, "running", "a")
    leaving = await start(executor, work, "leaving", "b")
    await work.end("running")
    await running
    while executor.waiting:
        await asyncio.sleep(0)
    leaving.cancel()  # it has the thread, and does not know yet
    work.ends["leaving"].set()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await executor.run(lambda: 1, host="c", size=1) == 1


async def test_work_keeps_its_thread_when_its_client_leaves(executor: Executor, work: NamedWork) -> None:
    left = await start(executor, work, "left", "a")
    await work.has_begun("left")
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    following = await start(executor, work, "following", "b")
    assert len(executor.waiting) == 1
    await work.end("left")
    await work.end("following")
    assert await following == "following"


async def test_no_thread_is_lost_where_none_can_be_started(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake, for the real limit (RLIMIT_NPROC) does not hold for root."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="thread"):
                await executor.run(lambda: 1, host="a", size=1)
    assert await executor.run(lambda: 2, host="a", size=1) == 2
