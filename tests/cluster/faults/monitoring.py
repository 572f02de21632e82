"""What goes wrong with Prometheus and Alertmanager themselves."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.cluster.alerts.scene import no_alertmanager
from tests.cluster.clusters import hurry, run, until
from tests.cluster.faults.breaking import MONITORING, Words, origins_dead
from tests.cluster.faults.scene import Scene, arrived
from tests.cluster.providers.choice import provider

PROMETHEUS = "kube-prometheus-stack-prometheus"
LOST = "ScrapUpstreamFailing"


@contextmanager
def alertmanager_lost_while_critical(scene: Scene) -> Iterator[Words]:
    """The critical message is in Slack when Alertmanager goes, and what it is about ends before there is another one.

    Alertmanager has no storage here, as in kube-prometheus-stack by default.
    """

    def sent(*, resolved: bool) -> bool:
        return any(message.resolved == resolved for message in scene.slack.about(LOST))

    with ExitStack() as web:
        web.enter_context(origins_dead(scene))
        until("Slack has the message", lambda: sent(resolved=False), scene.intervals.patience(90))
        with no_alertmanager():
            yield {}
            web.close()
            until(f"{LOST} has ended", lambda: f"{LOST}/critical" not in scene.observer.now(), 90)
    until("the next one has our routes", lambda: "/scrap/critical" in routes(scene), 90)
    since = time.time()
    until("it has had time for a resolved message", lambda: time.time() > since + 15, 30)
    assert not sent(resolved=True), "one that has forgotten what it sent does not say that it is over"
    scene.slack.forget()


def routes(scene: Scene) -> str:
    """Alertmanager's configuration; empty while there is none."""
    hurry()
    try:
        return scene.stack.alertmanager_configuration()
    except OSError:
        return ""


@contextmanager
def small_prometheus(scene: Scene) -> Iterator[None]:
    """Prometheus on a disk of 48 MiB; it forgets samples after 15 s, not after five minutes."""
    wanted = {
        "storage": {"emptyDir": {"medium": "Memory", "sizeLimit": "48Mi"}},
        "query": {"lookbackDelta": "15s"},
    }
    before = MONITORING.get("prometheus", PROMETHEUS)["spec"]
    try:
        changed(scene, wanted)
        yield
    finally:
        changed(scene, {name: before.get(name) for name in wanted})


def changed(scene: Scene, spec: dict[str, object]) -> None:
    """Changes Prometheus, which begins anew, and waits until it has seen all."""

    def replaced() -> bool:
        found = MONITORING.get("pods", "-l", "app.kubernetes.io/name=prometheus")["items"]
        return len(found) == 1 and found[0]["metadata"]["uid"] != old["metadata"]["uid"]

    (old,) = MONITORING.get("pods", "-l", "app.kubernetes.io/name=prometheus")["items"]
    MONITORING.kubectl("patch", "prometheus", PROMETHEUS, "--type", "merge", "--patch", json.dumps({"spec": spec}))
    until("Prometheus is another one", replaced, 90)
    until("it has rules and targets", lambda: answers(scene), 120)


def answers(scene: Scene) -> bool:
    """Has Prometheus what it has to have, and does nothing fire?"""
    try:
        return arrived(scene.stack) and not scene.firing()
    except (OSError, RuntimeError):
        return False


@contextmanager
def prometheus_disk_full(_: Scene) -> Iterator[Words]:
    """A file fills the disk of Prometheus: nothing more is stored, and rules go on with what there is not."""
    (pod,) = MONITORING.get("pods", "-l", "app.kubernetes.io/name=prometheus")["items"]
    shell = provider().shell(pod["spec"]["nodeName"])
    mounts = run(*shell, "findmnt", "--raw", "--noheadings", "--output", "TARGET").splitlines()
    (path,) = (path for path in mounts if pod["metadata"]["uid"] in path and "empty-dir/prometheus" in path)
    run(*shell, "sh", "-c", f"dd if=/dev/zero of={path}/fill bs=64k 2>/dev/null; test -e {path}/fill")
    try:
        yield {}
    finally:
        run(*shell, "rm", f"{path}/fill")
