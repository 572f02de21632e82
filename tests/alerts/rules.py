"""The rules as the chart renders them, and cases that promtool runs on them."""

import functools
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.chart.rendering import Object, one, render, tool

HERE = Path(__file__).parent
VALUES: Object = {"monitoring": {"prometheusRule": {"enabled": True}}, "operator": {"enabled": True}}

EVERYTHING = "everything"

# What fires, and at which severity. Samples of ALERTS lose their other labels, so a case has only what it is about.
FIRING = 'count by (alertname, severity) (ALERTS{alertstate="firing"})'


@functools.cache
def rule_groups() -> list[Object]:
    """The groups of the chart's PrometheusRule with every switch on and nothing else changed."""
    return groups_of(VALUES)


def groups_of(values: Object) -> list[Object]:
    """The groups of the chart's PrometheusRule, by these values."""
    groups: list[Object] = one(render(values), "PrometheusRule")["spec"]["groups"]
    return groups


def settings(**changes: Object) -> Object:
    """Values with these changes to the rules."""
    return {**VALUES, "monitoring": {"prometheusRule": {"enabled": True, **changes}}}


def rules() -> list[Object]:
    """All of their rules."""
    return [rule for group in rule_groups() for rule in group["rules"]]


def alerts() -> list[Object]:
    """The alerting ones."""
    return [rule for rule in rules() if "alert" in rule]


@dataclass(frozen=True)
class Case:
    """What Prometheus has, and what fires when.

    Attributes:
        file: the file of rules that are at work; everything: all of them.
        step: time between samples and between evaluations.
        change: series of the healthy world, by metric and label values, or new ones, and what they are instead; None:
            they are not there.
        at: what fires at a time, as `Alert/severity`.
    """

    file: str
    name: str
    step: str
    change: dict[str, Any]
    at: dict[str, list[str]]

    @property
    def fires(self) -> set[str]:
        """Everything that fires at some time."""
        return {alert for alerts in self.at.values() for alert in alerts}


def cases() -> list[Case]:
    """Every case in cases/."""
    found = []
    for path in sorted((HERE / "cases").glob("*.yaml")):
        for case in yaml.safe_load(path.read_text()):
            at = {time: (alerts or "").split() for time, alerts in case["at"].items()}
            found.append(Case(path.stem, case["name"], case.get("step", "1m"), case.get("change", {}), at))
    return found


def unit_test(case: Case) -> Object:
    """The case as a test of promtool's."""
    step = seconds(case.step)
    count = max(seconds(time) for time in case.at) // step + 1
    return {
        "name": case.name,
        "interval": case.step,
        "input_series": [
            {"series": scraped(series), "values": notation(shape, count, step)}
            for series, shape in world(case.change).items()
            if shape is not None
        ],
        "promql_expr_test": [
            {"expr": FIRING, "eval_time": time, "exp_samples": [sample(alert) for alert in alerts]}
            for time, alerts in case.at.items()
        ],
    }


def scraped(series: str) -> str:
    """A series of a pod with the labels of its target, as Prometheus stores what it scrapes."""
    target = r'\1,instance="\3:8081",container="\2",endpoint="management",service="\2"'
    return re.sub(r'(job="(scrap(?:-operator)?)",pod="(\w+)")', target, series)


def world(change: dict[str, Any]) -> dict[str, Any]:
    """The healthy world, changed."""
    series: dict[str, Any] = yaml.safe_load((HERE / "world.yaml").read_text())
    for key, shape in change.items():
        if key == EVERYTHING:
            series = dict.fromkeys(series, shape)
            continue
        if "{" in key:
            series[key] = shape
            continue
        metric, *values = key.split()
        matching = [
            name for name in series if name.startswith(f"{metric}{{") and all(f'="{value}"' in name for value in values)
        ]
        assert matching, f"no such series: {key}"
        series |= dict.fromkeys(matching, shape)
    return series


def notation(shape: str | float, count: int, step: int) -> str:
    """A shape in promtool's notation: 5 stays, 60/m counts so many a minute, all else is promtool's already."""
    text = str(shape)
    if text.endswith("/m"):
        return f"0+{float(text.removesuffix('/m')) * step / 60:g}x{count}"
    return text if "x" in text else f"{text}x{count}"


def sample(alert: str) -> Object:
    """What FIRING gives for one alert; a name with *2 behind it fires for two things."""
    alert, _, times = alert.partition("*")
    name, severity = alert.split("/")
    return {"labels": f'{{alertname="{name}", severity="{severity}"}}', "value": int(times or 1)}


def seconds(duration: str) -> int:
    """A duration such as 90s, 5m, 4h or 3d."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]


def promtool(
    case: Case, folder: Path, groups: list[Object] | None = None, **asked: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a case.

    Args:
        groups: the rules, where they are not the chart's as it comes.
        asked: what is asked of it, where it is not what fires.
    """
    program = tool("promtool")
    assert program
    at_work = [group for group in groups or rule_groups() if case.file in (EVERYTHING, group["name"].split("-")[1])]
    (folder / "rules.yaml").write_text(json.dumps({"groups": at_work}))  # JSON is YAML, and quick to write
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": case.step, "tests": [{**unit_test(case), **asked}]}
    (folder / "test.yaml").write_text(json.dumps(test))
    return subprocess.run(
        [program, "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
