"""The story as one picture: `python -m scripts.story_picture story.json story.svg`.

From top to bottom: requests, response times, saturation, replicas, the alerts, what came to Slack.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "scrap", "svg.fonttype": "none", "font.size": 9}
mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
INK, GREEN, AMBER, RED, BLUE, GRAY = "#24292f", "#2da44e", "#d4a72c", "#cf222e", "#0969da", "#8c959f"
SEVERITIES = {"critical": RED, "warning": AMBER}
HEIGHTS = (2.2, 2.2, 1.4, 1.4, 2.6)
EACH = 5  # seconds to a point
OBJECTIVE = 2.5  # seconds


def draw(story: dict[str, Any], file: Path) -> None:
    """Writes the picture."""
    figure, rows = plt.subplots(
        len(HEIGHTS), sharex=True, figsize=(12, 10), height_ratios=HEIGHTS, layout="constrained"
    )
    calls, waits, full, pods, alerts = rows
    points = averaged(story["seconds"])
    _calls(calls, points)
    _waits(waits, points)
    _full(full, points)
    _pods(pods, points)
    _alerts(alerts, story)
    for axes in rows:
        _chapters(axes, story, named=axes is calls)
        _faults(axes, story, named=axes is waits)
        axes.grid(axis="y", color="#d0d7de", linewidth=0.5)
    alerts.grid(visible=False)
    alerts.set_xlabel(f"minutes{_skipped(story)}")
    alerts.xaxis.set_major_locator(MultipleLocator(120))
    alerts.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds / 60:.0f}"))
    alerts.set_xlim(0, story["seconds"][-1]["at"])
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def averaged(seconds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few seconds to a point: rates as means, waits at their worst."""
    found = []
    for start in range(0, len(seconds) - EACH + 1, EACH):
        part = seconds[start : start + EACH]
        point = {name: sum(each[name] for each in part) / EACH for name in ("rate", "ok", "shed", "web")}
        point["failed"] = sum(sum(each["failed"].values()) for each in part) / EACH
        for name in ("p50", "p99", "max"):
            point[name] = max((each[name] for each in part if each[name] is not None), default=None)
        last = {name: part[-1][name] for name in ("saturation", "desired", "ready")}
        found.append(point | last | {"at": part[0]["at"]})
    return found


def _column(points: list[dict[str, Any]], name: str, scale: float = 1.0) -> list[float]:
    return [float("nan") if point[name] is None else point[name] * scale for point in points]


def _calls(axes: Axes, points: list[dict[str, Any]]) -> None:
    kinds = {"ok": GREEN, "shed": AMBER, "web": BLUE, "failed": RED}
    names = ("success", "rejected (503, Retry-After)", "the web's failure (502)", "failed")
    at = _column(points, "at")
    axes.stackplot(at, *(_column(points, kind) for kind in kinds), colors=kinds.values(), labels=names, alpha=0.75)
    axes.set_ylabel("requests a second")
    axes.legend(loc="upper left", ncols=4, fontsize=8, framealpha=1, edgecolor="none")
    axes.set_ylim(0, 1.3 * max(_column(points, "rate")))


def _waits(axes: Axes, points: list[dict[str, Any]]) -> None:
    for name, color in (("max", GRAY), ("p99", AMBER), ("p50", BLUE)):
        axes.plot(_column(points, "at"), _column(points, name, 0.001), color=color, label=name, linewidth=1.2)
    axes.axhline(OBJECTIVE, color=RED, linewidth=0.8, linestyle=":")
    axes.set_ylabel("response, seconds")
    axes.set_ylim(0)
    axes.legend(loc="upper left", ncols=3, fontsize=8, framealpha=1, edgecolor="none")


def _full(axes: Axes, points: list[dict[str, Any]]) -> None:
    axes.fill_between(_column(points, "at"), _column(points, "saturation", 100), color=BLUE, alpha=0.35, linewidth=0)
    axes.axhline(80, color=RED, linewidth=0.8, linestyle=":")
    axes.set_ylabel("slots taken, %")
    axes.set_ylim(0, 105)


def _pods(axes: Axes, points: list[dict[str, Any]]) -> None:
    at = _column(points, "at")
    axes.step(at, _column(points, "desired"), color=INK, where="post", label="wanted", linewidth=1.2)
    axes.fill_between(at, _column(points, "ready"), step="post", color=GREEN, alpha=0.4, linewidth=0, label="ready")
    axes.set_ylabel("replicas")
    axes.set_ylim(0, 5.5)
    axes.legend(loc="upper left", ncols=2, fontsize=8, framealpha=1, edgecolor="none")


def _alerts(axes: Axes, story: dict[str, Any]) -> None:
    spans = _spans(story)
    names = sorted({name for name, *_ in spans}, key=[name for name, *_ in spans].index)
    for name, start, end in spans:
        axes.barh(names.index(name), end - start, left=start, height=0.6, color=BLUE, alpha=0.6)
    channels = list(SEVERITIES)
    for event in story["events"]:
        if event["kind"] == "slack":
            color = GREEN if event["text"].startswith("✅") else SEVERITIES[event["name"]]
            row = len(names) + channels.index(event["name"])
            axes.plot(event["at"], row, linestyle="", marker="v", color=color, markersize=7)
    labels = [*(name.removeprefix("Scrap") for name in names), *(f"Slack, {channel}" for channel in channels)]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _spans(story: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Alerts, and when they fired from and until."""
    found: list[tuple[str, float, float]] = []
    firing: dict[str, float] = {}
    for event in story["events"]:
        if event["kind"] == "alert":
            firing[event["name"]] = event["at"]
        elif event["kind"] == "over" and event["name"] in firing:
            found.append((event["name"], firing.pop(event["name"]), event["at"]))
    found += [(name, start, story["seconds"][-1]["at"]) for name, start in firing.items()]
    return sorted(found, key=lambda span: span[1])


def _chapters(axes: Axes, story: dict[str, Any], *, named: bool) -> None:
    for event in story["events"]:
        if event["kind"] == "chapter":
            axes.axvline(event["at"], color=INK, linewidth=0.8)
            if named:
                axes.annotate(
                    event["name"], (event["at"] + 4, 1), xycoords=("data", "axes fraction"), weight="bold", va="bottom"
                )


def _faults(axes: Axes, story: dict[str, Any], *, named: bool) -> None:
    began = {}
    for event in story["events"]:
        if event["kind"] == "breaks":
            began[event["name"]] = event["at"]
        elif event["kind"] == "fixed" and event["name"] in began:
            start = began[event["name"]]
            axes.axvspan(start, event["at"], color=RED, alpha=0.07, linewidth=0)
            axes.axvline(start, color=RED, linewidth=0.5)
            if named:
                where = {"xycoords": ("data", "axes fraction"), "rotation": 90, "va": "top", "fontsize": 7}
                axes.annotate(event["name"], (start + 3, 0.97), color=RED, **where)


def _skipped(story: dict[str, Any]) -> str:
    """What the cluster's provider could not do, a line each."""
    skipped = (event for event in story["events"] if event["kind"] == "skipped")
    return "".join(f"\nskipped: {event['name']} ({event['text']})" for event in skipped)


def main() -> None:
    """Draws one file to another."""
    source, target = map(Path, sys.argv[1:])
    if not source.exists():
        sys.exit(f"{source} is missing: run make story first")
    draw(json.loads(source.read_text()), target)


if __name__ == "__main__":
    main()
