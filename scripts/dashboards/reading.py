"""What Grafana makes of a dashboard's JSON, as far as it is needed without one: panels, queries, variables, legends.

Enough for the tests and the preview; no imitation: it knows only what our dashboards use.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.dashboards.prometheus import Prometheus, Series


@dataclass(frozen=True, slots=True)
class Target:
    """A query of a panel.

    Attributes:
        expression: PromQL with Grafana's variables.
        legend: with `{{label}}`s.
        instant: asked at the end of the range alone.
    """

    ref: str
    expression: str
    legend: str
    instant: bool

    def name(self, series: Series) -> str:
        """What the legend calls a series."""
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: series.labels.get(match[1], ""), self.legend)


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel, or the heading of a row.

    Attributes:
        kind: timeseries, stat, table, state-timeline or row.
        grid: x, y, width and height, in Grafana's grid.
        raw: all of its JSON.
    """

    title: str
    kind: str
    grid: tuple[int, int, int, int]
    targets: tuple[Target, ...]
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def description(self) -> str:
        """What one reads behind the (i)."""
        return str(self.raw.get("description", ""))

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What holds for all of its series."""
        found: Mapping[str, Any] = self.raw.get("fieldConfig", {}).get("defaults", {})
        return found

    @property
    def unit(self) -> str:
        """Grafana's name of the unit."""
        return str(self.defaults.get("unit", ""))

    def override(self, name: str, prop: str) -> Any:
        """What is set for one series or column; None: nothing."""
        for override in self.raw.get("fieldConfig", {}).get("overrides", []):
            if _matches(override["matcher"], name):
                for found in override["properties"]:
                    if found["id"] == prop:
                        return found["value"]
        return None


def _matches(matcher: Mapping[str, str], name: str) -> bool:
    if matcher["id"] == "byRegexp":
        return bool(re.search(matcher["options"].strip("/"), name))
    return matcher == {"id": "byName", "options": name}


def load(path: Path) -> dict[str, Any]:
    """A dashboard's JSON."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def constants(board: Mapping[str, Any]) -> dict[str, str]:
    """What it has of the alerts, as committed."""
    found = board["templating"]["list"]
    return {variable["name"]: variable["query"] for variable in found if variable["type"] == "constant"}


def panels(board: Mapping[str, Any]) -> Iterator[Panel]:
    """Yields its panels, in order, the headings of its rows among them, and those of collapsed rows behind these."""
    for raw in board["panels"]:
        for each in (raw, *raw.get("panels", [])):
            grid = each["gridPos"]
            yield Panel(
                title=each["title"],
                kind=each["type"],
                grid=(grid.get("x", 0), grid["y"], grid["w"], grid["h"]),
                targets=tuple(_target(target) for target in each.get("targets", [])),
                raw=each,
            )


def annotations(board: Mapping[str, Any]) -> Iterator[tuple[str, str, Target]]:
    """Yields each annotation's name, colour and query."""
    for raw in board["annotations"]["list"]:
        yield raw["name"], raw["iconColor"], _target(raw["target"])


def _target(raw: Mapping[str, Any]) -> Target:
    return Target(raw["refId"], raw["expr"], raw.get("legendFormat", ""), bool(raw.get("instant")))


@dataclass(frozen=True, slots=True)
class View:
    """What one looks at.

    Attributes:
        variables: the dashboard's, by name.
        start: seconds since the epoch.
        end: likewise.
        step: seconds between two points.
        scrape: seconds between two scrapes, as Grafana's data source has them.
    """

    variables: Mapping[str, str]
    start: float
    end: float
    step: float = 15
    scrape: float = 15

    def fill(self, expression: str) -> str:
        """The expression with its variables' values."""
        values = {
            **self.variables,
            "__interval": f"{self.step:.0f}s",
            "__rate_interval": f"{max(self.step + self.scrape, 4 * self.scrape):.0f}s",
            "__range": f"{self.end - self.start:.0f}s",
        }
        return re.sub(r"\$([a-z_]+)", lambda match: values[match[1]], expression)

    def ask(self, prometheus: Prometheus, target: Target) -> list[Series]:
        """What Prometheus answers. Raises as `Prometheus.instant` does."""
        expression = self.fill(target.expression)
        if target.instant:
            return prometheus.instant(expression, self.end)
        return prometheus.range(expression, self.start, self.end, self.step)
