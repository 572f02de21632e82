"""What follows from the intervals of a monitoring stack, and how they are read from what Prometheus says."""

from typing import Any

import pytest

from tests.cluster.intervals import Intervals, read, seconds

CONFIGURATION = """
global: {scrape_interval: 30s, evaluation_interval: 1m}
scrape_configs:
  - {job_name: serviceMonitor/monitoring/kubelet/0, scrape_interval: 15s}
  - {job_name: serviceMonitor/demo/scrap/0, scrape_interval: 10s}
  - {job_name: serviceMonitor/demo/scrap-operator/0, scrape_interval: 2m}
"""


def group(namespace: str, interval: float, kind: str) -> dict[str, Any]:
    return {"file": f"/etc/rules/{namespace}-scrap-1.yaml", "interval": interval, "rules": [{"type": kind}]}


@pytest.mark.parametrize(("text", "value"), [("5s", 5), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1d", 86400)])
def test_durations_as_prometheus_writes_them(text: str, value: float) -> None:
    assert seconds(text) == value


def test_those_of_a_release_are_its_own_job_and_its_groups_with_alerts() -> None:
    groups = [group("demo", 20, "alerting"), group("demo", 300, "recording"), group("other", 240, "alerting")]
    assert read(CONFIGURATION, groups, "demo") == Intervals(10, 20)


def test_before_it_is_there_they_are_the_global_ones() -> None:
    assert read(CONFIGURATION, [], "new") == Intervals(30, 60)


@pytest.mark.parametrize(
    ("interval", "window", "noticed", "fires", "patience"),
    [(5, 20, 10, 25, 60), (10, 25, 20, 40, 120), (30, 75, 60, 90, 360)],
)
def test_what_follows(interval: float, window: float, noticed: float, fires: float, patience: float) -> None:
    """Two samples are in a window even where one is late; an alert's `for` ends with an evaluation."""
    intervals = Intervals(interval, interval)
    assert intervals.window(20) == window
    assert intervals.duration(20) == f"{window}s"
    assert intervals.noticed == noticed
    assert intervals.fires(15) == fires
    assert intervals.patience(60) == patience


def test_shorter_intervals_shorten_nothing() -> None:
    assert Intervals(1, 1).window(20) == 20
    assert Intervals(1, 1).patience(60) == 60
