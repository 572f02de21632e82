"""How far apart the stack scrapes and evaluates, asked of Prometheus, and what follows for windows and bounds."""

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from tests.cluster.alerts.scene import Stack

USUAL = 5.0  # seconds: the intervals for which the tests' own times are written
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Intervals:
    """Seconds between two scrapes of the service, and between two evaluations of its alerts."""

    scrape: float = USUAL
    evaluation: float = USUAL

    @property
    def longest(self) -> float:
        """The longer one."""
        return max(self.scrape, self.evaluation)

    @property
    def noticed(self) -> float:
        """Seconds from a change to the evaluation that reads it, at most."""
        return self.scrape + self.evaluation

    def fires(self, wait: float) -> float:
        """Seconds from a cause to its alert, at most.

        Args:
            wait: the alert's `for`, which ends with an evaluation.
        """
        return self.noticed + math.ceil(wait / self.evaluation) * self.evaluation

    def window(self, seconds: float) -> float:
        """A window of so many seconds; longer where it would not have two samples, the second a little late."""
        return max(seconds, 2.5 * self.longest)

    def duration(self, seconds: float) -> str:
        """Such a window, for Prometheus."""
        return f"{math.ceil(self.window(seconds))}s"

    def patience(self, seconds: float) -> float:
        """How long to wait for what takes less than so many seconds at intervals of 5 s."""
        return seconds * max(1.0, self.longest / USUAL)


def seconds(duration: str) -> float:
    """A duration of Prometheus: 30s, 1m30s."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", duration))


def read(configuration: str, groups: list[dict[str, Any]], namespace: str) -> Intervals:
    """The intervals of a release; before it is there, those that it will have.

    Args:
        configuration: Prometheus' own, as YAML.
        groups: its groups of rules.
    """
    whole = yaml.safe_load(configuration)
    usual = whole["global"]
    jobs = [job for job in whole.get("scrape_configs") or [] if f"/{namespace}/scrap/" in job["job_name"]]
    scrapes = [seconds(job.get("scrape_interval", usual["scrape_interval"])) for job in jobs]
    evaluations = [
        float(group["interval"])
        for group in groups
        if f"/{namespace}-scrap-" in group["file"] and any(rule["type"] == "alerting" for rule in group["rules"])
    ]
    return Intervals(
        max(scrapes, default=seconds(usual["scrape_interval"])),
        max(evaluations, default=seconds(usual["evaluation_interval"])),
    )


def asked(stack: "Stack", namespace: str) -> Intervals:
    """The same, of the stack's Prometheus."""
    return read(stack.ask("status/config")["yaml"], stack.ask("rules")["groups"], namespace)
