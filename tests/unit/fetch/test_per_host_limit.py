"""The per-host limit."""

import asyncio

import pytest

from scrap.errors import Overloaded
from scrap.fetch import FetchLimits
from scrap.fetch.per_host_limit import PerHostLimit


async def test_slots_are_handed_over_in_order() -> None:
    slots = PerHostLimit(FetchLimits(per_host=1, per_host_waiting=2))
    order: list[int] = []

    async def visit(number: int) -> None:
        await slots.take("host")
        order.append(number)
        slots.give_back("host")

    await slots.take("host")
    waiting = [asyncio.create_task(visit(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await slots.take("host")
    await slots.take("another host")
    slots.give_back("host")
    await asyncio.gather(*waiting)
    assert order == [1, 2]


async def waiting() -> tuple[PerHostLimit, asyncio.Task[None], asyncio.Task[None]]:
    """One slot, which is taken, and two that wait for it, in their order."""
    slots = PerHostLimit(FetchLimits(per_host=1))
    await slots.take("host")
    first, second = (asyncio.create_task(slots.take("host")) for _ in range(2))
    await asyncio.sleep(0)
    return slots, first, second


async def test_who_leaves_the_line_costs_no_place() -> None:
    slots, leaving, staying = await waiting()
    leaving.cancel()
    await asyncio.sleep(0)
    slots.give_back("host")
    await staying


async def test_who_is_just_leaving_the_line_is_passed_over() -> None:
    slots, leaving, staying = await waiting()
    leaving.cancel()
    slots.give_back("host")
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_who_leaves_with_the_slot_in_hand_gives_it_back() -> None:
    slots, leaving, staying = await waiting()
    slots.give_back("host")  # to `leaving`, which receives it only after it was cancelled
    leaving.cancel()
    await staying
    slots.give_back("host")
    await asyncio.wait_for(slots.take("host"), 1)
