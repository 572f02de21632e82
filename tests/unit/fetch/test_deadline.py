"""One timer for all of a fetch and its phases."""

import asyncio
import contextlib

import pytest

from scrap.errors import DeadlineExceeded, Reason
from scrap.fetch import Deadline


async def wait(seconds: float = 60.0) -> None:
    await asyncio.sleep(seconds)


async def exceeded(total: float, *phases: tuple[Reason, float]) -> Reason:
    """What is exceeded by a fetch that never ends."""

    async def fetch() -> None:
        with Deadline(total) as deadline:
            for reason, seconds in phases:
                deadline.begin(reason, seconds)
            await wait()

    with pytest.raises(DeadlineExceeded) as caught:
        await fetch()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    return caught.value.reason


@pytest.mark.parametrize(
    ("total", "phases", "reason"),
    [
        (0.05, (), Reason.TIMEOUT_TOTAL),
        (60.0, ((Reason.TIMEOUT_CONNECT, 0.05),), Reason.TIMEOUT_CONNECT),
        (0.05, ((Reason.TIMEOUT_CONNECT, 60.0),), Reason.TIMEOUT_TOTAL),
        # A phase that begins later moves the limit, in both directions.
        (60.0, ((Reason.TIMEOUT_CONNECT, 0.01), (Reason.TIMEOUT_FIRST_BYTE, 0.1)), Reason.TIMEOUT_FIRST_BYTE),
        (60.0, ((Reason.TIMEOUT_CONNECT, 60.0), (Reason.TIMEOUT_FIRST_BYTE, 0.05)), Reason.TIMEOUT_FIRST_BYTE),
        (0.1, ((Reason.TIMEOUT_CONNECT, 0.01), (Reason.TIMEOUT_FIRST_BYTE, 60.0)), Reason.TIMEOUT_TOTAL),
    ],
)
async def test_the_limit_that_comes_first_is_exceeded(
    total: float, phases: tuple[tuple[Reason, float], ...], reason: Reason
) -> None:
    assert await exceeded(total, *phases) is reason


async def test_after_a_phase_all_the_time_counts() -> None:
    with Deadline(60.0) as deadline:
        deadline.begin(Reason.TIMEOUT_CONNECT, 0.01)
        deadline.end_phase()
        await wait(0.03)
    assert deadline.exceeded is None


async def test_a_cancellation_from_outside_is_passed_on() -> None:
    async def fetch() -> None:
        with Deadline(60.0):
            await wait()

    task = asyncio.create_task(fetch())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_whose_fetch_failed_in_the_same_moment_is_not_left_cancelled() -> None:
    async def fetch() -> None:
        try:
            await wait()
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    with Deadline(0.01), contextlib.suppress(ZeroDivisionError):
        await fetch()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_a_limit_around_it_is_exceeded_itself() -> None:
    async def fetch() -> None:
        with Deadline(60.0):
            await wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(fetch(), 0.01)


async def read_until(deadline: Deadline, phase: float | None = None) -> None:
    """Reads a page that never ends, and then does more that never ends."""
    stopped = asyncio.Event()
    with deadline:
        deadline.stop = stopped.set
        await stopped.wait()
        if phase:
            deadline.begin(Reason.TIMEOUT_CONNECT, phase)
        await wait()


@pytest.mark.parametrize("phase", [None, 60.0])
async def test_the_deadline_stops_the_reading_of_a_page_and_leaves_little_time_for_the_rest(
    phase: float | None,
) -> None:
    loop = asyncio.get_running_loop()
    began, deadline = loop.time(), Deadline(0.05)
    with pytest.raises(DeadlineExceeded) as caught:
        await read_until(deadline, phase)
    assert caught.value.reason is Reason.TIMEOUT_TOTAL
    assert loop.time() - began >= 0.05 + 0.25


async def test_a_page_that_is_parsed_in_that_time_is_in_time() -> None:
    stopped = asyncio.Event()
    with Deadline(0.01) as deadline:
        deadline.stop = stopped.set
        await stopped.wait()
    assert deadline.exceeded is None
