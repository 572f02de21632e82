"""How fast a strained house lets callers in."""

from itertools import pairwise

from scrap.admission.pace import Pace

WINDOW = 0.1


class Core:
    """A core that others may use as well, and a house that works on it as much as was let in, in steps of 1 ms."""

    def __init__(self, page: float, share: float = 1.0) -> None:
        self.now = 0.0
        self.used = 0.0
        self.owed = 0.0  # seconds of work
        self.late = 0  # steps in which the work waited
        self.pace = Pace(lambda: self.used)
        self._page = page
        self._share = share

    def step(self, asked: int) -> int:
        """So many ask to come in; returns how many did."""
        self.now += 0.001
        done = min(self.owed, 0.001 * self._share)
        self.owed -= done
        self.used += done
        late = self.owed > 0.005
        self.late += late
        came = 0
        for _ in range(asked):
            if not late and self.pace.take(self.now):
                came += 1
                self.owed += self._page
                self.pace.begin()
        self.pace.look(self.now, strained=True, late=late)
        return came


def test_the_pace_keeps_the_core_busy_and_nobody_waits() -> None:
    core = Core(page=0.002)
    for _ in range(2000):
        core.step(asked=4)
    core.late, before = 0, core.used
    came = sum(core.step(asked=4) for _ in range(5000))
    assert 0.94 < (core.used - before) / 5 < 0.98
    assert 470 < came / 5 < 490  # of 500 that a whole core could do
    assert core.late == 0


def test_even_distances() -> None:
    core = Core(page=0.002)
    for _ in range(2000):
        core.step(asked=4)
    came = [core.step(asked=4) for _ in range(1000)]
    assert max(came) == 1
    times = [at for at, one in enumerate(came) if one]
    assert {later - time for time, later in pairwise(times)} <= {2, 3}


def test_where_there_is_core_to_spare_nobody_is_refused_for_long() -> None:
    core = Core(page=0.0002)
    refused = [lump - core.step(asked=lump) for lump in [0, 0, 0, 8] * 750]
    assert sum(refused[:500]) > 100
    assert sum(refused[2000:]) == 0


def test_where_others_use_the_core_waiting_says_that_it_is_too_fast() -> None:
    core = Core(page=0.002, share=0.5)
    for _ in range(3000):
        core.step(asked=4)
    owed = []
    for _ in range(5000):
        core.step(asked=4)
        owed.append(core.owed)
    assert core.used / core.now > 0.45
    assert max(owed) < 0.02


def test_it_knows_what_a_page_costs_before_callers_have_to_ask() -> None:
    used = 0.0
    pace = Pace(lambda: used)
    for number in range(300):
        pace.begin()
        used += 0.002
        pace.look(number / 100, strained=False, late=True)
    assert 470 < sum(pace.take(3 + number / 1000) for number in range(1, 1001)) < 490


def test_what_an_idle_house_uses_is_not_what_its_pages_cost() -> None:
    used = 0.0
    pace = Pace(lambda: used)
    for number in range(100):
        used += 0.2  # of a minute
        pace.begin()
        pace.look(number * 60.0, strained=False, late=False)
    for number in range(20):
        pace.begin()
        used += 0.002
        pace.look(6000 + number / 100, strained=True, late=False)
    assert 470 < sum(pace.take(6001 + number / 1000) for number in range(1, 1001)) < 490


def test_the_slowest_pace_lets_somebody_in() -> None:
    used = 0.0
    pace = Pace(lambda: used)
    for number in range(1000):  # all of the core goes for something else
        used += WINDOW
        pace.look(number * WINDOW, strained=True, late=False)
    assert sum(pace.take(100 + number / 1000) for number in range(1000)) >= 50
