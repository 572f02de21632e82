"""The figures a person asks for, read from an exposition."""

import math
from dataclasses import replace

import pytest

from scrap.telemetry import FanOut, Metrics
from tests.exposition import Exposition, figures
from tests.unit.telemetry.events import ENDED, FAILED

ROUTE = "/api/v1/scrap"


def test_the_figures_between_two_scrapes() -> None:
    metrics = Metrics(version="1", routes=[ROUTE])
    emit = FanOut(pytest.fail, metrics=metrics.handlers)
    emit(replace(ENDED, seconds=0.9))
    before = metrics.exposition("")[0].decode()
    for _ in range(98):
        emit(replace(ENDED, seconds=0.002))
    emit(replace(FAILED, seconds=0.4))
    emit(replace(ENDED, seconds=0.3))
    after = metrics.exposition("")[0].decode()

    shown = figures(after, before, route=ROUTE)
    assert (shown.calls, shown.total) == (100, 101)
    assert shown.failures == {"caller": 0, "web": 1, "service": 0}
    assert shown.mean == pytest.approx((98 * 0.002 + 0.7) / 100)
    assert 0.001 <= shown.median <= 0.0025
    assert 0.25 <= shown.p99 <= 0.5
    assert shown.longest == 0.9
    assert figures(after, route=ROUTE).calls == 101


def test_no_calls_have_no_figures() -> None:
    nothing = figures(Metrics(version="1").exposition("")[0].decode(), route=ROUTE)
    assert (nothing.calls, nothing.longest, nothing.total) == (0, 0.0, 0)
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.median)


def test_beyond_the_last_bound_a_quantile_is_that_bound() -> None:
    metrics = Metrics(version="1", routes=[ROUTE])
    FanOut(pytest.fail, metrics=metrics.handlers)(replace(ENDED, seconds=60.0))
    assert figures(metrics.exposition("")[0].decode(), route=ROUTE).p99 == 10.0


def test_a_value_is_the_only_one_or_none() -> None:
    exposition = Exposition(Metrics(version="1").exposition("")[0].decode())
    with pytest.raises(LookupError):
        exposition.value("scrap_failures_total")
