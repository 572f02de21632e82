"""The commands of the runbooks, run as the pages have them: page and test cannot differ."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from string import Template
from urllib.parse import quote

from tests.chart.rendering import ROOT
from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import Namespace, nodes
from tests.cluster.intervals import Intervals
from tests.cluster.providers.choice import provider

RUNBOOKS = ROOT / "docs" / "runbooks"
# What a command in the text of a page begins with; what a person types on the node does not ask the cluster.
PROGRAMS = ("kubectl ", "helm ", "make ")
ON_NODE = ("df ", "du ", "find ", "findmnt ", "sysctl ", "conntrack ")
MENTION = re.compile(r"(?:kubectl|helm) \w+|df -h")  # names a command, and is none
HEAD = re.compile(r"\A# (\w+)\n\nSeverity: .*\n\n```sh\n((?:[A-Z]+=\S+ ?)+)\n```\n")


@dataclass(frozen=True)
class RunbookCommand:
    """One line to paste.

    Attributes:
        page: the alert.
        part: the title above it.
        kind: `sh` or `promql`.
        text: the line.
    """

    page: str
    part: str
    kind: str
    text: str

    @property
    def on_node(self) -> bool:
        """Is it to be typed on a node?"""
        return self.kind == "sh" and self.text.startswith(ON_NODE)


@cache
def commands(page: str) -> tuple[RunbookCommand, ...]:
    """All commands and queries of a page, in order: fenced ones, and those within the text."""
    text = HEAD.sub("", (RUNBOOKS / f"{page}.md").read_text())
    return tuple(
        RunbookCommand(page, part.partition("\n")[0], kind, line)
        for part in text.split("\n## ")[1:]
        for kind, line in lines(part)
    )


def lines(part: str) -> Iterator[tuple[str, str]]:
    """The commands of a part of a page, each with its kind."""
    for kind, block, span in re.findall(r"^```(\w+)\n(.*?)^```|`([^`]+)`", part, re.MULTILINE | re.DOTALL):
        yield from ((kind, line) for line in block.splitlines())
        command = " ".join(span.split())
        if command.startswith(PROGRAMS + ON_NODE) and not MENTION.fullmatch(command):
            yield "sh", command


def pages() -> list[str]:
    """All pages, each by its alert."""
    return sorted(path.stem for path in RUNBOOKS.glob("Scrap*.md"))


def names(page: str) -> dict[str, str]:
    """What the head of a page sets."""
    head = HEAD.match((RUNBOOKS / f"{page}.md").read_text())
    return dict(re.findall(r"([A-Z]+)=(\S+)", head[2])) if head else {}


def windows(intervals: Intervals) -> dict[str, str]:
    """The windows that the scene shortens, for the pages have the chart's own."""
    return {
        "[5m]": f"[{intervals.duration(20)}]",  # rateWindow
        "[15m]": f"[{intervals.duration(30)}]",  # ScrapSlackFailing.window
        "[30m], 4h": f"[{intervals.duration(30)}], 1m",  # disk.window, ScrapNodeDiskFilling.within
    }


def query(command: RunbookCommand, given: dict[str, str], shorter: dict[str, str]) -> str:
    """A query with its names filled in.

    Args:
        given: the values of the page's names, such as NS.
        shorter: windows, and what to put there.
    """
    return filled(Template(command.text).substitute(given), shorter)


def asked(query: str, stack: Stack) -> str:
    """What Prometheus answers to a query: the largest first, as one looks at it."""
    samples = stack.ask(f"query?query={quote(query)}")["result"]
    found = [(float(sample["value"][1]), sample["metric"]) for sample in samples if sample["value"][1] != "NaN"]
    return "\n".join(
        "{" + ", ".join(f'{name}="{label}"' for name, label in metric.items()) + f"}} {value:g}"
        for value, metric in sorted(found, key=lambda line: line[0], reverse=True)
    )


@dataclass(frozen=True)
class Said:
    """What a shell shows of a command.

    Attributes:
        statuses: the exit status of each program of the pipe.
    """

    text: str
    errors: str
    statuses: tuple[int, ...]


def typed(command: RunbookCommand, given: dict[str, str]) -> Said:
    """A command, typed in a person's shell, or on the first node as if by SSH.

    Raises:
        CannotError: it is to be typed on a node, and cannot be.
    """
    setting = [f"{name}={value}" for name, value in given.items()]
    before = provider().shell(nodes()[0]) if command.on_node else []
    line = operators_name(command.text)
    script = f'{line}\nstatuses="${{PIPESTATUS[*]}}"\necho "$statuses" >&2'
    done = subprocess.run(
        [*before, "env", *setting, "bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ,
    )
    errors, _, statuses = done.stderr.rstrip("\n").rpartition("\n")
    return Said(done.stdout, errors, tuple(map(int, statuses.split())))


def operators_name(line: str) -> str:
    """The line, with the name that the Prometheus operator's Deployment has here: a stand-in has another one."""
    name = "kube-prometheus-stack-operator"
    if name not in line or Namespace("monitoring").kubectl("get", f"deployment/{name}", "--ignore-not-found"):
        return line
    return line.replace(name, "prometheus-operator")


def check(page: str, stack: Stack, given: dict[str, str], shorter: dict[str, str]) -> list[tuple[RunbookCommand, str]]:
    """Each command under "How to check" of a page, with what it shows, errors as well, for they say something, too."""
    found = []
    for command in commands(page):
        if command.part == "How to check":
            if command.kind == "promql":
                found.append((command, asked(query(command, given, shorter), stack)))
            else:
                said = typed(command, given)
                found.append((command, f"{said.text}{said.errors}"))
    return found


def filled(text: str, words: dict[str, str]) -> str:
    """The text, with each of these words replaced."""
    for word, value in words.items():
        text = text.replace(word, value)
    return text
