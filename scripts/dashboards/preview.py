"""Draws the dashboards from the data of a Prometheus: `make dashboards-preview`.

A plain rendering, for the documentation and for whoever changes a panel and has no Grafana at hand: the grid, the
titles, the units, the series. Grafana draws all of it its own way.

    python -m scripts.dashboards.preview --prometheus http://127.0.0.1:9090 --namespace demo --job scrap docs/images
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter
from PIL import Image

from scripts.dashboards.prometheus import Prometheus, Series
from scripts.dashboards.reading import Panel, Target, View, annotations, constants, load, panels
from scripts.dashboards.values import shown
from scripts.dashboards.writing import FOLDER

WIDTH, SCREEN = 1920, 1080  # pixels
UNIT = 38  # pixels, of one row of the grid, as Grafana has it
HEAD = 140  # pixels, of the picture's heading: as much as Grafana's own bars take
GAP = 5  # pixels, around a panel
DPI = 100

COLORS = {
    "green": "#2f9e44",
    "light-green": "#8ce99a",
    "yellow": "#f2b705",
    "orange": "#f08c00",
    "light-orange": "#ffc078",
    "red": "#e03131",
    "light-red": "#ff8787",
    "blue": "#1c7ed6",
    "light-blue": "#74c0fc",
    "purple": "#9c36b5",
    "text": "#212529",
}
PALETTE = ("#1c7ed6", "#2f9e44", "#f08c00", "#9c36b5", "#0c8599", "#e64980", "#5c940d", "#795548", "#3b5bdb", "#868e96")
INK, FAINT, LINE, PAPER = "#212529", "#6c757d", "#dee2e6", "#f6f7f8"

Found = list[tuple[Target, list[Series]]]


def color_of(name: str) -> str:
    """Grafana's name of a colour as one that can be drawn."""
    return COLORS.get(name, name)


class Canvas:
    """A figure whose coordinates are pixels from the upper left.

    Args:
        height: in pixels.
    """

    def __init__(self, height: int) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=PAPER)

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draws a rectangle."""
        corner = x / WIDTH, 1 - (y + height) / self.height
        transform = self.figure.transFigure
        # Below the axes, which are at 0.
        patch = Rectangle(corner, width / WIDTH, height / self.height, transform=transform, zorder=-1, **style)
        self.figure.add_artist(patch)

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Writes; `y` is the middle of the line."""
        whole: dict[str, Any] = {"va": "center", "color": INK, "fontsize": 9, **style}
        self.figure.text(x / WIDTH, 1 - y / self.height, text, **whole)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """The area of a panel's plot."""
        found = self.figure.add_axes((x / WIDTH, 1 - (y + height) / self.height, width / WIDTH, height / self.height))
        found.set_facecolor("white")
        for side in ("top", "right", "left"):
            found.spines[side].set_visible(False)
        found.spines["bottom"].set_color(LINE)
        found.tick_params(which="both", colors=FAINT, labelsize=7.5, length=0)
        found.grid(axis="y", color=LINE, linewidth=0.6)
        found.set_axisbelow(True)
        return found


def draw(board: Mapping[str, Any], prometheus: Prometheus, view: View, *, unfolded: bool = False) -> Figure:
    """A dashboard as it opens: its collapsed rows are headings.

    Args:
        unfolded: the collapsed rows instead, and what is in them.
    """
    found = list(_placed(board, unfolded=unfolded))
    bottom = max(y + height for _, y, _, height in (panel.grid for panel in found))
    canvas = Canvas(max(0 if unfolded else SCREEN, HEAD + bottom * UNIT + GAP))
    start, end = (datetime.fromtimestamp(at, UTC) for at in (view.start, view.end))
    canvas.text(2 * GAP, 40, board["title"], fontsize=18, weight="bold")
    canvas.text(2 * GAP, 75, f"{start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC, {view.variables['namespace']}", color=FAINT)
    remark = "The panels and their data, plainly drawn. This is no Grafana: it draws them its own way."
    canvas.text(WIDTH - 2 * GAP, 40, remark, ha="right", color=FAINT)
    events = [
        (color_of(color), name, [at for series in view.ask(prometheus, target) for at, _ in series.points])
        for name, color, target in annotations(board)
    ]
    _key(canvas, events)
    for panel in found:
        answers = [(target, view.ask(prometheus, target)) for target in panel.targets]
        _panel(canvas, panel, answers, view, events)
    return canvas.figure


def _placed(board: Mapping[str, Any], *, unfolded: bool) -> Iterator[Panel]:
    """Yields what is shown, where it is shown: Grafana closes the gaps below collapsed rows."""
    top = [raw["gridPos"]["y"] + raw["gridPos"]["h"] for raw in board["panels"] if not raw.get("panels")]
    start, collapsed = max(top), 0
    for panel in panels(board):
        x, y, width, height = panel.grid
        if y < start:
            if not unfolded:
                yield panel
        elif unfolded:
            yield replace(panel, grid=(x, y - start, width, height))
        elif panel.kind == "row":
            yield replace(panel, title=f"▸ {panel.title}", grid=(x, start + collapsed, width, height))
            collapsed += 1


Events = Sequence[tuple[str, str, Sequence[float]]]


def _key(canvas: Canvas, events: Events) -> None:
    x = WIDTH - 2 * GAP
    for color, name, _ in reversed(events):
        canvas.text(x, 75, f"┆ {name}", ha="right", color=color, weight="bold")
        x -= 8 * len(name) + 24


def _panel(canvas: Canvas, panel: Panel, answers: Found, view: View, events: Events) -> None:
    left, top, columns, units = panel.grid
    x, y = left * WIDTH / 24 + GAP / 2, HEAD + top * UNIT + GAP / 2
    width, height = columns * WIDTH / 24 - GAP, units * UNIT - GAP
    if panel.kind == "row":
        canvas.text(x + GAP, y + height / 2 + 2, panel.title, fontsize=11.5, weight="bold")
        return
    canvas.box(x, y, width, height, facecolor="white", edgecolor=LINE, linewidth=0.8)
    canvas.text(x + 9, y + 14, panel.title, fontsize=9, weight="bold")
    inside = (x + 9, y + 26, width - 18, height - 32)
    if panel.kind != "table" and not any(series.points for _, found in answers for series in found):
        nothing = panel.defaults.get("noValue") or "no data"
        canvas.text(x + width / 2, y + height / 2 + 8, nothing, ha="center", color=FAINT, fontsize=11)
        return
    match panel.kind:
        case "timeseries":
            _lines(canvas, inside, panel, answers, view=view, events=events)
        case "stat":
            _numbers(canvas, inside, panel, answers)
        case "table":
            _rows(canvas, inside, panel, answers)
        case "state-timeline":
            _states(canvas, inside, panel, answers, view)
        case kind:
            raise NotImplementedError(f"{panel.title}: a {kind} was never drawn")


Inside = tuple[float, float, float, float]


def _named(panel: Panel, answers: Found) -> Iterator[tuple[str, str, Series]]:
    """Yields each series with its legend and its colour."""
    others = cycle(PALETTE)
    for target, found in answers:
        for series in sorted(found, key=target.name):
            if series.points:
                name = target.name(series) or panel.title
                fixed = panel.override(name, "color")
                yield name, color_of(fixed["fixedColor"]) if fixed else next(others), series


def _lines(canvas: Canvas, inside: Inside, panel: Panel, answers: Found, *, view: View, events: Events) -> None:
    x, y, width, height = inside
    named = list(_named(panel, answers))
    columns = max(1, int(width // 230))
    legend = min(5, -(-len(named) // columns)) * 13 + 4
    custom = panel.defaults.get("custom", {})
    margin = custom.get("axisWidth", 48)
    axes = canvas.axes(x + margin, y + 4, width - margin - 2, height - legend - 22)
    if custom.get("stacking", {}).get("mode") == "normal":
        _stack(axes, named, view)
    else:
        stepped = custom.get("lineInterpolation") == "stepAfter"
        for name, color, series in named:
            dashed = panel.override(name, "custom.lineStyle")
            style = "steps-post" if stepped else "default"
            values = [value for _, value in series.points]
            axes.plot(
                [at for at, _ in series.points],
                values,
                color=color,
                linewidth=0.9 if dashed else 1.5,
                linestyle="--" if dashed else "-",
                drawstyle=style,
            )
    _scales(axes, panel, named, view)
    for color, _, times in events:
        for at in times:
            axes.axvline(at, color=color, linewidth=0.9, linestyle=":")
    for place, (name, color, series) in enumerate(named[: columns * 5]):
        left = x + 4 + (place % columns) * (width / columns)
        line = y + height - legend + 10 + (place // columns) * 13
        canvas.box(left, line - 2, 12, 3, facecolor=color, edgecolor="none")
        last = shown(series.points[-1][1], panel.unit, panel.defaults.get("decimals"))
        longest = int((width / columns - 20) / 5.6) - len(last) - 2
        short = name if len(name) <= longest else name[: longest - 1] + "…"
        canvas.text(left + 17, line, f"{short}  {last}", fontsize=7.5, color=INK)


def _stack(axes: Axes, named: Sequence[tuple[str, str, Series]], view: View) -> None:
    count = int((view.end - view.start) / view.step) + 1
    times = [view.start + place * view.step for place in range(count)]
    values = [dict(series.points) for _, _, series in named]
    heights = [[found.get(at, 0.0) for at in times] for found in values]
    axes.stackplot(times, heights, colors=[color for _, color, _ in named], alpha=0.75, linewidth=0)


def _clock(axes: Axes, view: View, most: int) -> None:
    """The time of day below the axis, at round minutes."""
    axes.set_xlim(view.start, view.end)
    long = (view.end - view.start) / 60
    apart = next(minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 360, 1440, 10080) if long / minutes <= most)
    axes.xaxis.set_major_locator(MultipleLocator(apart * 60))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M}"))


def _scales(axes: Axes, panel: Panel, named: Sequence[tuple[str, str, Series]], view: View) -> None:
    defaults = panel.defaults
    custom = defaults.get("custom", {})
    _clock(axes, view, 5)
    values = [value for _, _, series in named for _, value in series.points]
    if custom.get("scaleDistribution", {}).get("type") == "log" and max(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(base=10, numticks=6))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        if "min" in defaults:
            axes.set_ylim(bottom=defaults["min"])
        axes.set_ylim(top=defaults["max"] if "max" in defaults else max(axes.get_ylim()[1], *values, 1e-9))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=defaults.get("decimals") == 0))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, panel.unit)))
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        low, high = axes.get_ylim()
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None and low <= step["value"] <= high:
                axes.axhline(step["value"], color=color_of(step["color"]), linewidth=0.9, linestyle=(0, (6, 4)))


def _threshold(panel: Panel, value: float) -> str:
    steps = panel.defaults.get("thresholds", {}).get("steps", [])
    return _step(steps, value)


def _step(steps: Sequence[Mapping[str, Any]], value: float) -> str:
    color = INK
    for step in steps:
        if step["value"] is None or value >= step["value"]:
            color = color_of(step["color"])
    return color


def _numbers(canvas: Canvas, inside: Inside, panel: Panel, answers: Found) -> None:
    x, y, width, height = inside
    found = [(target.name(series), series) for target, all_series in answers for series in all_series if series.points]
    filled = panel.raw["options"]["colorMode"] == "background"
    beside = width > 2 * height
    for place, (name, series) in enumerate(found):
        value = series.points[-1][1]
        top, part = (y, height) if beside else (y + place * height / len(found), height / len(found))
        middle = x + (place + 0.5) * width / len(found) if beside else x + width / 2
        color = _threshold(panel, value) if filled else INK
        if filled:
            canvas.box(
                middle - width / 2 / (len(found) if beside else 1) - 3,
                top,
                width / (len(found) if beside else 1) + 6,
                part - 2,
                facecolor=color,
                edgecolor="none",
                alpha=0.9,
            )
        if panel.raw["options"]["graphMode"] == "area" and len(series.points) > 1:
            axes = canvas.axes(x - 3, top + part * 0.6, width + 6, part * 0.4 - 2)
            axes.set_axis_off()
            values = [one for _, one in series.points]
            axes.fill_between(
                range(len(values)), values, min(0.0, *values), color="white" if filled else LINE, alpha=0.35
            )
            axes.set_xlim(0, len(values) - 1)
        meant = _meaning(panel.defaults.get("mappings", []), value)
        text = meant["text"] if meant else shown(value, panel.unit, panel.defaults.get("decimals"))
        ink = "white" if filled else INK
        several = len(found) > 1
        line = top + part * (0.62 if several else 0.45)
        canvas.text(middle, line, text, ha="center", fontsize=19, weight="bold", color=ink)
        if several:
            canvas.text(middle, top + part * 0.2, name, ha="center", fontsize=8.5, color=ink)


def _rows(canvas: Canvas, inside: Inside, panel: Panel, answers: Found) -> None:
    x, y, width, height = inside
    renamed: Mapping[str, str] = panel.raw["transformations"][1]["options"]["renameByName"]
    label, heading = next((key, value) for key, value in renamed.items() if not key.startswith("Value"))
    keys = sorted({series.labels.get(label, "") for _, found in answers for series in found})
    widths = width / (len(answers) + 1.6)
    canvas.text(x + 2, y + 10, heading, color=FAINT, weight="bold")
    pitch = min(21.0, (height - 20) / max(1, len(keys)))
    for row, key in enumerate(keys):
        line = y + 30 + row * pitch
        canvas.box(x, line - pitch / 2, width, 0.6, facecolor=LINE, edgecolor="none")
        canvas.text(x + 2, line, key)
    for column, (target, found) in enumerate(answers):
        right = x + width - (len(answers) - 1 - column) * widths - 4
        canvas.text(right, y + 10, target.legend, ha="right", color=FAINT, weight="bold")
        for series in found:
            if series.points:
                line = y + 30 + keys.index(series.labels.get(label, "")) * pitch
                text, color = _cell(panel, target.legend, series.points[-1][1])
                canvas.text(right, line, text, ha="right", color=color)


def _meaning(mappings: Sequence[Mapping[str, Any]], value: float) -> Mapping[str, str] | None:
    for mapping in mappings:
        found: Mapping[str, str] | None = mapping["options"].get(f"{value:.0f}")
        if found:
            return found
    return None


def _cell(panel: Panel, column: str, value: float) -> tuple[str, str]:
    meant = _meaning(panel.override(column, "mappings") or [], value)
    if meant:
        return meant["text"], color_of(meant["color"])
    steps = panel.override(column, "thresholds")
    text = shown(value, panel.override(column, "unit") or panel.unit)
    return text, _step(steps["steps"], value) if steps else INK


def _states(canvas: Canvas, inside: Inside, panel: Panel, answers: Found, view: View) -> None:
    x, y, width, height = inside
    meanings = panel.defaults["mappings"][0]["options"]
    named = [(target.name(series), series) for target, found in answers for series in sorted(found, key=target.name)]
    margin = panel.defaults.get("custom", {}).get("axisWidth", 120)
    axes = canvas.axes(x + margin, y, width - margin - 2, height - 34)
    axes.grid(visible=False)
    for row, (_, series) in enumerate(named):
        for at, value in series.points:
            meant = meanings.get(f"{value:.0f}")
            color = color_of(meant["color"]) if meant else LINE
            # What was seen at a time is drawn up to it: the last one has its place as well.
            axes.broken_barh([(at - view.step, view.step)], (row - 0.38, 0.76), facecolors=color, linewidth=0)
    _clock(axes, view, 10)
    axes.set_ylim(len(named) - 0.4, -0.6)
    axes.set_yticks(range(len(named)), [name for name, _ in named])
    for place, meant in enumerate(meanings.values()):
        canvas.box(
            x + margin + place * 170, y + height - 10, 10, 8, facecolor=color_of(meant["color"]), edgecolor="none"
        )
        canvas.text(x + margin + 15 + place * 170, y + height - 6, meant["text"], fontsize=7.5)


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG that is small enough to be committed."""
    figure.savefig(path, dpi=DPI)
    with Image.open(path) as image:
        image.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draws each dashboard into dashboards-<name>.png."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="where it is")
    parser.add_argument("--namespace", default="scrap")
    parser.add_argument("--job", default="scrap")
    parser.add_argument("--minutes", type=float, default=60, help="how far back")
    parser.add_argument("--ago", type=float, default=0, help="minutes since the end of what is drawn")
    parser.add_argument("--scrape", type=float, default=15, help="seconds between two scrapes")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    step = max(arguments.scrape, arguments.minutes * 60 // 240)
    end = (time.time() - arguments.ago * 60) // step * step
    for path in sorted(FOLDER.glob("*.json")):
        board = load(path)
        release = {"datasource": "prometheus", "namespace": arguments.namespace, "job": arguments.job}
        release |= {"cluster": ".*", "pod": ".*"}
        view = View(release | constants(board), end - arguments.minutes * 60, end, step, arguments.scrape)
        source = Prometheus(arguments.prometheus)
        save(draw(board, source, view), arguments.folder / f"dashboards-{path.stem}.png")
        if any(raw.get("panels") for raw in board["panels"]):
            save(draw(board, source, view, unfolded=True), arguments.folder / f"dashboards-{path.stem}-rows.png")


if __name__ == "__main__":
    main()
