"""A runbook's own checks, run as its page has them: page and test cannot differ."""

import re
import subprocess
from urllib.parse import quote

from tests.chart.rendering import ROOT
from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import Namespace, nodes
from tests.cluster.intervals import Intervals
from tests.cluster.providers.choice import provider

RUNBOOKS = ROOT / "docs" / "runbooks"


def words(namespace: Namespace, intervals: Intervals) -> dict[str, str]:
    """What the scene shortens, for the pages have the chart's own windows; a stand-in's operator has another name.

    Args:
        namespace: the stack's.
    """
    name = "deployment/kube-prometheus-stack-operator"
    found = {
        "[5m]": f"[{intervals.duration(20)}]",  # rateWindow
        "[15m]": f"[{intervals.duration(30)}]",  # ScrapSlackFailing.window
        "[30m], 4h": f"[{intervals.duration(30)}], 1m",  # disk.window, ScrapNodeDiskFilling.within
    }
    if not namespace.kubectl("get", name, "--ignore-not-found", "-o", "name"):
        found[name] = "deployment/prometheus-operator"
    return found


def checks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks under "How to check": `console` or `promql`, and what is in them."""
    text = (RUNBOOKS / f"{page}.md").read_text()
    part = text.partition("\n## How to check\n")[2].partition("\n## ")[0]
    return re.findall(r"^```(console|promql)\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def run(page: str, stack: Stack, fill: dict[str, str]) -> str:
    """What the checks of a page say.

    Args:
        fill: words of the page, such as NODE, and what to put there.

    Raises:
        CannotError: one is to be typed on a node, and cannot be.
    """
    said = []
    for kind, block in checks(page):
        text = filled(block, fill)
        if kind == "promql":
            said += [f"{line}\n{asked(line, stack)}" for line in text.splitlines()]
        else:
            # What does not ask the cluster is to be typed on the node.
            said.append((here if "kubectl" in text else on_the_node)(text))
    return "\n".join(said)


def filled(text: str, fill: dict[str, str]) -> str:
    """The text, with each of these words replaced."""
    for word, value in fill.items():
        text = text.replace(word, value)
    return text


def asked(query: str, stack: Stack) -> str:
    """What Prometheus answers: the largest first, as one looks at it."""
    samples = stack.ask(f"query?query={quote(query)}")["result"]
    lines = [(float(sample["value"][1]), sample["metric"]) for sample in samples if sample["value"][1] != "NaN"]
    return "\n".join(
        "{" + ", ".join(f'{name}="{label}"' for name, label in metric.items()) + f"}} {value:g}"
        for value, metric in sorted(lines, key=lambda line: line[0], reverse=True)
    )


def here(block: str, *before: str) -> str:
    """What a person's shell shows, errors as well: one of the commands may fail, and that says something, too."""
    command = [*before, "bash", "-c", block]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    return f"{block}{done.stdout}{done.stderr}"


def on_the_node(block: str) -> str:
    """The same on the first node, as if by SSH."""
    return here(block, *provider().shell(nodes()[0]))
