"""Admission: slots, the queue before them, and rejections."""

import asyncio

import pytest

from scrap.admission import Admission, AdmissionLimits, CPUAllowance, CPUUsage
from scrap.errors import Overloaded, Reason
from tests.clock import Clock


class HeldFetch:
    """A fetch that lasts until the test ends it."""

    def __init__(self, admission: Admission) -> None:
        self.began = asyncio.Event()
        self.released = asyncio.Event()
        self.task = asyncio.create_task(self._run(admission))

    async def _run(self, admission: Admission) -> None:
        with await admission.enter():
            self.began.set()
            await self.released.wait()

    async def end(self) -> None:
        self.released.set()
        await self.task


async def run_ready_tasks() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def make(capacity: int = 1, waiting: int = 1, max_wait: float = 3600.0) -> Admission:
    return Admission(AdmissionLimits(capacity, waiting, max_wait))


async def test_a_free_slot_is_acquired_and_released() -> None:
    admission = make(capacity=2)
    fetch = HeldFetch(admission)
    await fetch.began.wait()
    assert (admission.in_flight, admission.waiting, admission.saturation) == (1, 0, 0.5)
    await fetch.end()
    assert (admission.in_flight, admission.saturation, admission.capacity) == (0, 0.0, 2)


async def test_a_request_beyond_slots_and_queue_is_rejected_at_once() -> None:
    admission = Admission(AdmissionLimits(capacity=1, waiting=1))
    fetches = [HeldFetch(admission) for _ in range(2)]
    await run_ready_tasks()
    assert (admission.in_flight, admission.waiting) == (1, 1)
    with pytest.raises(Overloaded) as caught, await admission.enter():
        pass
    assert caught.value.reason is Reason.FULL
    assert admission.rejected == 1
    for fetch in fetches:
        await fetch.end()
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_without_a_queue_no_fetch_waits() -> None:
    admission = make(waiting=0)
    fetch = HeldFetch(admission)
    await run_ready_tasks()
    with pytest.raises(Overloaded):
        await HeldFetch(admission).task
    await fetch.end()
    with await admission.enter():
        assert admission.in_flight == 1


async def test_the_queue_is_first_in_first_out() -> None:
    admission = make(waiting=3)
    fetches = [HeldFetch(admission) for _ in range(4)]
    for fetch in fetches:
        await fetch.began.wait()
        assert admission.in_flight == 1
        assert sum(other.began.is_set() for other in fetches) == fetches.index(fetch) + 1
        await fetch.end()
    assert admission.in_flight == 0


async def test_no_fetch_overtakes_one_that_was_granted_the_slot() -> None:
    admission = make(waiting=2)
    first, second = HeldFetch(admission), HeldFetch(admission)
    await run_ready_tasks()
    first.released.set()
    await asyncio.sleep(0)  # the first ends; the slot is granted to the second, whose task has not run yet
    assert not second.began.is_set()
    third = HeldFetch(admission)
    await run_ready_tasks()
    assert second.began.is_set()
    assert not third.began.is_set()
    await second.end()
    await third.end()


async def test_a_fetch_that_waited_too_long_is_rejected() -> None:
    admission = Admission(AdmissionLimits(capacity=1, waiting=1, max_wait=0.0))
    fetch = HeldFetch(admission)
    await run_ready_tasks()
    with pytest.raises(Overloaded), await admission.enter():
        pass
    assert admission.rejected == 1
    assert (admission.in_flight, admission.waiting) == (1, 0)
    await fetch.end()
    assert admission.in_flight == 0


async def test_a_fetch_that_is_cancelled_in_the_queue_leaves_it() -> None:
    admission = make(waiting=2)
    fetches = [HeldFetch(admission) for _ in range(3)]
    await run_ready_tasks()
    fetches[1].task.cancel()
    await run_ready_tasks()
    assert admission.waiting == 1
    await fetches[0].end()
    await fetches[2].began.wait()
    await fetches[2].end()
    assert admission.in_flight == 0


async def test_a_slot_granted_to_a_fetch_that_is_cancelled_in_that_iteration_goes_to_the_next() -> None:
    admission = make(waiting=2)
    fetches = [HeldFetch(admission) for _ in range(3)]
    await run_ready_tasks()
    fetches[0].released.set()
    await asyncio.sleep(0)  # the first ends; the slot is granted to the second, whose task has not run yet
    fetches[1].task.cancel()
    await fetches[2].began.wait()
    assert not fetches[1].began.is_set()
    await fetches[2].end()
    assert admission.in_flight == 0


async def test_a_fetch_that_was_cancelled_and_has_not_run_yet_is_skipped() -> None:
    admission = make(waiting=2)
    fetches = [HeldFetch(admission) for _ in range(3)]
    await run_ready_tasks()
    fetches[1].task.cancel()
    fetches[0].task.cancel()
    await fetches[2].began.wait()
    await fetches[2].end()
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_an_error_releases_the_slot() -> None:
    admission = make()
    with pytest.raises(ZeroDivisionError), await admission.enter():
        raise ZeroDivisionError
    assert admission.in_flight == 0


@pytest.mark.parametrize(
    "limits",
    [
        *({"capacity": 0}, {"waiting": -1}, {"max_wait": -1.0}, {"target": -1.0}, {"iteration": 0.0}),
        *({"rejections": 0}, {"own_bytes": -1}, {"shared_bytes": -1}),
    ],
    ids=min,
)
def test_impossible_limits_are_an_error(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        AdmissionLimits(**limits)


def is_full(admission: Admission) -> bool:
    """A call, for mypy takes a property to be constant."""
    return admission.is_full


async def test_one_fetch_begins_in_an_iteration() -> None:
    admission = make(capacity=9, waiting=9)
    fetches = [HeldFetch(admission) for _ in range(3)]
    begun: list[int] = []
    while len(begun) < 3:
        await asyncio.sleep(0)
        begun.append(sum(fetch.began.is_set() for fetch in fetches))
        assert begun[-1] <= len(begun)
    for fetch in fetches:
        await fetch.began.wait()
        await fetch.end()


async def test_more_may_begin_after_a_long_iteration() -> None:
    clock = Clock(0)
    admission = Admission(AdmissionLimits(capacity=9, waiting=9, iteration=0.005), clock=clock)
    fetches = [HeldFetch(admission) for _ in range(6)]
    await asyncio.sleep(0)  # the first begins, the others wait
    clock.now = 0.0151
    await asyncio.sleep(0)
    assert (admission.in_flight, admission.waiting) == (5, 1)
    await run_ready_tasks()
    assert admission.waiting == 0
    for fetch in fetches:
        await fetch.end()


async def test_in_an_overload_none_is_admitted_while_the_first_in_the_queue_has_waited_for_long() -> None:
    clock = Clock(0)
    admission = Admission(AdmissionLimits(capacity=1, waiting=3, target=0.025), clock=clock)
    fetches = [HeldFetch(admission) for _ in range(3)]
    await run_ready_tasks()
    clock.now = 0.02
    assert admission.admit()
    await run_ready_tasks()
    clock.now = 0.03
    assert not admission.admit()
    await fetches[0].end()
    await fetches[1].end()
    await run_ready_tasks()  # the last of the queue began
    assert admission.admit()
    await fetches[2].end()


async def test_without_a_queue_it_is_full_when_all_slots_are_held() -> None:
    admission = make(capacity=2, waiting=0)
    assert not is_full(admission)
    fetches = [HeldFetch(admission) for _ in range(2)]
    await run_ready_tasks()
    assert is_full(admission)
    for fetch in fetches:
        await fetch.end()


async def test_saturation_is_the_larger_share_and_1_after_a_rejection() -> None:
    clock, used = Clock(0), 0.75
    admission = Admission(AdmissionLimits(capacity=4), cpu_usage=lambda: used, clock=clock)
    assert admission.saturation == 0.75
    used = 0.1
    with await admission.enter():
        assert admission.saturation == 0.25
        assert admission.reject().reason is Reason.FULL
        assert admission.saturation == 1
        clock.now = 5.1
        assert admission.saturation == 0.25


def test_cpu_usage_is_the_share_of_the_last_seconds() -> None:
    clock, used = Clock(0), 0.0
    usage = CPUUsage(clock=clock, used=lambda: used)
    assert usage.share == 0.0
    clock.now, used = 10.0, 2.0
    assert usage.share == pytest.approx(0.2)
    for _ in range(6):
        usage.sample()  # as it does once a second
        clock.now += 1
    assert usage.share == 0.0  # what was longer ago does not count
    used += 100
    assert usage.share == 1.0


def test_cpu_usage_is_a_share_of_the_limit() -> None:
    clock, used, allowed = Clock(0), 0.0, CPUAllowance(0.05)
    usage = CPUUsage(clock=clock, used=lambda: used, limit=lambda: allowed)
    assert usage.cores == 0.05
    clock.now, used = 10.0, 0.4
    assert usage.share == pytest.approx(0.8)
    allowed = CPUAllowance(0.5, throttled=9.0)  # it uses little on the mean, and waits all the same
    assert usage.share == pytest.approx(0.9)
    allowed = CPUAllowance(4.0)  # one event loop
    assert usage.cores == 1.0
    assert usage.share == pytest.approx(0.04)


def is_overloaded(admission: Admission) -> bool:
    """Likewise."""
    return admission.is_overloaded


async def test_an_overload_ends_a_while_after_the_last_rejection() -> None:
    clock = Clock(0)
    admission = Admission(AdmissionLimits(capacity=9, waiting=9, max_wait=0.25), clock=clock)
    assert not is_overloaded(admission)
    admission.reject()
    assert is_overloaded(admission)
    clock.now = 0.2501
    assert not is_overloaded(admission)


async def test_in_an_overload_few_requests_are_admitted_in_an_iteration() -> None:
    admission = Admission(AdmissionLimits(capacity=1, waiting=9), clock=lambda: 0.0)
    for _ in range(3):
        assert sum(admission.admit() for _ in range(4)) == 2  # the queue is empty
        await asyncio.sleep(0)
    fetches = [HeldFetch(admission) for _ in range(2)]
    await run_ready_tasks()
    for _ in range(3):
        assert sum(admission.admit() for _ in range(4)) == 1  # a fetch waits
        await asyncio.sleep(0)
    for fetch in fetches:
        await fetch.end()


async def test_rejections_let_one_more_be_admitted_so_that_they_do_not_take_the_cpu_from_pages() -> None:
    limits = AdmissionLimits(capacity=9, waiting=9, rejections=10)
    admission = Admission(limits, clock=lambda: 0.0)
    for rejections, admitted in ((0, 2), (9, 2), (10, 3), (39, 5), (0, 2)):
        for _ in range(rejections):
            admission.reject()
        admission.admit()
        await asyncio.sleep(0)
        assert sum(admission.admit() for _ in range(9)) == admitted
        await asyncio.sleep(0)


async def test_memory_beyond_a_slots_own_is_taken_in_steps_of_what_all_share() -> None:
    admission = Admission(AdmissionLimits(own_bytes=100, shared_bytes=120, step_bytes=50, waiting=0))
    with await admission.enter() as small, await admission.enter() as large:
        large.hold(60)
        large.hold(101)  # the first step
        large.hold(150)
        large.hold(151)  # the second
        large.hold(80)
        with pytest.raises(Overloaded) as caught:
            large.hold(201)
        assert (caught.value.reason, admission.rejected) == (Reason.FULL, 1)
        small.hold(100)
        with pytest.raises(Overloaded):
            small.hold(101)
    with await admission.enter() as slot:
        slot.hold(200)  # all was returned


async def test_large_pieces_of_work_that_began_can_end_while_others_are_rejected() -> None:
    admission = Admission(AdmissionLimits(own_bytes=100, shared_bytes=1000, step_bytes=500, waiting=0))
    with await admission.enter() as first, await admission.enter() as second, await admission.enter() as third:
        for size in range(50, 600, 50):
            first.hold(size)
            second.hold(size)
            if size == 150:
                with pytest.raises(Overloaded):
                    third.hold(size)
