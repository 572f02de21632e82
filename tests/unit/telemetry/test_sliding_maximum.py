"""The maximum over a sliding minute."""

from hypothesis import given
from hypothesis import strategies as st

from scrap.telemetry.sliding_maximum import SlidingMaximum


def test_nothing_noted_is_zero() -> None:
    assert SlidingMaximum().value(0.0) == 0.0
    assert SlidingMaximum().value(1e6) == 0.0


def test_a_peak_stays_for_a_minute_and_is_gone_after_65_seconds() -> None:
    peak = SlidingMaximum()
    peak.observe(3.0, 1004.9)
    assert peak.value(1064.9) == 3.0
    assert peak.value(1065.0) == 0.0


def test_a_slot_is_used_again_for_another_time() -> None:
    peak = SlidingMaximum()
    peak.observe(3.0, 1000.0)
    peak.observe(1.0, 1065.0)  # thirteen slots later: the same place
    assert peak.value(1065.0) == 1.0


@given(
    noted=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 9))),
    scraped_from=st.floats(0, 30),
)
def test_scrapes_every_30_seconds_miss_no_peak_and_invent_none(
    noted: list[tuple[float, float]], scraped_from: float
) -> None:
    peak = SlidingMaximum()
    waiting = sorted(noted)
    seen: list[tuple[float, float]] = []
    for scrape in (scraped_from + 30 * number for number in range(9)):
        while waiting and waiting[0][0] <= scrape:
            seen.append(waiting.pop(0))
            peak.observe(seen[-1][1], seen[-1][0])
        value = peak.value(scrape)
        assert value >= max((v for at, v in seen if at > scrape - 60), default=0.0)
        assert value <= max((v for at, v in seen if at > scrape - 65.001), default=0.0)
