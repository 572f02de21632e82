"""docs/faults.md, written by the run: a row a fault; the rows of faults that were not run stay as they are."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from textwrap import fill
from typing import Any

import yaml

from tests.chart.rendering import CHART, ROOT
from tests.cluster.clusters import Object
from tests.cluster.faults.faults import FAULTS

PAGE = ROOT / "docs" / "faults.md"

HEAD = """\
# The fault matrix

Does monitoring find the point of failure? `make faults` injects one fault at a time, or some that do not touch one
another, into an idle cluster of two nodes, at {rate:g} requests per second, each for a different page. It waits for the
alert and for the message in Slack, runs the commands under "How to check" of the alert's
[runbook](runbooks/README.md) as they are printed there, removes the fault, and waits until every alert is resolved. The
run fails if an alert is late, missing, unrelated or of another severity, and if no command names the cause. Where no
alert is expected, it fails if one fires.

That run generates this page: {versions}. *After* counts from the injection. To finish within an hour the run uses
shorter values than the chart; those for one alert are in its row, and these are for all: {common}. Messages to Slack
wait for 1 s instead of 5 s (critical) or 2 min (warning). Queries of the runbooks are run with windows that are
shortened alike.

| fault | what clients noticed | first alert | after | what else fired | what Slack got | the runbook's command that named the cause, and its line | shortened | run |
|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501 - a row of a table is one line

FOOT = """
- *Nothing* in Slack does not mean that nobody is notified. With the setup of
  [slack.md](slack.md#watchdog-a-heartbeat) a broken alert path is reported in another way: by an external service when
  the heartbeat stops, or by a second receiver on a route of the stack. The run has both. Without them, `helm upgrade`,
  `make alert-test` and the dashboards show the failure.
- An alert of severity info reaches no receiver, because it needs no action; if clients are affected, an alert of higher
  severity fires.
- Signals for the operator (severity none) also fire, and are omitted.
- *Out of memory* and *memory creeping*: a second process in the container allocates the memory, as pages that belong
  to no process. *Event loop blocked*: the process is stopped for half of the time. *CPU saturated*: four busy loops
  beside the service. *Out of file descriptors*: the limit of the running process is lowered to one more than it uses.
  *Restarts again and again*: the process is killed three times. *Twice as slow*: every call of a Python function runs a
  profiler that does nothing.
- *A CPU limit of 75m*: 70 requests a second are added, whose clients wait for 1.2 s. With 50m and 40 a second the pods
  may not answer Prometheus either: ScrapErrorBudgetBurn and then ScrapDown, both critical, fire in its place.
- *Web unreachable*: the node drops the packets to the web, at eight times the usual requests. *DNS slower*: a relay is
  before the cluster's DNS; a page needs four look-ups, three for the domains of the search list. *Shared cache slower*:
  a relay is before it. *Read-only*: it becomes a replica.
- *Alertmanager lost*: it has no storage and one replica here, as kube-prometheus-stack's has by default. When the fault
  ends while it is away, Slack never gets the resolved message; the run checks that. The external
  service notices that the heartbeat stopped. [slack.md](slack.md) has the values of a cluster of two with storage,
  which remembers what it sent.
- *Conntrack table nearly full*: entries of addresses that nobody has fill 90 % of the table of one node. A full one
  would drop the packets of new connections, the run's own to Prometheus among them.
- *Slack answering 500* becomes visible with the next message; in the run that is a test alert.
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

    @classmethod
    def skipped(cls, name: str, why: str, day: str) -> "Row":
        """That of a fault that could not be made."""
        unknown = {field.name: "-" for field in fields(cls)}
        return cls(**unknown | {"name": name, "noticed": f"skipped: {why}", "run": day})

    def __str__(self) -> str:
        cells = [str(getattr(self, field.name)).replace("|", "\\|").replace("\n", " ") for field in fields(self)]
        return f"| {' | '.join(cells)} |"


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Every leaf, by its path."""
    if not isinstance(node, dict):
        return {prefix: node}
    below = (flat(child, f"{prefix}.{key}".strip(".")) for key, child in node.items())
    return {path: leaf for leaves in below for path, leaf in leaves.items()}


def differences(values: Object, path: str) -> Iterator[str]:
    """What these values shorten below a path of monitoring.prometheusRule."""
    real = yaml.safe_load((CHART / "values.yaml").read_text())["monitoring"]["prometheusRule"]
    was, now = flat(real), flat(values["monitoring"]["prometheusRule"])
    for key in now:
        if key.startswith(path) and key in was and was[key] != now[key]:
            yield f"{key.removeprefix(path)} {was[key]} → {now[key]}"


def shortened(values: Object, alert: str) -> str:
    """What these values shorten for one alert."""
    return ", ".join(differences(values, f"alerts.{alert}.")) or "nothing of its own"


def wrapped(text: str) -> str:
    """Paragraphs of at most 120 columns; a table and a title stay as they are."""
    lines = (part if part.startswith(("|", "#")) else fill(part, 120) for part in text.split("\n\n"))
    return "\n\n".join(lines)


def write(rows: dict[str, Row], values: Object, versions: str, rate: float) -> None:
    """Puts these rows into the page."""
    before = PAGE.read_text().splitlines() if PAGE.exists() else []
    lines = {line.removeprefix("| ").partition(" | ")[0]: line for line in before if line.startswith("| ")}
    lines |= {name: str(row) for name, row in rows.items()}
    common = ", ".join(line for line in differences(values, "") if not line.startswith(("alerts.", "selectors.")))
    head = wrapped(HEAD.format(rate=rate, versions=versions, common=common))
    known = [fault.name for fault in FAULTS]
    PAGE.write_text(head + "".join(f"{lines[name]}\n" for name in known if name in lines) + FOOT)
