"""The evidence of why a chapter failed, in one folder, with a summary that names the first thing that went wrong."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.cluster.clusters import CommandError, Namespace, run
from tests.cluster.story.record import Record, event_line
from tests.cluster.story.stage import Stage
from tests.cluster.story.wrong import wrong

LAST = 15  # events in the summary


def collect(folder: Path, what: str, details: str, stage: Stage) -> None:
    """Writes it all down; what is not available is a line that says so.

    Args:
        what: failed, in a line.
        details: all of it.
    """
    folder.mkdir(parents=True)
    (folder / "summary.md").write_text(summary(what, details, stage.record))
    stage.record.save(folder / "story.json")
    namespace = stage.namespace
    _write(folder / "objects.txt", lambda: namespace.kubectl("get", "all,alertscalers", "-o", "wide"))
    _write(folder / "events.txt", lambda: run("kubectl", "get", "events", "-A", "--sort-by=.lastTimestamp"))
    _write(folder / "alertscaler.yaml", lambda: namespace.kubectl("get", "alertscaler", "-o", "yaml"))
    _write(folder / "slack.json", lambda: json.dumps([vars(each) for each in stage.town.messages()], indent=1))
    _write(folder / "alerts.json", lambda: json.dumps(stage.stack.ask("alerts"), indent=1))
    for name in _pods(namespace):
        _write(folder / f"{name}.log", partial(namespace.kubectl, "logs", name))
        if name.startswith("scrap-"):
            metrics = f"/api/v1/namespaces/{namespace.name}/pods/{name}:8081/proxy/metrics"
            _write(folder / f"{name}.metrics.txt", partial(run, "kubectl", "get", "--raw", metrics))


def summary(what: str, details: str, record: Record) -> str:
    """What failed, what was wrong before anything else, and what happened last."""
    found = wrong(record)
    first = f"{_clock(record, found[0][0])} {found[0][1]}" if found else what
    lines = [
        "# The story failed",
        f"The first thing that went wrong: **{first}**",
        *(f"- {_clock(record, at)} {what}" for at, what in found[1:LAST]),
        "",
        "## What happened last",
        *(
            f"- {_clock(record, event.at)} {event_line(event).strip().splitlines()[0]}"
            for event in record.events[-LAST:]
        ),
        "",
        f"## What failed: {what}",
        f"```\n{details}\n```",
    ]
    return "\n".join(lines) + "\n"


def _clock(record: Record, at: float) -> str:
    minutes, seconds = divmod(max(0, round(at - record.began)), 60)
    return f"{minutes:02}:{seconds:02}"


def _pods(namespace: Namespace) -> list[str]:
    try:
        return namespace.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split()
    except CommandError:
        return []


def _write(file: Path, made: Callable[[], str]) -> None:
    try:
        file.write_text(made())
    except (CommandError, OSError, ValueError, KeyError) as error:
        file.write_text(f"not available: {error}\n")
