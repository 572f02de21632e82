"""Steps of work share the event loop's time."""

import asyncio
from functools import partial

import pytest

from scrap.turns import Turns


async def iterations(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def step(turns: Turns, name: str, done: list[str], seconds: float = 1.0) -> None:
    if not turns.is_free:
        await turns.wait()
    done.append(name)
    turns.spend(seconds)


async def test_steps_within_the_budget_do_not_wait() -> None:
    turns, done = Turns(budget=3.0), list[str]()
    for name in "abc":
        await step(turns, name, done)
    assert done == ["a", "b", "c"]
    assert not turns.is_free


async def test_the_budget_is_there_again_in_the_next_iteration() -> None:
    turns = Turns(budget=1.0)
    turns.spend(5.0)
    assert not turns.is_free
    await iterations(1)
    assert turns.is_free


async def test_beyond_the_budget_one_step_runs_in_an_iteration_first_in_first_out() -> None:
    turns, done = Turns(budget=1.0), list[str]()
    turns.spend(1.0)
    tasks = [asyncio.create_task(step(turns, name, done)) for name in "abc"]
    counts = []
    while not all(task.done() for task in tasks):
        await iterations(1)
        counts.append(len(done))
    assert done == ["a", "b", "c"]
    assert max(after - before for before, after in zip([0, *counts], counts, strict=False)) == 1


async def test_a_page_with_many_steps_does_not_keep_out_one_with_few() -> None:
    turns, done = Turns(budget=1.0), list[str]()

    async def page(name: str, steps: int) -> None:
        for _ in range(steps):
            await step(turns, name, done)

    await asyncio.gather(page("heavy", 20), page("heavy", 20), page("light", 2))
    assert "light" in done[:4]
    assert done.index("light", done.index("light") + 1) < 8


async def test_nobody_overtakes_who_waits() -> None:
    turns, done = Turns(budget=1.0), list[str]()
    turns.spend(1.0)
    first = asyncio.create_task(step(turns, "first", done))
    await iterations(1)
    assert not turns.is_free
    await step(turns, "second", done)
    await first
    assert done == ["first", "second"]


@pytest.mark.parametrize("when", [1, 2, 3])
async def test_who_leaves_the_queue_keeps_nobody_waiting(when: int) -> None:
    turns, done = Turns(budget=1.0), list[str]()
    turns.spend(1.0)
    gone = [asyncio.create_task(step(turns, "gone", done)) for _ in range(3)]
    stays = asyncio.create_task(step(turns, "stays", done))
    await iterations(when)
    for task in gone:
        task.cancel()
    await asyncio.wait_for(stays, 10)
    assert done[-1] == "stays"
    await iterations(2)
    assert turns.is_free


async def test_callbacks_run_for_as_long_as_the_budget_lasts_and_in_order_with_tasks() -> None:
    turns, done = Turns(budget=2.0), list[str]()

    def callback(name: str) -> None:
        done.append(name)
        turns.spend(1.0)

    turns.spend(2.0)
    for name in "ab":
        turns.call_soon(partial(callback, name))
    task = asyncio.create_task(step(turns, "task", done))
    await iterations(1)
    turns.call_soon(partial(callback, "c"))
    await iterations(1)
    assert done == ["a", "b"]
    await task
    while len(done) < 4:
        await iterations(1)
    assert done == ["a", "b", "task", "c"]


async def test_a_callback_that_fails_keeps_nobody_waiting() -> None:
    turns, done = Turns(budget=1.0), list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    turns.spend(1.0)
    turns.call_soon(lambda: done.append("x") or 1 / 0)  # type: ignore[arg-type, func-returns-value]
    await asyncio.wait_for(step(turns, "after", done), 10)
    assert done == ["x", "after"]
