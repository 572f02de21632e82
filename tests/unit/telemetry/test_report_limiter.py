"""How many reports of one error are enough."""

from hypothesis import given
from hypothesis import strategies as st

from scrap.telemetry.sentry.reporting import ReportLimiter
from tests.clock import Clock


def test_a_burst_of_one_kind_is_cut_off_and_counted() -> None:
    limiter = ReportLimiter(each=2, overall=10, clock=Clock())
    assert [limiter.take("a") for _ in range(4)] == [True, True, False, False]
    assert limiter.suppressed == 2
    assert limiter.take("b")


def test_the_window_slides() -> None:
    clock = Clock()
    limiter = ReportLimiter(each=2, window=60, clock=clock)
    assert limiter.take("a")
    clock.now += 59.9
    assert (limiter.take("a"), limiter.take("a")) == (True, False)
    clock.now += 0.1  # the first is a window old, the second is not
    assert (limiter.take("a"), limiter.take("a")) == (True, False)


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 4)), max_size=100))
def test_whatever_comes_so_many_pass_in_any_window(takes: list[tuple[float, int]]) -> None:
    clock = Clock()
    limiter = ReportLimiter(each=3, overall=7, window=100, clock=clock)
    passed: list[tuple[float, int]] = []
    for later, kind in takes:
        clock.now += later
        if limiter.take(kind):
            passed.append((clock.now, kind))
        window = [kind for at, kind in passed if at > clock.now - 100]
        assert len(window) <= 7
        assert all(window.count(kind) <= 3 for kind in window)
    assert len(passed) + limiter.suppressed == len(takes)
