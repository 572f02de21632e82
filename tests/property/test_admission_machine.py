"""Whatever callers do and whenever they leave, no place is lost and none is given twice.

The machine steps a real event loop by hand, one iteration at a time, so callers are cancelled at every point there is:
before they have run, while they wait, when a place is theirs and they do not know yet, and inside.
"""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from scrap.admission import Admission, AdmissionLimits
from scrap.errors import Overloaded

CAPACITY, WAITING = 2, 3


class Caller:
    """Somebody who enters and stays until told to go."""

    def __init__(self, house: "House") -> None:
        self.house = house
        self.leave = asyncio.Event()
        self.task = house.loop.create_task(self.visit())

    async def visit(self) -> str:
        try:
            async with self.house.admission.enter():
                self.house.inside += 1
                try:
                    await self.leave.wait()
                finally:
                    self.house.inside -= 1
        except Overloaded:
            return "refused"
        return "served"


class House(RuleBasedStateMachine):
    """An admission and its callers."""

    callers = Bundle("callers")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.admission = Admission(AdmissionLimits(CAPACITY, WAITING, patience=3600), clock=lambda: 0.0)
        self.inside = 0
        self.began_in_a_turn = 0
        self.everybody: list[Caller] = []

    def step(self, times: int = 1) -> None:
        """Runs what is ready, `times` iterations of it."""
        for _ in range(times):
            before = self.admission.in_flight
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
            self.began_in_a_turn = max(self.began_in_a_turn, self.admission.in_flight - before)

    @rule(target=callers)
    def come(self) -> Caller:
        caller = Caller(self)
        self.everybody.append(caller)
        return caller

    @rule(caller=callers)
    def go(self, caller: Caller) -> None:
        caller.leave.set()

    @rule(caller=callers)
    def cancel(self, caller: Caller) -> None:
        caller.task.cancel()

    @rule()
    def expire(self) -> None:
        """The patience of the first in the waiting room ends."""
        for turn in self.admission._queue:
            if not turn.done():
                turn.set_result(False)
            break

    @rule(times=st.integers(1, 3))
    def run(self, times: int) -> None:
        self.step(times)

    @invariant()
    def bounds(self) -> None:
        assert 0 <= self.inside <= self.admission.in_flight <= CAPACITY
        assert self.admission.waiting <= WAITING

    @invariant()
    def work_conserving(self) -> None:
        """Nobody waits beside a free place, but for the rest of a turn in which somebody has begun."""
        if self.admission.in_flight < CAPACITY and self.admission._left > 0:
            assert all(turn.done() for turn in self.admission._queue)

    def teardown(self) -> None:
        for caller in self.everybody:
            caller.leave.set()
        self.step(20)
        try:
            assert all(caller.task.done() for caller in self.everybody)
            assert (self.inside, self.admission.in_flight, self.admission.waiting) == (0, 0, 0)
            refused = sum(not c.task.cancelled() and c.task.result() == "refused" for c in self.everybody)
            assert refused == self.admission.refused
            assert self.began_in_a_turn <= 1
        finally:
            self.loop.close()


TestAdmission = House.TestCase
TestAdmission.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
