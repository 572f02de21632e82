"""Admission: so many at once, so many waiting, everybody else is told at once."""

import asyncio

import pytest

from scrap.admission import Admission, AdmissionLimits, Busy
from scrap.errors import Overloaded, Reason


class Guest:
    """Somebody who enters, stays until told to go, and leaves."""

    def __init__(self, admission: Admission) -> None:
        self.inside = asyncio.Event()
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(admission))

    async def _visit(self, admission: Admission) -> None:
        async with admission.enter():
            self.inside.set()
            await self.leave.wait()

    async def go(self) -> None:
        self.leave.set()
        await self.task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def make(capacity: int = 1, waiting: int = 1, patience: float = 3600.0) -> Admission:
    return Admission(AdmissionLimits(capacity, waiting, patience))


async def test_a_free_place_is_taken_and_given_back() -> None:
    admission = make(capacity=2)
    guest = Guest(admission)
    await guest.inside.wait()
    assert (admission.in_flight, admission.waiting, admission.saturation) == (1, 0, 0.5)
    await guest.go()
    assert (admission.in_flight, admission.saturation, admission.capacity) == (0, 0.0, 2)


async def test_a_full_house_refuses_at_once() -> None:
    admission = Admission(AdmissionLimits(capacity=1, waiting=1, retry_after=3))
    guests = [Guest(admission) for _ in range(2)]
    await settle()
    assert (admission.in_flight, admission.waiting) == (1, 1)
    with pytest.raises(Overloaded) as caught:
        async with admission.enter():
            pass
    assert (caught.value.reason, caught.value.retry_after) == (Reason.FULL, 3)
    assert admission.refused == 1
    for guest in guests:
        await guest.go()
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_without_a_waiting_room_nobody_waits() -> None:
    admission = make(waiting=0)
    guest = Guest(admission)
    await settle()
    with pytest.raises(Overloaded):
        await Guest(admission).task
    await guest.go()
    async with admission.enter():
        assert admission.in_flight == 1


async def test_first_come_first_served() -> None:
    admission = make(waiting=3)
    guests = [Guest(admission) for _ in range(4)]
    for guest in guests:
        await guest.inside.wait()
        assert admission.in_flight == 1
        assert sum(other.inside.is_set() for other in guests) == guests.index(guest) + 1
        await guest.go()
    assert admission.in_flight == 0


async def test_nobody_overtakes_who_was_promised_the_place() -> None:
    admission = make(waiting=2)
    first, second = Guest(admission), Guest(admission)
    await settle()
    first.leave.set()
    await asyncio.sleep(0)  # the first leaves; the place is the second's, who does not know yet
    assert not second.inside.is_set()
    third = Guest(admission)
    await settle()
    assert second.inside.is_set()
    assert not third.inside.is_set()
    await second.go()
    await third.go()


async def test_patience_ends() -> None:
    admission = Admission(AdmissionLimits(capacity=1, waiting=1, patience=0.0))
    guest = Guest(admission)
    await settle()
    with pytest.raises(Overloaded):
        async with admission.enter():
            pass
    assert admission.refused == 1
    assert (admission.in_flight, admission.waiting) == (1, 0)
    await guest.go()
    assert admission.in_flight == 0


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    admission = make(waiting=2)
    guests = [Guest(admission) for _ in range(3)]
    await settle()
    guests[1].task.cancel()
    await settle()
    assert admission.waiting == 1
    await guests[0].go()
    await guests[2].inside.wait()
    await guests[2].go()
    assert admission.in_flight == 0


async def test_a_place_handed_to_somebody_who_leaves_in_that_instant_goes_on_to_the_next() -> None:
    admission = make(waiting=2)
    guests = [Guest(admission) for _ in range(3)]
    await settle()
    guests[0].leave.set()
    await asyncio.sleep(0)  # the first leaves; the place is the second's, who does not know yet
    guests[1].task.cancel()
    await guests[2].inside.wait()
    assert not guests[1].inside.is_set()
    await guests[2].go()
    assert admission.in_flight == 0


async def test_somebody_who_left_but_has_not_run_yet_is_skipped() -> None:
    admission = make(waiting=2)
    guests = [Guest(admission) for _ in range(3)]
    await settle()
    guests[1].task.cancel()
    guests[0].task.cancel()
    await guests[2].inside.wait()
    await guests[2].go()
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_an_error_inside_gives_the_place_back() -> None:
    admission = make()
    with pytest.raises(ZeroDivisionError):
        async with admission.enter():
            raise ZeroDivisionError
    assert admission.in_flight == 0


@pytest.mark.parametrize(
    "limits",
    [
        *({"capacity": 0}, {"waiting": -1}, {"patience": -1.0}, {"target": -1.0}, {"turn": 0.0}, {"retry_after": 0}),
        *({"own_bytes": -1}, {"shared_bytes": -1}),
    ],
    ids=min,
)
def test_impossible_limits_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        AdmissionLimits(**limits)


class Clock:
    """Time that passes when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def is_full(admission: Admission) -> bool:
    """As mypy cannot know, it changes by itself."""
    return admission.is_full


async def test_one_begins_a_turn() -> None:
    admission = make(capacity=9, waiting=9)
    guests = [Guest(admission) for _ in range(3)]
    begun: list[int] = []
    while len(begun) < 3:
        await asyncio.sleep(0)
        begun.append(sum(guest.inside.is_set() for guest in guests))
        assert begun[-1] <= len(begun)
    for guest in guests:
        await guest.inside.wait()
        await guest.go()


async def test_more_may_begin_after_a_long_turn() -> None:
    clock = Clock()
    admission = Admission(AdmissionLimits(capacity=9, waiting=9, turn=0.005), clock=clock)
    guests = [Guest(admission) for _ in range(6)]
    await asyncio.sleep(0)  # the first begins, the others wait
    clock.now = 0.0151
    await asyncio.sleep(0)
    assert (admission.in_flight, admission.waiting) == (5, 1)
    await settle()
    assert admission.waiting == 0
    for guest in guests:
        await guest.go()


async def test_a_queue_that_stands_is_cut() -> None:
    clock = Clock()
    limits = AdmissionLimits(capacity=1, waiting=3, patience=0.25, standing=2, target=0.005)
    admission = Admission(limits, clock=clock)
    guests = [Guest(admission) for _ in range(3)]
    await settle()
    clock.now = 0.25
    assert not is_full(admission)  # a burst may wait
    clock.now = 0.251
    assert is_full(admission)
    with pytest.raises(Overloaded):
        async with admission.enter():
            pass
    await guests[0].go()
    await settle()
    assert not is_full(admission)
    assert not admission.admit()  # somebody was refused, and the first of the queue has waited for long
    await guests[1].go()
    await settle()
    assert admission.admit()
    await guests[2].go()
    clock.now = 0.6
    guests = [Guest(admission) for _ in range(3)]
    await settle()
    clock.now = 0.8
    assert not is_full(admission)  # all was calm again
    for guest in guests:
        await guest.go()


async def test_without_a_waiting_room_it_is_full_when_all_places_are_taken() -> None:
    admission = make(capacity=2, waiting=0)
    assert not is_full(admission)
    guests = [Guest(admission) for _ in range(2)]
    await settle()
    assert is_full(admission)
    for guest in guests:
        await guest.go()


async def test_saturation_is_the_larger_share_and_whole_while_somebody_is_refused() -> None:
    clock, busy = Clock(), 0.75
    admission = Admission(AdmissionLimits(capacity=4), busy=lambda: busy, clock=clock)
    assert admission.saturation == 0.75
    busy = 0.1
    async with admission.enter():
        assert admission.saturation == 0.25
        assert admission.reject().reason is Reason.FULL
        assert admission.saturation == 1
        clock.now = 5.1
        assert admission.saturation == 0.25


async def test_busy_is_the_share_of_the_cpu_in_the_last_seconds() -> None:
    clock, used = Clock(), 0.0
    busy = Busy(0.5, clock=clock, used=lambda: used)
    assert busy.share == 0.0
    clock.now, used = 10.0, 1.0
    assert busy.share == pytest.approx(0.2)  # of half a core
    for _ in range(6):
        busy._look()  # as it does once a second
        clock.now += 1
    busy.stop()
    busy.stop()
    assert busy.share == 0.0  # what was longer ago does not count
    used += 100
    assert busy.share == 1.0


def is_overloaded(admission: Admission) -> bool:
    """Likewise."""
    return admission.is_overloaded


async def test_a_strained_house_lets_them_in_one_by_one() -> None:
    clock = Clock()
    admission = Admission(AdmissionLimits(capacity=9, waiting=9, patience=0.25), clock=clock)
    clock.now = 1.0
    assert not is_overloaded(admission)
    admission.reject()
    assert is_overloaded(admission)
    assert [admission.admit() for _ in range(2)] == [True, False]
    await asyncio.sleep(0)
    assert not admission.admit()  # a new turn is none for more
    clock.now = 1.02  # the slowest pace
    assert [admission.admit() for _ in range(2)] == [True, False]
    clock.now = 1.2501
    assert not is_overloaded(admission)


async def test_memory_beyond_a_places_own_is_taken_in_steps_of_what_all_share() -> None:
    admission = Admission(AdmissionLimits(own_bytes=100, shared_bytes=120, step_bytes=50, waiting=0))
    async with admission.enter() as small, admission.enter() as large:
        large.hold(60)
        large.hold(101)  # the first step
        large.hold(150)
        large.hold(151)  # the second
        large.hold(80)
        assert large.beyond == 100
        with pytest.raises(Overloaded) as caught:
            large.hold(201)
        assert (caught.value.reason, admission.refused) == (Reason.FULL, 1)
        small.hold(100)
        with pytest.raises(Overloaded):
            small.hold(101)
    async with admission.enter() as place:
        place.hold(200)  # all came back


async def test_large_pieces_of_work_that_began_can_end_while_others_are_rejected() -> None:
    admission = Admission(AdmissionLimits(own_bytes=100, shared_bytes=1000, step_bytes=500, waiting=0))
    async with admission.enter() as first, admission.enter() as second, admission.enter() as third:
        for size in range(50, 600, 50):
            first.hold(size)
            second.hold(size)
            if size == 150:
                with pytest.raises(Overloaded):
                    third.hold(size)
