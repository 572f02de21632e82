"""Whatever requests do and whenever they are cancelled, no slot is lost and none is granted twice.

The machine steps a real event loop by hand, one iteration at a time, so requests are cancelled at every point: before
they have run, in the queue, when a slot is granted and their task has not run yet, and while they hold it.
"""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from scrap.admission import Admission, AdmissionLimits
from scrap.errors import Overloaded

CAPACITY, WAITING = 2, 3


class SteppedFetch:
    """A fetch that lasts until the machine ends it."""

    def __init__(self, machine: "AdmissionMachine") -> None:
        self.machine = machine
        self.released = asyncio.Event()
        self.task = machine.loop.create_task(self.run())

    async def run(self) -> str:
        try:
            with await self.machine.admission.enter():
                self.machine.holding += 1
                try:
                    await self.released.wait()
                finally:
                    self.machine.holding -= 1
        except Overloaded:
            return "rejected"
        return "served"


class AdmissionMachine(RuleBasedStateMachine):
    """An admission and its fetches."""

    fetches = Bundle("fetches")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        self.loop.time = lambda: self.now  # type: ignore[method-assign]
        self.admission = Admission(AdmissionLimits(CAPACITY, WAITING, max_wait=3600), clock=lambda: 0.0)
        self.holding = 0
        self.began_in_an_iteration = 0
        self.all_fetches: list[SteppedFetch] = []

    def step(self, times: int = 1) -> None:
        """Runs what is ready, `times` iterations of it."""
        for _ in range(times):
            before = self.admission.in_flight
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
            self.began_in_an_iteration = max(self.began_in_an_iteration, self.admission.in_flight - before)

    @rule(target=fetches)
    def start(self) -> SteppedFetch:
        fetch = SteppedFetch(self)
        self.all_fetches.append(fetch)
        return fetch

    @rule(fetch=fetches)
    def end(self, fetch: SteppedFetch) -> None:
        fetch.released.set()

    @rule(fetch=fetches)
    def cancel(self, fetch: SteppedFetch) -> None:
        fetch.task.cancel()

    @rule()
    def expire(self) -> None:
        """All in the queue have waited too long."""
        self.now += 3600

    @rule(times=st.integers(1, 3))
    def run(self, times: int) -> None:
        self.step(times)

    @invariant()
    def bounds(self) -> None:
        assert 0 <= self.holding <= self.admission.in_flight <= CAPACITY
        assert self.admission.waiting <= WAITING

    @invariant()
    def work_conserving(self) -> None:
        """No fetch waits beside a free slot, but for the rest of an iteration in which one has begun."""
        if self.admission.in_flight < CAPACITY and self.admission._may_begin > 0:
            assert all(waiter.done() for waiter in self.admission._queue)

    def teardown(self) -> None:
        for fetch in self.all_fetches:
            fetch.released.set()
        self.step(20)
        try:
            assert all(fetch.task.done() for fetch in self.all_fetches)
            assert (self.holding, self.admission.in_flight, self.admission.waiting) == (0, 0, 0)
            results = [fetch.task.result() for fetch in self.all_fetches if not fetch.task.cancelled()]
            rejected = results.count("rejected")
            assert rejected == self.admission.rejected
            assert self.began_in_an_iteration <= 1
        finally:
            self.loop.close()


TestAdmission = AdmissionMachine.TestCase
TestAdmission.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
