"""From load to pods, with everything real: the service, its alerts, the monitoring stack, the operator.

The way back, from calm to fewer pods, is a chapter of the story.
"""

import json
import math
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import STACK, Namespace, Object, hurry, run, start_web, until
from tests.cluster.dashboards.scene import WEB, called, values
from tests.cluster.intervals import asked

pytestmark = pytest.mark.usefixtures("inside")

MINIMUM, MAXIMUM = 2, 4
INTERVAL = 15.0  # seconds from poll to poll: the default
WARM_UP = WINDOW = 30  # seconds: of the source; of the Hold alert's look-back, and of the stabilization of steps down
WITHOUT_SOURCE = {"SourceFailing", "SourceUnavailable", "HeartbeatMissing", "Settling"}


@pytest.fixture(scope="module")
def shop(namespace: Namespace) -> Namespace:
    """The service with eight slots a pod, and its operator, whose steps down wait for the alerts and for a window.

    The window is a must: for the seconds until two new pods have work, what is measured is at most the slots of the
    two old ones, less than the 2.4 pods' worth that would saturate three, and neither alert fires.
    """
    start_web(namespace, WEB)
    settings = values(namespace)
    settings["config"] |= {"maxPerHost": 8}
    settings["operator"]["alertScaler"] |= {
        "source": {"settle": f"{WARM_UP}s"},
        "behavior": {
            "scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 1}]},
            "scaleDown": {
                "stabilizationWindowSeconds": WINDOW,
                "policies": [{"type": "Pods", "value": 4, "periodSeconds": 1}],
            },
        },
    }
    stack = Stack()
    intervals = asked(stack, namespace.name)
    alerts = {"ScrapSaturated": {"for": "5s"}, "ScrapScaleInUnsafe": {"window": intervals.duration(WINDOW)}}
    settings["monitoring"] = {"prometheusRule": {"alerts": alerts}}
    namespace.install(settings)
    until("the operator brings the pods to its minimum", lambda: replicas(namespace) == MINIMUM)

    def measured() -> bool:
        hurry()
        return "ScrapSaturated" in {rule["name"] for rule in stack.rules(namespace.name)}

    until("Prometheus has our rules", measured, intervals.patience(180))
    until("what is measured is calm", lambda: reason(namespace) == "AtMinimum", intervals.patience(180))
    return namespace


def fetched(url: str, body: Any = None) -> Any:
    """The JSON of an answer."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or b"null")


def alertmanager() -> str:
    """The API's URL of the stack's."""
    service = ("service", "kube-prometheus-stack-alertmanager")
    address = run("kubectl", "--namespace", STACK, "get", *service, "-o", "jsonpath={.spec.clusterIP}")
    return f"http://{address}:9093/api/v2"


def replicas(namespace: Namespace) -> int:
    """The replicas that the Deployment asks for."""
    return int(namespace.kubectl("get", "deployment", "scrap", "-o", "jsonpath={.spec.replicas}"))


def reason(namespace: Namespace) -> str:
    """The AlertScaler's."""
    return namespace.kubectl("get", "alertscaler", "scrap", "-o", "jsonpath={.status.reason}")


def calm_down(namespace: Namespace) -> None:
    """Has the fewest pods by hand until a poll has found that well; the operator's own way takes two windows."""
    namespace.kubectl("scale", "deployment/scrap", f"--replicas={MINIMUM}")
    polls = "scrap_operator_poll_seconds_count"
    before = metric(namespace, polls)
    until("a poll is calm", lambda: metric(namespace, polls) > before and reason(namespace) == "AtMinimum", 120)


def ready(namespace: Namespace) -> int:
    """Pods that serve."""
    status: Object = namespace.get("deployment", "scrap")["status"]
    return int(status.get("readyReplicas", 0))


def seconds_until(holds: Callable[[], bool], limit: float) -> float:
    """How long it takes."""
    started = time.monotonic()
    until(f"within {limit} s", holds, limit)
    return time.monotonic() - started


def send(namespace: Namespace, ends_in: float) -> None:
    """What Prometheus would send while the service is saturated."""
    now = datetime.now(UTC)
    labels = {"alertname": "ScrapSaturated", "namespace": namespace.name, "job": "scrap", "severity": "none"}
    times = {"startsAt": now - timedelta(minutes=1), "endsAt": now + timedelta(seconds=ends_in)}
    alert = {"labels": labels, **{name: at.isoformat() for name, at in times.items()}}
    fetched(f"{alertmanager()}/alerts", [alert])


@pytest.mark.parametrize("phase", [0.0, 0.5])
def test_from_firing_to_replicas_is_an_interval_and_two_seconds_at_most(shop: Namespace, phase: float) -> None:
    """Right after a poll and between two of them: they begin where the last one was noticed."""
    calm_down(shop)
    time.sleep(phase * INTERVAL)  # the phase, and no wait for anything
    send(shop, 60)
    took = seconds_until(lambda: replicas(shop) > MINIMUM, 2 * INTERVAL)
    send(shop, -0.001)
    print(f"from firing to {replicas(shop)} replicas at phase {phase}: {took:.1f} s")
    assert took <= INTERVAL + 2


def metric(namespace: Namespace, name: str) -> float:
    """A sample of the operator's, by its name; labels do not matter."""
    (pod,) = namespace.pods("operator")
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8081/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), math.nan)


def test_load_becomes_pods_which_an_outage_of_monitoring_leaves(shop: Namespace) -> None:
    intervals = asked(Stack(), shop.name)
    calm_down(shop)
    api = alertmanager()
    firing = f"{api}/alerts?filter=alertname=%22ScrapSaturated%22&filter=namespace=%22{shop.name}%22"
    # Of pages that come late, but before the deadline of 3 s: three pods' worth. Pages that fail would hold the pods.
    with called(shop, rate=10) as load:
        load.mix = ("late",)
        until("ScrapSaturated fires", lambda: bool(fetched(firing)), intervals.patience(120))
        took = seconds_until(lambda: replicas(shop) == MAXIMUM, 2 * INTERVAL)
        print(f"from Alertmanager's knowledge to {MAXIMUM} replicas under load: {took:.1f} s")
        assert took <= INTERVAL + 2
        until("they serve", lambda: ready(shop) == MAXIMUM)
        until("they are enough, and all needed", lambda: reason(shop) == "Held", intervals.patience(120))

        # Prometheus and Alertmanager die, and come back with an empty memory.
        died = time.monotonic()
        run("kubectl", "--namespace", STACK, "delete", "pod", "--force", "-l", "app.kubernetes.io/name=prometheus")
        run("kubectl", "--namespace", STACK, "delete", "pod", "--force", "-l", "app.kubernetes.io/name=alertmanager")
        seen = set[tuple[int, str]]()

        def held_again() -> bool:
            seen.add((replicas(shop), reason(shop)))
            return bool({each for _, each in seen} & WITHOUT_SOURCE) and reason(shop) == "Held"

        until("it is held again", held_again, intervals.patience(240))
        print(f"held again {time.monotonic() - died:.0f} s after Prometheus and Alertmanager died: {sorted(seen)}")
        assert {count for count, _ in seen} == {MAXIMUM}


def test_the_operator_takes_less_than_100_mib(shop: Namespace) -> None:
    size = metric(shop, "process_resident_memory_bytes")
    print(f"the operator's pod: {size / 2**20:.0f} MiB")
    assert size < 100 * 2**20


def test_uninstall_hangs_nowhere(shop: Namespace) -> None:
    """The last one: nothing is left, and the pods take no longer to go than they may."""

    def left(kinds: str) -> list[Object]:
        items: list[Object] = shop.get(kinds, "-l", "app.kubernetes.io/name=scrap")["items"]
        return items

    started = time.monotonic()
    shop.helm("uninstall", "scrap", "--wait", "--timeout", "120s")
    took = time.monotonic() - started
    print(f"helm uninstall --wait: {took:.1f} s")
    assert took < 45
    assert left("alertscalers,deployments") == []
    until("the pods are gone", lambda: left("pods") == [])
