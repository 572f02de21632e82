"""The calm cluster that faults are made in: a release with quick alerts, its cache, a web, clients, receivers."""

import json
import re
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import yaml

from tests.alerts.rules import rules
from tests.chart.rendering import CHART, ROOT
from tests.cluster.alerts.scene import ALERTMANAGER, Capture, Disk, Stack, fetch, quick, stand_in_for_slack
from tests.cluster.clusters import (
    RECEIVER,
    STACK,
    Namespace,
    Object,
    hurry,
    may_scrape,
    merged,
    nodes,
    run,
    start,
    start_web,
    until,
)
from tests.cluster.faults.observer import Observer
from tests.cluster.faults.relay import Relay
from tests.cluster.faults.traffic import Traffic
from tests.cluster.intervals import Intervals, asked
from tests.cluster.providers.choice import provider
from tests.cluster.providers.provider import CannotError

NAME = "scrap"  # as the runbooks have it, so that their commands can be typed as they are
RATE = 6.0  # calls a second
CPU = "ScrapNodeCPU"  # which is the machine's, and others may use it as well
SILENCE = 25.0  # seconds without a heartbeat, which comes every five to ten, after which the one outside calls

# A page answers at once; otherwise as the mode has it that a fault sets.
WEB = """
import os, time

PAGE = b'<!doctype html><html><head><meta property="og:title" content="A page"></head></html>'
CONSENT = b'<!doctype html><html><head><title>Before you continue</title></head></html>'

def answer(path):
    mode = open("/tmp/mode").read().strip() if os.path.exists("/tmp/mode") else ""
    time.sleep(4 if mode == "slow" or path.startswith("/late/") else 0)
    if mode == "refuse" and int(path.rpartition("/")[2]) % 2:
        return 403, {}, b""
    return 200, {}, CONSENT if mode == "consent" else PAGE
"""


def short(intervals: Intervals) -> Object:
    """Beside what tests/cluster/alerts shortens. The order in which alerts come is that of the real figures."""
    window = intervals.duration(30)
    alerts = {
        "ScrapNotMeasured": {"for": "10s"},
        "ScrapUpstreamFailing": {
            "unusual": {"for": "40s"},
            "many": {"for": "40s"},
            "all": {"for": "10s"},
            "overload": {"for": "5s"},
        },
        "ScrapPreviewsMissing": {"for": "15s"},
        "ScrapPodOutlier": {"for": "20s"},  # a window, as in the chart: pods are not scraped at once
        "ScrapPodRestarting": {"window": intervals.duration(90)},
        "ScrapRolloutStuck": {"for": "20s"},
        "ScrapSlowerThanUsual": {"for": "40s"},
        "ScrapAtMaximum": {"for": "40s"},
        "ScrapClientsGiveUp": {"some": {"for": "60s"}, "many": {"for": "15s"}},
        "ScrapSharedCacheWritesFailing": {"for": "10s"},
        "ScrapNodeConntrack": {"for": "5s"},
        "ScrapUpstreamSlow": {"for": "10s"},
        "ScrapEventLoopLag": {"for": "10s"},
        "ScrapMemoryNearLimit": {"for": "5s"},
        "ScrapOutOfMemory": {"window": window},
        "ScrapResourcesExhausted": {"window": window},
        "ScrapTooFewHealthyPods": {"for": "30s"},
        "ScrapSharedCacheDown": {"for": "10s"},
        "ScrapManyBlockedTargets": {"for": "10s"},
        "ScrapOperatorDown": {"for": "5s"},
        "ScrapOperatorSourceDown": {"for": "5s"},
        "ScrapNodeCPU": {"for": "20s"},
        "ScrapNodeNotReady": {"for": "5s"},
        "ScrapNodeDiskFilling": {"for": "30s"},
        "ScrapSlackFailing": {"for": "5s", "window": window, "lost": {"window": window}},
        "ScrapMonitoringRejected": {"for": "5s"},
    }
    usual = {"window": "10m", "every": "5s"}
    return {
        "tolerations": [
            {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10}
            for why in ("not-ready", "unreachable")
        ],
        "operator": {
            "alertScaler": {
                "create": True,
                "minReplicas": 2,
                "maxReplicas": 2,  # so that nobody scales a fault away, or to other nodes
                "source": {"interval": "5s", "timeout": "2s", "settle": "10s"},
            }
        },
        "monitoring": {"prometheusRule": {"usual": usual, "alerts": alerts}},
    }


def shortened(intervals: Intervals, node: str) -> Object:
    """All that is shorter than in the chart."""
    return merged(quick(intervals, node), short(intervals))


def values(namespace: Namespace, intervals: Intervals, cache: str | None) -> Object:
    """A release with a shared cache, and slots for slow pages of the one host that stands for all.

    Args:
        cache: the address of the cache; None: there is none.
    """
    own: Object = {
        "config": {**may_scrape(namespace), "maxPerHost": 256, "maxFetches": 96, "linger": 1, "shutdown": 5},
        "resources": {"limits": {"memory": "256Mi"}},  # so that it takes seconds to fill
    }
    if cache:
        to_cache = {"to": [{"ipBlock": {"cidr": f"{cache}/32"}}], "ports": [{"port": 6379}]}
        own["secrets"] = {"cacheUrl": {"name": "scrap-cache"}}
        own["networkPolicy"] = {"egress": {"extra": [to_cache]}}
    return merged(shortened(intervals, nodes()[0]), own)


class Pager:
    """The service outside: it receives the heartbeat, and the alerts about the alert path."""

    def __init__(self, url: str) -> None:
        self._url = url

    def silent_for(self) -> float:
        """Seconds since the last heartbeat."""
        beats = [item["time"] for item in json.loads(fetch(self._url)) if item["path"] == "/heartbeat"]
        return time.time() - max(beats, default=0)

    def received(self, alert: str, since: float) -> bool:
        """Has it received an alert since then?"""
        return any(
            one["labels"]["alertname"] == alert
            for item in json.loads(fetch(self._url))
            if item["path"] != "/heartbeat" and item["time"] >= since
            for one in item["message"]["alerts"]
        )


class CacheServer:
    """A Valkey of this machine's, at the address that pods reach it by: not every cluster can pull an image of one.

    Attributes:
        address: its address; None where pods do not reach this machine.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.address: str | None = None
        with suppress(CannotError):
            self.address = provider().host()

    @cached_property
    def relay(self) -> Relay:
        """What pods connect to in its place.

        Raises:
            CannotError: they would not reach it.
        """
        return Relay(provider().host(), 6379, 6380)

    def start(self) -> None:
        """Runs it, empty.

        Raises:
            CannotError: pods would not reach it.
        """
        options = {"bind": provider().host(), "port": "6380", "protected-mode": "no", "save": "", "appendonly": "no"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        self.relay.open()

    def kill(self) -> None:
        """Ends it.

        Raises:
            CannotError: pods would not reach it.
        """
        self.relay.close()
        if self._process:
            self._process.kill()
            self._process.wait()

    def command(self, *words: str) -> None:
        """Gives it a command."""
        run("redis-cli", "-h", provider().host(), "-p", "6380", *words)


@dataclass(frozen=True)
class Scene:
    """All that a fault is made in."""

    namespace: Namespace
    stack: Stack
    intervals: Intervals
    cache: CacheServer
    traffic: Traffic
    observer: Observer

    small_disk: Disk | CannotError

    @property
    def disk(self) -> Disk:
        """The small disk.

        Raises:
            CannotError: there can be none.
        """
        if isinstance(self.small_disk, CannotError):
            raise self.small_disk
        return self.small_disk

    @cached_property
    def slack(self) -> Capture:
        """What came to Slack, asked for past its own name and address, which a fault takes."""
        return Capture(f"http://{Namespace(STACK).address('slack-kept')}")

    @cached_property
    def pager(self) -> Pager:
        """The service outside."""
        return Pager(f"http://{Namespace(STACK).address('pager')}")

    def unique(self) -> str:
        """A word that no page of an earlier fault has in its path."""
        return str(time.time())

    def firing(self) -> set[str]:
        """What fires, beside the CPU."""
        return {name for name in self.observer.now() if not name.startswith(CPU)}

    def ready(self) -> bool:
        """Are both pods there, and nothing else?"""
        pods = self.namespace.pods()
        states = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
        return len(pods) == 2 and len(states) == 2 and all(state["ready"] for state in states)

    def calm(self) -> None:
        """Waits until all is well, and each notified alert has its resolved message.

        Raises:
            TimeoutError: it is not.
        """
        patience = self.intervals.patience
        until("nothing fires", lambda: not self.firing(), patience(150))
        until("both pods serve", self.ready, 90)
        until("clients are well", lambda: self.traffic.calm(8), 90)
        until("the one outside receives the heartbeat", lambda: self.pager.silent_for() < SILENCE, patience(60))
        until("notified alerts are notified as resolved", lambda: all(map(self.over, self.notified())), patience(60))

    def notified(self) -> set[str]:
        """The alerts that Slack received."""
        words = " ".join(f"{message.title} {message.text}" for message in self.slack.messages())
        return set(re.findall(r"/(Scrap\w+)\.md\|", words))

    def over(self, alert: str) -> bool:
        """Is its last message a resolved one?"""
        return self.slack.about(alert)[-1].resolved


def secret(namespace: Namespace, name: str, **words: str) -> None:
    """Makes a Secret, or makes it anew."""
    literals = [f"--from-literal={key}={value}" for key, value in words.items()]
    made = namespace.kubectl("create", "secret", "generic", name, *literals, "--dry-run=client", "-o", "yaml")
    namespace.kubectl("apply", "-f", "-", given=made)


def slack_secret(namespace: Namespace) -> None:
    """The Secret with the webhooks."""
    channels = {severity: f"http://slack.monitoring.svc/{severity}" for severity in ("critical", "warning")}
    secret(namespace, "scrap-slack", **channels)


@contextmanager
def stand_ins() -> Iterator[None]:
    """The one outside, a Slack that answers 500, and an address at which what Slack has is kept from both."""
    stack = Namespace(STACK)
    with stand_in_for_slack():
        start(stack, "pager", f"STATUS = 200\n{RECEIVER}")
        start(stack, "slack-failing", f"STATUS = 500\n{RECEIVER}")
        kept = {"selector": {"app": "slack"}, "ports": [{"port": 80, "targetPort": 8080}]}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "slack-kept"}, "spec": kept}
        stack.kubectl("apply", "-f", "-", given=json.dumps(service))
        try:
            yield
        finally:
            stack.kubectl("delete", "deployment/pager", "deployment/slack-failing")
            stack.kubectl("delete", "service/pager", "service/slack-failing", "service/slack-kept")


@contextmanager
def outside() -> Iterator[None]:
    """The stack's own Alertmanager, as docs/slack.md says under Watchdog: with what is outside here, and every 5 s."""
    page = (ROOT / "docs" / "slack.md").read_text()
    (block,) = re.findall(r"^```yaml\n(alertmanager:\n  config:\n.*?)```", page, re.MULTILINE | re.DOTALL)
    block = block.replace("https://hc-ping.com/your-uuid", "http://pager.monitoring.svc/heartbeat")
    block = block.replace("https://example.org/hook", "http://pager.monitoring.svc/second")
    block = block.replace("_interval: 1m", "_interval: 5s")
    stack = Namespace(STACK)
    name = f"alertmanager-{ALERTMANAGER}"
    before = b64decode(stack.get("secret", name)["data"]["alertmanager.yaml"]).decode()

    def configure(configuration: str) -> None:
        patch = {"stringData": {"alertmanager.yaml": configuration}}
        stack.kubectl("patch", "secret", name, "--patch", json.dumps(patch))

    configure(json.dumps(merged(yaml.safe_load(before), yaml.safe_load(block)["alertmanager"]["config"])))
    try:
        yield
    finally:
        configure(before)


@contextmanager
def operators_metrics() -> Iterator[None]:
    """Prometheus' operator is measured, as kube-prometheus-stack does and a stand-in for it does not."""
    labels = {"app": "prometheus-operator"}
    stack = Namespace(STACK)
    if not stack.get("pods", "-l", "app=prometheus-operator")["items"]:
        yield
        return
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "prometheus-operator", "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 8080}]},
    }
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "prometheus-operator", "labels": {"release": "kube-prometheus-stack"}},
        "spec": {"selector": {"matchLabels": labels}, "endpoints": [{"port": "http"}]},
    }
    stack.kubectl("apply", "-f", "-", given=f"{json.dumps(service)}\n{json.dumps(monitor)}")
    try:
        yield
    finally:
        stack.kubectl("delete", "service,servicemonitor", "prometheus-operator")


@contextmanager
def release(namespace: Namespace, intervals: Intervals, cache: str | None) -> Iterator[None]:
    """Our chart, until it serves."""
    namespace.create()
    try:
        slack_secret(namespace)
        secret(namespace, "scrap-cache", SCRAP_CACHE_URL=f"redis://{cache}:6379/0")
        start_web(namespace, WEB)
        given = values(namespace, intervals, cache)
        namespace.helm("upgrade", "--install", "scrap", CHART, "--wait", "--timeout", "180s", values=given)
        yield
    finally:
        namespace.delete()


def arrived(stack: Stack) -> bool:
    """Has all that we offer come to Prometheus and Alertmanager?"""
    hurry()
    configuration = stack.alertmanager_configuration()
    return (
        f"{NAME}/scrap/critical" in configuration
        and "heartbeat" in configuration
        and len(stack.rules(NAME)) >= len(rules())
        and all(rule["health"] == "ok" for rule in stack.rules(NAME))
        and len(stack.ask(f'query?query=up{{namespace="{NAME}"}}==1')["result"]) == 3
        and bool(stack.ask("query?query=prometheus_operator_managed_resources")["result"])
    )


def small_disk(stack: Stack) -> Disk | CannotError:
    """An empty disk, or why there is none."""
    try:
        return Disk(stack)
    except CannotError as error:
        return error


@contextmanager
def made() -> Iterator[Scene]:
    """The scene; afterwards the cluster is as it was before."""
    stack, namespace, cache = Stack(), Namespace(NAME), CacheServer()
    intervals = asked(stack, NAME)
    with ExitStack() as ending:
        if cache.address:
            cache.start()
            ending.callback(cache.kill)
        for each in (stand_ins(), outside(), operators_metrics(), release(namespace, intervals, cache.address)):
            ending.enter_context(each)
        disk = small_disk(stack)
        until("rules, routes and targets are there", lambda: arrived(stack), intervals.patience(180))
        page = f"http://web.{NAME}.svc/"
        traffic = Traffic(namespace.address(), lambda number: f"{page}{time.time()}/{number}", RATE)
        observer = Observer(stack, NAME)
        scene = Scene(namespace, stack, intervals, cache, traffic, observer, disk)
        scene.slack.forget()  # what others may have sent before
        ending.enter_context(traffic.calling())
        ending.enter_context(observer.watching())
        until("it is watched", lambda: seen(observer), 30)
        yield scene


def seen(observer: Observer) -> bool:
    """Has the observer asked once?"""
    try:
        observer.now()
    except RuntimeError:
        return False
    return True
