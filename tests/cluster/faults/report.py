"""docs/faults.md, written by the run: a row a fault; the rows of faults that were not run stay as they are."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import yaml

from tests.chart.rendering import CHART, ROOT
from tests.cluster.alerts.scene import QUICK
from tests.cluster.clusters import merged
from tests.cluster.faults.faults import FAULTS
from tests.cluster.faults.scene import SHORT

PAGE = ROOT / "docs" / "faults.md"

HEAD = """\
# The fault matrix

Does monitoring find the point of failure? `make faults` breaks one thing at a time on a calm cluster of two nodes, while
{pace:g} calls a second come, each for another page. It waits for the alert, for Slack and for what the runbook's own check
says, mends what it broke, and waits until all is calm and was told to be over. It fails where an alert is late, of another
grade, beside the point or missing, and where the check does not name the cause.

Written by that run: {versions}. *After* counts from the breaking. To be done within the hour the run has other figures
than the chart: for every row {common}; for one alert what its row says. Messages to Slack wait for a second instead of five
(critical) or two minutes (warning).

| fault | what callers noticed | first alert | after | what else fired | what Slack got | what the runbook's check said | shortened | run |
|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501 - a row of a table is one line

FOOT = """
- *Nothing* in Slack is no silence. Who follows [slack.md](slack.md#watchdog-who-watches-the-watchers) hears of a broken
  alert path by another way: from outside, when the heartbeat stops, or by a second way, the stack's own route. The run
  has both, as that page has them. Who has neither learns of it from `helm upgrade`, `make alert-test` and dashboards.
- An alert of grade info goes to nobody, for nobody has to act on it; a graver one comes where callers suffer.
- Signals for the operator (severity none) fire as well, and are left out.
- *Out of memory* and *memory creeping*: a second process in the container takes it, as pages that belong to no process.
  *Event loop blocked*: the process is stopped for half of the time. *CPU saturated*: four loops beside the service.
- *Slack answering 500* shows when something is to be said; here that is a test alert.
"""


@dataclass(frozen=True)
class Row:
    """What the run found of one fault."""

    name: str
    noticed: str
    alert: str
    after: str
    others: str
    slack: str
    check: str
    shortened: str
    run: str

    def __str__(self) -> str:
        cells = [str(getattr(self, field.name)).replace("|", "\\|").replace("\n", " ") for field in fields(self)]
        return f"| {' | '.join(cells)} |"


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Every leaf, by its path."""
    if not isinstance(node, dict):
        return {prefix: node}
    below = (flat(child, f"{prefix}.{key}".strip(".")) for key, child in node.items())
    return {path: leaf for leaves in below for path, leaf in leaves.items()}


def differences(path: str) -> Iterator[str]:
    """What the scene shortens below a path of monitoring.prometheusRule."""
    real = yaml.safe_load((CHART / "values.yaml").read_text())["monitoring"]["prometheusRule"]
    short = merged(QUICK, SHORT)["monitoring"]["prometheusRule"]
    was, now = flat(real), flat(short)
    for key in now:
        if key.startswith(path) and key in was and was[key] != now[key]:
            yield f"{key.removeprefix(path)} {was[key]} → {now[key]}"


def shortened(alert: str) -> str:
    """What is shortened for one alert."""
    return ", ".join(differences(f"alerts.{alert}.")) or "nothing of its own"


def write(rows: dict[str, Row], versions: str, pace: float) -> None:
    """Puts these rows into the page."""
    before = PAGE.read_text().splitlines() if PAGE.exists() else []
    lines = {line.removeprefix("| ").partition(" | ")[0]: line for line in before if line.startswith("| ")}
    lines |= {name: str(row) for name, row in rows.items()}
    common = ", ".join(line for line in differences("") if not line.startswith(("alerts.", "selectors.")))
    head = HEAD.format(pace=pace, versions=versions, common=common)
    known = [fault.name for fault in FAULTS]
    PAGE.write_text(head + "".join(f"{lines[name]}\n" for name in known if name in lines) + FOOT)
