"""The calm cluster that faults are made in: a release with quick alerts, its cache, a web, clients, receivers."""

import json
import re
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

import yaml

from tests.alerts.rules import rules
from tests.chart.rendering import CHART, ROOT
from tests.cluster.alerts.scene import QUICK, SELECTOR, Capture, Disk, Stack, fetch
from tests.cluster.clusters import (
    STACK,
    Namespace,
    Object,
    hurry,
    may_scrape,
    merged,
    start,
    start_web,
    until,
)
from tests.cluster.faults.observer import Observer
from tests.cluster.faults.traffic import Traffic

NAME = "scrap"  # as the runbooks have it, so that their commands can be typed as they are
NODE = "192.168.250.1"  # the address of node-1, where the tests run
RATE = 6.0  # calls a second
CPU = "ScrapNodeCPU"  # which is the machine's, and others may use it as well
SILENCE = 25.0  # seconds without a heartbeat, which comes every five to ten, after which the one outside calls

# Beside what tests/cluster/alerts shortens. The order in which alerts come is that of the real figures.
SHORT: Object = {
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
    "monitoring": {
        "prometheusRule": {
            "alerts": {
                "ScrapNotMeasured": {"for": "10s"},
                "ScrapUpstreamFailing": {"many": {"for": "40s"}, "all": {"for": "15s"}},
                "ScrapUpstreamSlow": {"for": "10s"},
                "ScrapEventLoopLag": {"for": "10s"},
                "ScrapMemoryNearLimit": {"for": "5s"},
                "ScrapOutOfMemory": {"window": "30s"},
                "ScrapTooFewHealthyPods": {"for": "30s"},
                "ScrapSharedCacheDown": {"for": "10s"},
                "ScrapManyBlockedTargets": {"for": "10s"},
                "ScrapOperatorDown": {"for": "5s"},
                "ScrapOperatorSourceDown": {"for": "5s"},
                "ScrapNodeCPU": {"for": "20s"},
                "ScrapNodeNotReady": {"for": "5s"},
                "ScrapNodeDiskFilling": {"for": "30s"},
                "ScrapSlackFailing": {"for": "5s", "window": "30s", "lost": {"window": "30s"}},
                "ScrapMonitoringRejected": {"for": "5s"},
            }
        },
    },
}

# A page answers at once; after four seconds while the web has to be slow.
WEB = """
import os, time

PAGE = b'<!doctype html><html><head><meta property="og:title" content="A page"></head></html>'

def answer(path):
    time.sleep(4 if os.path.exists("/tmp/slow") else 0)
    return 200, {}, PAGE
"""

# Takes what is posted, with a status of its own, and gives it back as JSON.
RECEIVER = """
import http.server, json, time

KEPT = []

class Receiver(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        KEPT.append({"path": self.path, "time": time.time(), "message": json.loads(body)})
        self.answer(STATUS, b"")

    def do_GET(self):
        self.answer(200, json.dumps(KEPT).encode())

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("", 8080), Receiver).serve_forever()
"""


def values(namespace: Namespace) -> Object:
    """A release with a shared cache, and slots for slow pages of the one host that stands for all."""
    to_cache = {"to": [{"ipBlock": {"cidr": f"{NODE}/32"}}], "ports": [{"port": 6379}]}
    own = {
        "config": {**may_scrape(namespace), "maxPerHost": 256, "linger": 1, "shutdown": 5},
        "resources": {"limits": {"memory": "256Mi"}},  # so that it takes seconds to fill
        "secrets": {"cacheUrl": {"name": "scrap-cache"}},
        "networkPolicy": {"egress": {"extra": [to_cache]}},
    }
    return merged(merged(QUICK, SHORT), own)


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
    """A Valkey of this machine's: no image can be pulled, so it runs beside the tests, at the node's address."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Runs it, empty."""
        options = ["--bind", NODE, "--port", "6379", "--protected-mode", "no", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """Ends it."""
        assert self._process
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Scene:
    """All that a fault is made in."""

    namespace: Namespace
    stack: Stack
    cache: CacheServer
    disk: Disk
    traffic: Traffic
    observer: Observer

    @cached_property
    def slack(self) -> Capture:
        """What came to Slack, asked for past its own name and address, which a fault takes."""
        return Capture(f"http://{Namespace(STACK).address('slack-kept')}")

    @cached_property
    def pager(self) -> Pager:
        """The service outside."""
        return Pager(f"http://{Namespace(STACK).address('pager')}")

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
        until("nothing fires", lambda: not self.firing(), 150)
        until("both pods serve", self.ready, 90)
        until("clients are well", lambda: self.traffic.calm(8), 90)
        until("the one outside receives the heartbeat", lambda: self.pager.silent_for() < SILENCE, 60)
        until("notified alerts are notified as resolved", lambda: all(map(self.over, self.notified())), 60)

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


def stand_ins() -> None:
    """The one outside, a Slack that answers 500, and an address at which what Slack has is kept from both."""
    stack = Namespace(STACK)
    start(stack, "pager", f"STATUS = 200\n{RECEIVER}")
    start(stack, "slack-failing", f"STATUS = 500\n{RECEIVER}")
    kept = {"selector": {"app": "slack"}, "ports": [{"port": 80, "targetPort": "http"}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "slack-kept"}, "spec": kept}
    stack.kubectl("apply", "-f", "-", given=json.dumps(service))


def outside() -> None:
    """The stack's own Alertmanager, as docs/slack.md says under Watchdog: with what is outside here, and every 5 s."""
    page = (ROOT / "docs" / "slack.md").read_text()
    (block,) = re.findall(r"^```yaml\n(alertmanager:\n.*?)```", page, re.MULTILINE | re.DOTALL)
    block = block.replace("https://hc-ping.com/your-uuid", "http://pager.monitoring.svc/heartbeat")
    block = block.replace("https://example.org/hook", "http://pager.monitoring.svc/second")
    block = block.replace("_interval: 1m", "_interval: 5s")
    stack = Namespace(STACK)
    name = "alertmanager-kube-prometheus-stack-alertmanager"
    before = b64decode(stack.get("secret", name)["data"]["alertmanager.yaml"])
    whole = merged(yaml.safe_load(before), yaml.safe_load(block)["alertmanager"]["config"])
    patch = {"stringData": {"alertmanager.yaml": json.dumps(whole)}}
    stack.kubectl("patch", "secret", name, "--patch", json.dumps(patch))


def operators_metrics() -> None:
    """Prometheus' operator is measured, as kube-prometheus-stack does and the stand-in here does not."""
    labels = {"app": "prometheus-operator"}
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
    Namespace(STACK).kubectl("apply", "-f", "-", given=f"{json.dumps(service)}\n{json.dumps(monitor)}")


def release(namespace: Namespace) -> None:
    """Our chart, until it serves."""
    namespace.create()
    slack_secret(namespace)
    secret(namespace, "scrap-cache", SCRAP_CACHE_URL=f"redis://{NODE}:6379/0")
    start_web(namespace, WEB)
    namespace.helm("upgrade", "--install", "scrap", CHART, "--wait", "--timeout", "180s", values=values(namespace))


def small_disk(stack: Stack) -> Disk:
    """An empty disk, the same one as ever."""
    disk = Disk()
    if stack.ask(f"query?query=node_filesystem_size_bytes{{{SELECTOR}}}")["result"]:
        disk.empty()
    else:
        disk.make()
    return disk


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


@contextmanager
def made() -> Iterator[Scene]:
    """The scene. It is left as it is: the cluster is made for it."""
    stack, namespace, cache = Stack(), Namespace(NAME), CacheServer()
    with ExitStack() as ending:
        cache.start()
        ending.callback(cache.kill)
        stand_ins()
        outside()
        operators_metrics()
        disk = small_disk(stack)
        release(namespace)
        until("rules, routes and targets are there", lambda: arrived(stack), 180)
        page = f"http://web.{NAME}.svc/"
        traffic = Traffic(namespace.address(), lambda number: f"{page}{time.time()}/{number}", RATE)
        observer = Observer(stack, NAME)
        scene = Scene(namespace, stack, cache, disk, traffic, observer)
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
