"""What the files of charts/scrap/dashboards hold."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from scripts.dashboards import nodes, operator, overview

FOLDER = Path(__file__).parents[2] / "charts" / "scrap" / "dashboards"


def written() -> dict[str, str]:
    """The text of each file, by its name."""
    boards = {"overview": overview.build(), "nodes": nodes.build(), "operator": operator.build()}
    return {
        f"{name}.json": json.dumps(board, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
        for name, board in boards.items()
    }
