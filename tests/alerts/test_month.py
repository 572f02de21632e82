"""A calm month: thirty days of ordinary noise page nobody, at the windows and thresholds that the chart comes with.

The month is evaluated every twenty minutes, which is enough for the windows of hours and days. Each kind of noise is
evaluated every minute besides, for the two hours around it: what lasts for minutes only would be missed.
"""

import json
import math
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.alerts.rules import rule_groups, world
from tests.chart.rendering import Object, tool

pytestmark = pytest.mark.needs("helm", "promtool")

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
# What is measured here makes no noise for them, and each rule costs time.
LEFT_OUT = {"scrap-calls", "scrap-operator"}
# The warnings that a calm month may have, with their reason; the first day of the month is a Monday.
WARNINGS: dict[str, str] = {}

DEPLOY = 11 * HOUR  # on each working day
SLACK_REFUSES = DAY + 9 * HOUR  # on Tuesdays
PROMETHEUS_RESTARTS = 2 * DAY + 14 * HOUR  # on Wednesdays
SITE_FAILS = 3 * DAY + 15 * HOUR  # on Thursdays
NODE_DRAINED = 6 * DAY + 4 * HOUR  # on Sundays

Shape = Callable[[int], float]


@dataclass(frozen=True)
class Span:
    """What is simulated.

    Attributes:
        start: seconds since the month began.
        length: seconds.
        scrape: seconds between two samples.
        evaluation: seconds between two evaluations.
    """

    start: int
    length: int
    scrape: int
    evaluation: int

    @property
    def times(self) -> range:
        """When there is a sample, in seconds since the month began."""
        return range(self.start, self.start + self.length + 1, self.scrape)


MONTH = Span(0, 30 * DAY, 2 * MINUTE, 20 * MINUTE)


def closely(at: int) -> Span:
    """The two hours around some noise."""
    return Span(at - HOUR, 2 * HOUR, MINUTE, MINUTE)


NOISE = {
    "a deploy": closely(DEPLOY),
    "Slack refuses": closely(SLACK_REFUSES),
    "Prometheus restarts": closely(PROMETHEUS_RESTARTS),
    "a large site fails": closely(SITE_FAILS),
    "a node is drained": closely(NODE_DRAINED),
}


def load(at: int) -> float:
    """The share of the highest load: little at night, most in the afternoon, less on the weekend."""
    day = 0.55 - 0.45 * math.cos(2 * math.pi * (at % DAY / DAY - 1 / 6))
    return day * (0.6 if at // DAY % 7 >= 5 else 1)


def since_deploy(at: int) -> int:
    """Seconds since the last deploy; a day, where it was not today."""
    since = (at - DEPLOY) % DAY
    return since if at >= DEPLOY and (at - DEPLOY) // DAY % 7 < 5 else DAY


def within(at: int, weekly: int, seconds: int) -> bool:
    """Whether something lasts that begins each week at this time."""
    return 0 <= (at - weekly) % WEEK < seconds


class Noise:
    """The series of a healthy release, with noise that is the same in every run."""

    def __init__(self, span: Span) -> None:
        chance = random.Random(22)  # noqa: S311 - a simulation
        self.span = span
        self.jitter = {at: chance.uniform(0.8, 1.2) for at in span.times}
        # Three of a hundred pages fail, and nine while a large site fails for an hour.
        self.failing = {at: 0.03 * chance.uniform(0.5, 1.5) + 0.06 * within(at, SITE_FAILS, HOUR) for at in span.times}
        self.shapes = dict(self._shapes())

    def _calls(self, share: Shape) -> Shape:
        """A counter of the requests, a minute."""
        return lambda at: 600 * load(at) * self.jitter[at] * share(at)

    def _once(self, daily: int, count: int) -> Shape:
        """A counter that grows by so much once a day."""
        return lambda at: count * MINUTE / self.span.scrape if 0 <= (at - daily) % DAY < self.span.scrape else 0

    def _shapes(self) -> Iterator[tuple[str, Shape]]:
        """Yields what changes: a metric and label values, and its value, or of a counter what it grows a minute."""
        calls = self._calls
        yield "scrap_requests_total ok", calls(lambda at: 0.9 - self.failing[at])
        yield "scrap_requests_total no_open_graph", calls(lambda _: 0.1)
        yield "scrap_requests_total upstream_error", calls(lambda at: self.failing[at])
        yield "scrap_requests_total caller_error", calls(lambda _: 0.01)
        yield "scrap_requests_total blocked", calls(lambda _: 0.002)
        # An error of its own, and a few rejections when a deploy begins.
        yield "scrap_requests_total internal_error", self._once(9 * HOUR, 1)
        yield "scrap_requests_total shed", self._once(DEPLOY, 4)
        # Three of a thousand clients leave after a second or two, and ten times as many while a large site fails.
        left = calls(lambda at: 0.003 + 0.03 * within(at, SITE_FAILS, HOUR))
        yield "scrap_failures_total caller_left", left
        yield "scrap_request_duration_seconds_bucket caller_error 1.0", calls(lambda _: 0.012)
        yield "scrap_request_duration_seconds_bucket caller_error", lambda at: left(at) + calls(lambda _: 0.012)(at)
        yield "scrap_request_duration_seconds_count caller_error", lambda at: left(at) + calls(lambda _: 0.012)(at)
        # The shared cache fails over when its node is drained: for two minutes it is a replica.
        yield (
            "scrap_cache_shared_writes_total stored",
            calls(lambda at: 0.2 * (not within(at, NODE_DRAINED, 2 * MINUTE))),
        )
        yield "scrap_cache_shared_writes_total read_only", calls(lambda at: 0.2 * within(at, NODE_DRAINED, 2 * MINUTE))
        # The cache is empty after a deploy: for ten minutes most pages are fetched again.
        yield "scrap_request_duration_seconds_sum", calls(lambda at: 0.35 if since_deploy(at) < 10 * MINUTE else 0.1)
        yield "scrap_request_duration_seconds_count", calls(lambda _: 1)
        yield "scrap_request_duration_seconds_bucket +Inf", calls(lambda _: 1)
        yield "scrap_request_duration_seconds_bucket 2.5", calls(lambda at: 1 - 0.6 * self.failing[at])
        yield "scrap_phase_duration_seconds_count", calls(lambda _: 0.2)
        yield "scrap_phase_duration_seconds_sum first_byte", calls(lambda at: 0.04 * self.jitter[at])
        yield "scrap_phase_duration_seconds_sum dns", calls(lambda at: 0.002 * self.jitter[at])
        yield "scrap_phase_duration_seconds_bucket 0.5", calls(lambda _: 0.19)
        yield "scrap_phase_duration_seconds_bucket 5.0", calls(lambda _: 0.199)
        yield "scrap_phase_duration_seconds_bucket +Inf", calls(lambda _: 0.2)
        yield "process_cpu_seconds_total", lambda at: 60 * (0.05 + 0.5 * load(at) * self.jitter[at])
        yield "scrap_admission_in_flight", lambda at: round(32 * load(at) * self.jitter[at])
        # The pods are replaced one after the other; a drained pod is ready elsewhere after four minutes.
        yield "up scrap a", lambda at: float(not 0 <= since_deploy(at) < 2 * MINUTE)
        yield "up scrap b", lambda at: float(not 2 * MINUTE <= since_deploy(at) < 4 * MINUTE)
        yield (
            "kube_deployment_status_replicas_available",
            lambda at: 1 if since_deploy(at) < 4 * MINUTE or within(at, NODE_DRAINED, 4 * MINUTE) else 2,
        )
        yield "kube_deployment_status_replicas_updated", lambda at: 1 if since_deploy(at) < 5 * MINUTE else 2
        yield "kube_node_status_condition", lambda at: float(not within(at, NODE_DRAINED, 4 * MINUTE))
        # Memory fills with the cache, and is free again after a deploy.
        yield "container_memory_working_set_bytes", lambda at: 200 + 180 * min(1, since_deploy(at) / DAY)
        # Logs grow and rotate each night, and images are removed each week.
        yield (
            "node_filesystem_avail_bytes",
            lambda at: 600 - 8 * (at % DAY) / DAY - 2 * (at % WEEK) / DAY + self.jitter[at] / 10,
        )
        yield "node_memory_MemAvailable_bytes", lambda at: 500 - 200 * load(at)
        yield "node_cpu_seconds_total idle", lambda at: 60 - 45 * load(at)
        yield (
            "alertmanager_notification_requests_failed_total 10.0.0.2",
            lambda at: float(within(at, SLACK_REFUSES, 2 * MINUTE)),
        )

    def values(self, series: str, usual: str | float) -> str:
        """A series in promtool's notation; what makes no noise is as in the healthy world."""
        amount = float(str(usual).removesuffix("/m"))
        shape = next((shape for key, shape in self.shapes.items() if _named(series, key)), lambda _: amount)
        counter = str(usual).endswith("/m")
        begins = {"a": 0, "b": 2 * MINUTE}.get("".join(re.findall(r'job="scrap",pod="([ab])"', series)))
        texts, total = [], 0.0
        for at in self.span.times:
            value = shape(at)
            if counter:
                deployed = begins is not None and 0 <= since_deploy(at) - begins < self.span.scrape
                total = 0 if deployed else total + value * self.span.scrape / MINUTE
                value = total
            texts.append("_" if within(at, PROMETHEUS_RESTARTS, 6 * MINUTE) else f"{value:.6g}")
        return " ".join(texts)


def _named(series: str, key: str) -> bool:
    name, *parts = key.split()
    return series.startswith(f"{name}{{") and all(f'="{part}' in series for part in parts)


def fired(span: Span, folder: Path) -> set[str]:
    """What fires within a span, as `Alert/severity`, by promtool; and the names of what is recorded as usual."""
    noise = Noise(span)
    groups = [group for group in rule_groups() if group["name"] not in LEFT_OUT]
    end = f"{span.length}s"
    shown = f'count by (alertname, severity) (present_over_time(ALERTS{{alertstate="firing"}}[{end}]))'
    usual = 'count by (__name__) ({__name__=~"scrap:.*:usual"})'
    test: Object = {
        "interval": f"{span.scrape}s",
        "input_series": [
            {"series": series, "values": noise.values(series, value)} for series, value in world({}).items()
        ],
        "promql_expr_test": [
            {"expr": expression, "eval_time": end, "exp_samples": []} for expression in (shown, usual)
        ],
    }
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
    # What is usual comes first: a value of the last evaluation would be too old.
    names = sorted((group["name"] for group in groups), key=lambda name: not name.endswith("-usual"))
    whole = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{span.evaluation}s",
        "group_eval_order": names,
        "tests": [test],
    }
    (folder / "test.yaml").write_text(json.dumps(whole))
    program = tool("promtool")
    assert program
    done = subprocess.run(
        [program, "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    alerts = {"/".join(pair) for pair in re.findall(r'alertname="(\w+)", severity="(\w+)"', done.stderr)}
    recorded = re.findall(r'(?:__name__="|^.*got: |, )(scrap:\w+:usual)', done.stderr, re.MULTILINE)
    assert "FAILED" in done.stderr, done.stderr
    return alerts | set(recorded)


USUAL = {"scrap:calls_failed_by_web:usual", "scrap:calls_no_open_graph:usual", "scrap:duration:usual"}


def test_a_calm_month_pages_nobody(tmp_path: Path) -> None:
    found = fired(MONTH, tmp_path)
    assert found >= USUAL, "what is usual is known"
    assert {alert for alert in found - USUAL if "/" in alert and not alert.endswith("/none")} == set(WARNINGS)
    assert len(WARNINGS) <= 2
    assert all(alert.endswith("/warning") for alert in WARNINGS)


@pytest.mark.parametrize("span", NOISE.values(), ids=NOISE)
def test_nothing_fires_for_minutes_either(span: Span, tmp_path: Path) -> None:
    found = fired(span, tmp_path)
    assert {alert for alert in found if "/" in alert and not alert.endswith("/none")} == set()
