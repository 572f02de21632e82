"""The maximum over a sliding minute."""

from hypothesis import given
from hypothesis import strategies as st

from scrap.telemetry.sliding_maximum import SlidingMaximum
from tests.clock import Clock


def test_nothing_noted_is_zero() -> None:
    clock = Clock(0.0)
    peak = SlidingMaximum(clock)
    assert peak.value() == 0.0
    clock.now = 1e6
    assert peak.value() == 0.0


def test_a_peak_stays_for_a_minute_and_is_gone_after_65_seconds() -> None:
    clock = Clock(1004.9)
    peak = SlidingMaximum(clock)
    peak.observe(3.0)
    clock.now = 1064.9
    assert peak.value() == 3.0
    clock.now = 1065.0
    assert peak.value() == 0.0


def test_a_slot_is_used_again_for_another_time() -> None:
    clock = Clock(1000.0)
    peak = SlidingMaximum(clock)
    peak.observe(3.0)
    clock.now = 1065.0
    peak.observe(1.0)  # thirteen slots later: the same place
    assert peak.value() == 1.0


@given(
    noted=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 9))),
    scraped_from=st.floats(0, 30),
)
def test_scrapes_every_30_seconds_miss_no_peak_and_invent_none(
    noted: list[tuple[float, float]], scraped_from: float
) -> None:
    clock = Clock()
    peak = SlidingMaximum(clock)
    waiting = sorted(noted)
    seen: list[tuple[float, float]] = []
    for scrape in (scraped_from + 30 * number for number in range(9)):
        while waiting and waiting[0][0] <= scrape:
            seen.append(waiting.pop(0))
            clock.now, value = seen[-1]
            peak.observe(value)
        clock.now = scrape
        value = peak.value()
        assert value >= max((v for at, v in seen if at > scrape - 60), default=0.0)
        assert value <= max((v for at, v in seen if at > scrape - 65.001), default=0.0)
