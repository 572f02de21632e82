"""The committed dashboards, panel by panel."""

from pathlib import Path
from typing import Any

from scripts.dashboards.reading import Panel, Target, View, annotations, constants, load, panels

FOLDER = Path(__file__).parents[2] / "charts" / "scrap" / "dashboards"

BOARDS: dict[str, dict[str, Any]] = {path.stem: load(path) for path in sorted(FOLDER.glob("*.json"))}
PANELS: dict[str, Panel] = {
    f"{name}: {panel.title}": panel for name, board in BOARDS.items() for panel in panels(board) if panel.kind != "row"
}
QUERIES: dict[str, tuple[Panel, Target]] = {
    f"{title} {target.ref}": (panel, target) for title, panel in PANELS.items() for target in panel.targets
}
ANNOTATIONS: dict[str, Target] = {name: target for name, _, target in annotations(BOARDS["overview"])}

VARIABLES = {"datasource": "prometheus", "cluster": ".*", "namespace": "demo", "job": "scrap", "pod": ".*"}
for board in BOARDS.values():
    VARIABLES |= constants(board)
VIEW = View(VARIABLES, start=0, end=3600)
