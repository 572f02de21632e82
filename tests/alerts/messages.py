"""The messages of all alerts as Slack shows them, to be read: `python -m tests.alerts.messages` writes messages.txt.

What an alert says comes from promtool, which fills in its annotations where the alert first fires in cases/; what the
message says comes from Alertmanager's own templates, by amtool.
"""

import functools
import json
import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote, unquote

from tests.alerts.rules import HERE, Case, alerts, cases, promtool, seconds
from tests.chart.rendering import Object, one, render, tool

FILE = HERE / "messages.txt"
BEGAN = "2026-11-23T14:02:00Z"
ENDED = "2026-11-23T14:14:30Z"
HEAD = """The messages of all alerts, in a cluster called prod, as Slack shows them: firing, and resolved.
`python -m tests.alerts.messages` writes this file; a test compares it.
"""


@functools.cache
def templates() -> dict[str, str]:
    """Title, text and colour, as the chart gives them to Alertmanager."""
    values = {"monitoring": {"clusterName": "prod", "alertmanagerConfig": {"enabled": True}}}
    receivers = one(render(values), "AlertmanagerConfig")["spec"]["receivers"]
    slack: dict[str, str] = receivers[1]["slackConfigs"][0]
    return {part: slack[part] for part in ("title", "text", "color")}


def filled(template: str, *shown: Object) -> str:
    """A template about these alerts, by Alertmanager's own tool."""
    data = {
        "receiver": "shop/scrap/critical",
        "status": "firing" if any(item["status"] == "firing" for item in shown) else "resolved",
        "alerts": shown,
        "groupLabels": {},
        "commonLabels": dict(set.intersection(*(set(item["labels"].items()) for item in shown))),
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
    }
    program = tool("amtool")
    assert program
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.json").write_text(json.dumps(data))
        (Path(folder) / "empty.tmpl").write_text("")
        command = [program, "template", "render", "--template.glob=empty.tmpl", f"--template.text={template}"]
        done = subprocess.run(
            [*command, "--template.data=data.json"], cwd=folder, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fires(name: str, severity: str) -> list[tuple[Case, str]]:
    """Where it fires, over all cases: the case and the time, the earliest first."""
    wanted = f"{name}/{severity}"
    found = [
        (case, at)
        for case in cases()
        for at, firing in case.at.items()
        if wanted in {alert.partition("*")[0] for alert in firing}
    ]
    return sorted(found, key=lambda there: seconds(there[1]))


@functools.cache
def firing(name: str) -> list[Object]:
    """What Alertmanager gets of it: one alert of each of its rules, where that one first fires."""
    found: dict[tuple[str, ...], Object] = {}
    for rule in (rule for rule in alerts() if rule["alert"] == name):
        for case, at in fires(name, rule["labels"]["severity"]):
            if _rule(rule["labels"]) in found:
                break
            found = {_rule(alert["labels"]): alert for alert in _firing(name, case, at)} | found
    return sorted(found.values(), key=lambda alert: _rule(alert["labels"]))


def _rule(labels: Object) -> tuple[str, ...]:
    """The labels in which the rules of one alert differ."""
    return tuple(labels.get(label, "") for label in ("severity", "window", "degree"))


def _firing(name: str, case: Case, at: str) -> list[Object]:
    # Nothing is expected, so that promtool shows what there is.
    asked = {"eval_time": at, "alertname": name, "exp_alerts": []}
    with tempfile.TemporaryDirectory() as folder:
        shown = promtool(case, Path(folder), promql_expr_test=[], alert_rule_test=[asked]).stderr
    labels = map(_pairs, re.findall(r"^ *Labels:(.*)$", shown, re.MULTILINE))
    annotations = map(_pairs, re.findall(r"^ *Annotations:(.*)$", shown, re.MULTILINE))
    return [_alert(*both) for both in zip(labels, annotations, strict=True)]


def _pairs(text: str) -> dict[str, str]:
    """Labels or annotations as promtool prints them."""
    return {name: json.loads(f'"{value}"') for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text)}


def _alert(labels: dict[str, str], annotations: dict[str, str]) -> Object:
    query = quote(labels["alertname"])
    return {
        "status": "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": BEGAN,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"http://prometheus:9090/graph?g0.expr={query}&g0.tab=1",
        "fingerprint": "1",
    }


def resolved(alert: Object) -> Object:
    """The same alert when it is over."""
    return {**alert, "status": "resolved", "endsAt": ENDED}


def message(*shown: Object) -> str:
    """The message about these alerts, as Slack shows it; a silence with the labels that it takes."""
    title, text = (_seen(filled(templates()[part], *shown)) for part in ("title", "text"))
    return "\n".join([title, *(f"    {line}" if line else "" for line in text.splitlines())])


def _seen(text: str) -> str:
    text = re.sub(
        r"<[^|>]*/silences/new\?filter=([^|>]*)\|Silence>", lambda found: f"Silence {unquote(found[1])}", text
    )
    text = re.sub(r"<[^|>]*\|([^>]*)>", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def names() -> list[str]:
    """The alerts that reach a person."""
    return sorted({rule["alert"] for rule in alerts() if rule["labels"]["severity"] != "none"})


def section(name: str) -> str:
    """One alert: each of its rules, firing and resolved."""
    shown = [message(each) for alert in firing(name) for each in (alert, resolved(alert))]
    return "\n\n".join([f"== {name}", *shown])


# Several alerts in one message, and what each section shows.
SEVERAL = {
    "several, of one name": ("ScrapErrorBudgetBurn",),
    "several, of different names": ("ScrapOperatorDown", "ScrapNodeDiskFull", "ScrapRolloutStuck", "ScrapSlackFailing"),
}


def several(title: str) -> str:
    """A message about several alerts: all firing, all but the first resolved, all resolved."""
    found = [alert for name in SEVERAL[title] for alert in firing(name)]
    same = [alert for alert in found if alert["labels"]["severity"] == found[0]["labels"]["severity"]]
    over = [resolved(alert) for alert in same]
    return "\n\n".join([f"== {title}", message(*same), message(same[0], *over[1:]), message(*over)])


def sections() -> dict[str, str]:
    """The sections of the file, by their headings."""
    parts = FILE.read_text(encoding="utf-8").rstrip("\n").split("\n\n== ")[1:]
    return {part.partition("\n")[0]: f"== {part}" for part in parts}


def main() -> None:
    """Writes the file."""
    found = [*(section(name) for name in names()), *(several(title) for title in SEVERAL)]
    FILE.write_text("\n\n".join([HEAD.rstrip("\n"), *found]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
