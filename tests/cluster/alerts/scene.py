"""Something to be alerted of: a release with quick alerts, a web that can be slow or gone, clients, a small disk."""

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection
from itertools import count
from typing import Any
from urllib.parse import quote

from tests.cluster.clusters import RECEIVER, STACK, Namespace, Object, call, may_scrape, nodes, start, until
from tests.cluster.intervals import Intervals
from tests.cluster.providers.choice import provider

MOUNT = "/mnt/scrap-disk"
ALERTMANAGER = "kube-prometheus-stack-alertmanager"


def selector(node: str) -> str:
    """The small disk of a node: nodes of one machine share their disks, and one of them is enough."""
    return f'mountpoint="{MOUNT}",nodename="{node}"'


def small_disk_selector() -> str:
    """That of the first node."""
    return selector(nodes()[0])


def quick(intervals: Intervals, node: str) -> Object:
    """Seconds where they are minutes, minutes where they are hours; whatever is not here is as it comes."""
    window = intervals.duration
    return {
        "replicaCount": 1,
        "preStopSeconds": 1,
        "podDisruptionBudget": {"enabled": False},
        "operator": {"enabled": True, "alertScaler": {"create": False}},
        "monitoring": {
            "prometheusRule": {
                "rateWindow": window(20),
                "cpuWindow": window(20),
                "selectors": {"filesystems": selector(node)},
                "burn": {
                    "hour": {"long": window(60), "short": window(20), "steady": window(30), "for": "5s"},
                    "hours": {"long": window(120), "short": window(30), "steady": window(30), "for": "1h"},
                },
                "disk": {"window": window(30), "recent": window(15), "usual": window(120), "every": "5s"},
                "usual": {"every": "5s"},
                "alerts": {
                    "ScrapDown": {"for": "5s"},
                    "ScrapRejectingLoad": {"for": "5s"},
                    "ScrapUpstreamFailing": {"many": {"for": "5s"}},
                    "ScrapNodeDiskGrowing": {"for": "10s"},
                    "ScrapNodeDiskFilling": {"for": "15s", "within": "1m"},
                    "ScrapNodeDiskFull": {"for": "10s"},
                },
            },
            "alertmanagerConfig": {
                "critical": {"wait": "1s", "interval": "5s"},
                "warning": {"groupBy": ["alertname"], "wait": "1s", "interval": "5s"},
            },
        },
    }


# A page answers at once, or after a second where its path begins with /slow.
WEB = """
import time

PAGE = b'<!doctype html><html><head><meta property="og:title" content="A page"></head></html>'

def answer(path):
    time.sleep(1 if path.startswith("/slow") else 0)
    return 200, {}, PAGE
"""


def values(namespace: Namespace, intervals: Intervals) -> Object:
    """A release with few slots, so that few calls fill it."""
    config = {**may_scrape(namespace), "maxFetches": 4, "maxWaiting": 2, "maxWait": 0.1, "linger": 0}
    return {**quick(intervals, nodes()[0]), "config": config}


def fetch(url: str, method: str = "GET") -> str:
    """What a URL answers."""
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
        body: str = answer.read().decode()
        return body


def by_address(service: str, namespace: str, port: int) -> str:
    """A Service's URL, by address: names resolve in pods only."""
    return f"http://{Namespace(namespace).address(service)}:{port}"


@dataclass(frozen=True)
class Stack:
    """The monitoring stack's parts.

    Attributes:
        url: the way to a Service: of its name, its namespace and its port.
    """

    url: Callable[[str, str, int], str] = by_address

    @cached_property
    def prometheus(self) -> str:
        """Its URL."""
        return self.url("kube-prometheus-stack-prometheus", STACK, 9090)

    @cached_property
    def alertmanager(self) -> str:
        """Its URL."""
        return self.url(ALERTMANAGER, STACK, 9093)

    @cached_property
    def slack(self) -> str:
        """The URL of what stands in Slack's place."""
        return self.url("slack", STACK, 80)

    def ask(self, path: str) -> Any:
        """What Prometheus' API answers."""
        return json.loads(fetch(f"{self.prometheus}/api/v1/{path}"))["data"]

    def value(self, expression: str) -> float:
        """The one value of an expression."""
        ((_, value),) = (sample["value"] for sample in self.ask(f"query?query={quote(expression)}")["result"])
        return float(value)

    def firing(self, namespace: str) -> list[str]:
        """The firing alerts of a namespace that a channel receives."""
        query = f'ALERTS{{alertstate="firing",namespace="{namespace}",severity=~"critical|warning"}}'
        return [sample["metric"]["alertname"] for sample in self.ask(f"query?query={quote(query)}")["result"]]

    def notified(self, namespace: str) -> list[str]:
        """The alerts of a namespace that Alertmanager has and a channel receives."""
        matchers = (f'namespace="{namespace}"', 'severity=~"critical|warning"')
        filters = "&".join(f"filter={quote(matcher)}" for matcher in matchers)
        found = json.loads(fetch(f"{self.alertmanager}/api/v2/alerts?{filters}"))
        return [alert["labels"]["alertname"] for alert in found]

    def rules(self, namespace: str) -> list[Object]:
        """Our rules, as Prometheus has them."""
        groups = self.ask("rules")["groups"]
        return [rule for group in groups if f"/{namespace}-scrap-" in group["file"] for rule in group["rules"]]

    def metrics_of(self, labels: str, port: int, namespace: str = STACK) -> str:
        """What a pod exports, asked for directly."""
        pods = Namespace(namespace).get("pods", "-l", labels)["items"]
        return fetch(f"http://{pods[0]['status']['podIP']}:{port}/metrics")

    def alertmanager_configuration(self) -> str:
        """The configuration that Prometheus' operator made, as Alertmanager has loaded it."""
        original: str = json.loads(fetch(f"{self.alertmanager}/api/v2/status"))["config"]["original"]
        return original


@contextmanager
def no_alertmanager() -> Iterator[None]:
    """There is none within the block; afterwards there is one that has forgotten everything."""

    def replicas(count: int) -> None:
        stack, wanted = Namespace(STACK), json.dumps({"spec": {"replicas": count}})
        stack.kubectl("patch", "alertmanager", ALERTMANAGER, "--type", "merge", "--patch", wanted)
        ready = ("get", f"statefulset/alertmanager-{ALERTMANAGER}", "-o", "jsonpath={.status.readyReplicas}")
        until("its pods are so many", lambda: stack.kubectl(*ready) == (str(count) if count else ""), 90)

    replicas(0)
    try:
        yield
    finally:
        replicas(1)


@contextmanager
def stand_in_for_slack() -> Iterator[None]:
    """What is in Slack's place, at http://slack.monitoring.svc: where the stack has none, for the block alone."""
    stack = Namespace(STACK)
    if stack.kubectl("get", "service", "slack", "--ignore-not-found", "-o", "name"):
        yield
        return
    start(stack, "slack", f"STATUS = 200\n{RECEIVER}")
    try:
        yield
    finally:
        stack.kubectl("delete", "deployment,service", "slack")


@dataclass(frozen=True)
class Message:
    """What came to a channel.

    Attributes:
        at: when, in seconds since the epoch.
    """

    at: float
    channel: str
    title: str
    text: str
    color: str

    @property
    def resolved(self) -> bool:
        """Does it say that something is over?"""
        return self.color == "good"


class Capture:
    """The messages, as Slack would have them.

    Args:
        patience: how many times as long as at intervals of 5 s they may take.
    """

    def __init__(self, url: str, patience: float = 1.0) -> None:
        self.patience = patience
        self._url = url

    def forget(self) -> None:
        """Forgets them."""
        fetch(self._url, "DELETE")

    def messages(self) -> list[Message]:
        """All of them, in order."""
        found = []
        for item in json.loads(fetch(self._url)):
            (attachment,) = item["message"]["attachments"]
            parts = (attachment[part] for part in ("title", "text", "color"))
            found.append(Message(item["time"], item["path"].strip("/"), *parts))
        return found

    def about(self, runbook: str) -> list[Message]:
        """Those about one alert: a firing one links to its runbook, a resolved one names it."""
        return [
            message
            for message in self.messages()
            if f"/{runbook}.md|" in message.text or f"✅ {runbook} is resolved" in message.text
        ]

    def unresolved(self, namespace: str) -> set[str]:
        """The alerts of a namespace whose last message is not that they are resolved."""
        text = " ".join(message.text for message in self.messages() if f"[{namespace}]" in message.title)
        found = set(re.findall(r"/(Scrap\w+)\.md\|", text))
        return {alert for alert in found if not self.about(alert)[-1].resolved}


class AlertLoad:
    """Calls, each for another page, so that no cache answers.

    Attributes:
        kind: what is asked for, page or slow.
    """

    def __init__(self, namespace: Namespace, kind: str, workers: int, pause: float) -> None:
        self._host = namespace.address()
        self._target = f"http://web.{namespace.name}.svc/{kind}"
        self._pause = pause
        self._numbers = count()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(workers)]

    def _work(self) -> None:
        while not self._stopped.wait(self._pause):
            connection = HTTPConnection(self._host, 80, timeout=10)
            try:
                connection.request("GET", call(f"{self._target}/{next(self._numbers)}/{time.time()}"))
                connection.getresponse().read()
            except OSError:
                self._stopped.wait(0.5)  # nobody is there just now
            finally:
                connection.close()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Calls within the block."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()


class Disk:
    """A small real disk of the first node's: 64 MiB."""

    def __init__(self, stack: Stack) -> None:
        self.selector = small_disk_selector()
        if stack.ask(f"query?query={quote(f'node_filesystem_size_bytes{{{self.selector}}}')}")["result"]:
            self.empty()  # it is there from an earlier run
        else:
            provider().make_disk(64)

    def write(self, mebibytes: int) -> None:
        """Writes so much more to it."""
        provider().write_disk(mebibytes)

    def empty(self) -> None:
        """Empties it."""
        provider().empty_disk()
