"""The per-host limits: slots, and calls that were not wanted."""

import asyncio

import pytest

from scrap.errors import Overloaded, UpstreamError
from scrap.fetch import FetchLimits
from scrap.fetch.host_limits import HostSlots, Refusals
from tests.clock import Clock


async def test_slots_are_handed_over_in_order() -> None:
    slots = HostSlots(FetchLimits(per_host=1, per_host_waiting=2))
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


async def test_who_leaves_the_line_costs_no_place() -> None:
    slots = HostSlots(FetchLimits(per_host=1))
    await slots.take("host")
    leaving, staying = (asyncio.create_task(slots.take("host")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    slots.give_back("host")
    await staying


async def test_who_is_just_leaving_the_line_is_passed_over() -> None:
    slots = HostSlots(FetchLimits(per_host=1))
    await slots.take("host")
    leaving, staying = (asyncio.create_task(slots.take("host")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    slots.give_back("host")
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_who_leaves_with_the_slot_in_hand_gives_it_back() -> None:
    slots = HostSlots(FetchLimits(per_host=1))
    await slots.take("host")
    leaving, staying = (asyncio.create_task(slots.take("host")) for _ in range(2))
    await asyncio.sleep(0)
    slots.give_back("host")  # to `leaving`, which receives it only after it was cancelled
    leaving.cancel()
    await staying
    slots.give_back("host")
    await asyncio.wait_for(slots.take("host"), 1)


def refusals(**changes: int) -> tuple[Refusals, Clock]:
    clock = Clock()
    return Refusals(FetchLimits(**changes), clock=clock, wall=clock), clock


@pytest.mark.parametrize("status", [429, 503])
def test_host_is_left_alone_for_as_long_as_it_asked(status: int) -> None:
    asked, clock = refusals()
    assert asked.note("host", status, "10") == 10
    clock.now += 4
    asked.check("another host")
    with pytest.raises(UpstreamError) as caught:
        asked.check("host")
    assert (caught.value.status, caught.value.retry_after) == (status, 6)
    clock.now += 6
    asked.check("host")
    asked.check("host")


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("0000000000000030", 30),
        ("0000000000000000", None),
        ("99999999999999999999", 60),
        ("Thu, 01 Jan 1970 00:16:45 GMT", 5),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
        ("Thu, 01 Jan 9999999 00:00:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read(retry_after: str, seconds: float | None) -> None:
    asked, _ = refusals()
    assert asked.note("host", 503, retry_after) == seconds


def test_other_statuses_ask_for_nothing() -> None:
    asked, _ = refusals()
    assert asked.note("host", 500, "10") is None
    asked.check("host")


def test_memory_of_hosts_is_bounded() -> None:
    asked, _ = refusals(retry_after_hosts=2)
    asked.note("long", 429, "30")
    asked.note("short", 429, "10")
    asked.note("new", 429, "20")
    asked.check("short")
    for host in ("long", "new"):
        with pytest.raises(UpstreamError):
            asked.check(host)
