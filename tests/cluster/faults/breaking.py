"""Ways to break one thing, and to undo it: each is bounded by its block, and gives the words that the runbook lacks."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias
from urllib.parse import quote

from scripts.alert_test import Trial
from tests.cluster.alerts.scene import ALERTMANAGER, no_alertmanager
from tests.cluster.clusters import STACK, Namespace, Object, hurry, nodes, run, until
from tests.cluster.faults.scene import Scene, slack_secret
from tests.cluster.faults.traffic import Traffic
from tests.cluster.providers.choice import provider
from tests.cluster.providers.provider import CannotError

# A word of a runbook, such as NODE, and what it is here.
Words: TypeAlias = dict[str, str]
Broken: TypeAlias = AbstractContextManager[Words]

SYSTEM = Namespace("kube-system")
MONITORING = Namespace(STACK)
OURS = "kube-prometheus-stack"  # the stack's release


@contextmanager
def scaled_to_none(namespace: Namespace, deployment: str) -> Iterator[Words]:
    """No pod of a Deployment is there."""
    namespace.kubectl("scale", f"deployment/{deployment}", "--replicas=0")
    try:
        yield {}
    finally:
        namespace.kubectl("scale", f"deployment/{deployment}", "--replicas=1")
        namespace.kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=60s")


def origins_dead(scene: Scene) -> Broken:
    """Nobody listens at any page's host."""
    return scaled_to_none(scene.namespace, "web")


def dns_dead(_: Scene) -> Broken:
    """No name can be looked up in the cluster, by nobody."""
    return scaled_to_none(SYSTEM, "coredns")


def operator_dead(scene: Scene) -> Broken:
    """There is no operator."""
    return scaled_to_none(scene.namespace, "scrap-operator")


@contextmanager
def bad_setting(scene: Scene) -> Iterator[Words]:
    """Somebody edits the ConfigMap by hand, and one pod is replaced some time later."""

    def setting(value: str) -> None:
        patch = {"data": {"SCRAP_MAX_FETCHES": value}}
        scene.namespace.kubectl("patch", "configmap", "scrap", "--patch", json.dumps(patch))

    before = scene.namespace.get("configmap", "scrap")["data"]["SCRAP_MAX_FETCHES"]
    healthy = {pod["metadata"]["name"] for pod in scene.namespace.pods()}
    setting("many")
    scene.namespace.kubectl("delete", "pod", min(healthy), "--wait=false")
    try:
        yield {}
    finally:
        setting(before)
        for pod in scene.namespace.pods():  # it would try again minutes later
            if pod["metadata"]["name"] not in healthy:
                scene.namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")


# Takes memory beside the service in its container, up to a share of the limit, so many MiB a second, and keeps it until
# its input ends. Pages of a memory file belong to no process: where there is no more, the kernel kills the largest one,
# which is the service, as it would if the service had taken them.
TAKE = """
import os, sys, time
share, rate = float(sys.argv[1]), float(sys.argv[2])
path, names = "/sys/fs/cgroup/memory/memory.%s_in_bytes", ("usage", "limit")
if not os.path.exists(path % "limit"):
    path, names = "/sys/fs/cgroup/memory.%s", ("current", "max")
used, limit = (lambda name=name: int(open(path % name).read()) for name in names)
memory = os.memfd_create("taken")
while used() < share * limit():
    os.write(memory, bytes(1 << 20))
    time.sleep(1 / rate)
sys.stdin.read()
"""


@contextmanager
def beside(scene: Scene, pod: str, program: str, *arguments: str) -> Iterator[None]:
    """A Python program in a pod's container, until its input ends."""
    command = ("kubectl", "--namespace", scene.namespace.name, "exec", "--stdin", pod, "--", "python", "-c", program)
    with subprocess.Popen(
        [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.communicate(timeout=30)


@contextmanager
def memory_taken(scene: Scene, share: float, rate: float) -> Iterator[Words]:
    """The memory of one pod grows."""
    pod = a_pod(scene)
    with beside(scene, pod, TAKE, str(share), str(rate)):
        yield {"POD": pod}


def memory_creeps(scene: Scene) -> Broken:
    """It grows to 95 % of the limit, and stays."""
    return memory_taken(scene, 0.95, 10)


def memory_out(scene: Scene) -> Broken:
    """It grows past the limit, at once."""
    return memory_taken(scene, 2, 1000)


def a_pod(scene: Scene) -> str:
    """The name of one of the service's."""
    name: str = scene.namespace.pods()[0]["metadata"]["name"]
    return name


# Stops the service's process in a pod for 0.4 s in each 0.8 s, until its input ends. Nobody in its container can stop
# the first one there, so this is run on the node.
STOP_AND_GO = """
for path in /proc/[0-9]*; do
    grep -qs "$1" "$path/cgroup" && tr '\\0' ' ' <"$path/cmdline" | grep -q "scrap serve" && process=${path#/proc/}
done
[ -n "$process" ] || exit 1
trap 'kill -CONT "$process"' EXIT
while read -rt 0.4 || [ $? -gt 128 ]; do
    kill -STOP "$process"
    sleep 0.4
    kill -CONT "$process"
done
"""


@contextmanager
def loop_blocked(scene: Scene) -> Iterator[Words]:
    """One pod's process is stopped half of the time, as a page that costs so much would have it."""
    pod = scene.namespace.pods()[0]
    group = pod["metadata"]["uid"].replace("-", "[-_]")  # systemd's names of control groups have no hyphen
    command = [*provider().shell(pod["spec"]["nodeName"]), "bash", "-c", STOP_AND_GO, "stop", group]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield {"POD": pod["metadata"]["name"]}
        finally:
            process.communicate(timeout=30)
        assert process.returncode == 0, "it was found and stopped"


# Four loops; their end is that of the input.
BUSY = """
import os, signal, sys
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        signal.alarm(300)
        while True:
            pass
    children.append(child)
sys.stdin.read()
for child in children:
    os.kill(child, signal.SIGKILL)
"""


def idle(scene: Scene) -> None:
    """Waits until nobody else saturates this machine."""
    until("the CPU is not saturated", lambda: "ScrapNodeCPU/info" not in scene.observer.now(), 300)


@contextmanager
def cpu_saturated(scene: Scene) -> Iterator[Words]:
    """Four loops run beside the service in one pod, and take all that the node has."""
    pod = a_pod(scene)
    with beside(scene, pod, BUSY):
        yield {"POD": pod}


@contextmanager
def node_unplugged(_: Scene) -> Iterator[Words]:
    """The last node drops off the network, with one of the two pods."""
    node = nodes()[-1]
    provider().cut_off(node)
    try:
        yield {"NODE": node}
    finally:
        provider().reconnect(node)
        run("kubectl", "wait", "--for", "condition=Ready", f"node/{node}", "--timeout=120s")


def spread(scene: Scene) -> None:
    """One pod on each of two nodes, and the operator on the first, so that one thing is lost and not three.

    Raises:
        CannotError: there are not two nodes, or DNS and monitoring are on the last one, too.
    """
    first, last = nodes()[0], nodes()[-1]

    def on(component: str) -> list[str]:
        return sorted(pod["spec"].get("nodeName", "") for pod in scene.namespace.pods(component))

    items = json.loads(run("kubectl", "get", "pods", "-A", "-o", "json"))["items"]
    if len(nodes()) != 2 or any(is_needed(pod) and pod["spec"].get("nodeName") == last for pod in items):
        raise CannotError(f"{provider().name}: there are not two nodes with DNS and monitoring on the first")
    run("kubectl", "cordon", last)
    try:
        if on("operator") != [first]:
            scene.namespace.kubectl("rollout", "restart", "deployment/scrap-operator")
            scene.namespace.kubectl("rollout", "status", "deployment/scrap-operator", "--timeout=60s")
    finally:
        run("kubectl", "uncordon", last)
    if on("service") != [first, last]:
        scene.namespace.kubectl("delete", "pod", a_pod(scene))
        until("a pod on each node", lambda: on("service") == [first, last], 60)


def is_needed(pod: Object) -> bool:
    """Would the matrix see nothing without this pod? Pods of DaemonSets are on each node."""
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
    is_dns = pod["metadata"].get("labels", {}).get("k8s-app") == "kube-dns"
    return (is_dns or pod["metadata"]["namespace"] == STACK) and "DaemonSet" not in owners


@contextmanager
def disk_written(scene: Scene, write: Callable[[], None]) -> Iterator[Words]:
    """The small disk is written to."""
    disk = scene.disk
    write()
    metrics = scene.stack.ask(f"query?query=node_filesystem_size_bytes{{{disk.selector}}}")["result"]
    try:
        yield {"DEVICE": metrics[0]["metric"]["device"]}
    finally:
        disk.empty()


def usual(scene: Scene) -> None:
    """Waits until it is known that the small disk does not grow, usually.

    Raises:
        CannotError: there is none.
    """
    assert scene.disk
    flat = f"query?query={quote('scrap:node_filesystem_fill:usual < 0.001')}"  # no other disk is measured
    until("the disk is flat, usually", lambda: bool(scene.stack.ask(flat)["result"]), 240)


@contextmanager
def disk_fills(scene: Scene) -> Iterator[Words]:
    """1.7 % of its size every two seconds, until 12 % are left."""
    over = threading.Event()

    def writes() -> None:
        for _ in range(50):
            scene.disk.write(1)
            if over.wait(2):
                return

    thread = threading.Thread(target=writes)
    with disk_written(scene, thread.start) as words:
        try:
            yield words
        finally:
            over.set()
            thread.join()


def write_down_to(scene: Scene, share: float) -> None:
    """Leaves so much of the small disk."""
    left, size = (
        scene.stack.value(f"node_filesystem_{what}_bytes{{{scene.disk.selector}}}") for what in ("avail", "size")
    )
    scene.disk.write(round((left - share * size) / 2**20))


def nearly_full(scene: Scene) -> None:
    """One large file leaves 17 %, and after a while that is usual, so that a little more is no growth."""
    usual(scene)
    write_down_to(scene, 0.17)
    left = f"node_filesystem_avail_bytes{{{scene.disk.selector}}} / node_filesystem_size_bytes"
    until("it is measured", lambda: scene.stack.value(left) < 0.18, 30)
    until("that is usual", lambda: scene.stack.value("scrap:node_filesystem_fill:usual") > 3, 120)


def disk_is_full(scene: Scene) -> Broken:
    """A little more leaves 12.5 %, and that is all."""
    return disk_written(scene, lambda: write_down_to(scene, 0.125))


@contextmanager
def wrong_label(scene: Scene) -> Iterator[Words]:
    """The ServiceMonitor's label names another release than the stack's."""

    def label(release: str) -> None:
        scene.namespace.kubectl("label", "--overwrite", "servicemonitor", "scrap", f"release={release}")
        until("Prometheus has loaded it", lambda: hurried(lambda: taken(scene) == (release == OURS)), 90)

    try:
        label("monitoring")
        yield {}
    finally:
        label(OURS)


def taken(scene: Scene) -> bool:
    """Has Prometheus our ServiceMonitor in its configuration?"""
    return f"serviceMonitor/{scene.namespace.name}/scrap/" in scene.stack.ask("status/config")["yaml"]


def hurried(holds: Callable[[], bool]) -> bool:
    """Whether it holds, with the kubelet urged beforehand."""
    hurry()
    return holds()


@contextmanager
def secret_missing(scene: Scene) -> Iterator[Words]:
    """The Secret with the webhooks is gone, and with it all of our routes."""

    def routed() -> bool:
        return f"{scene.namespace.name}/scrap/critical" in scene.stack.alertmanager_configuration()

    scene.namespace.kubectl("delete", "secret", "scrap-slack")
    try:
        until("the routes are gone", lambda: hurried(lambda: not routed()), 90)
        yield {}
    finally:
        slack_secret(scene.namespace)
        until("the routes are back", lambda: hurried(routed), 90)


@contextmanager
def slack_fails(scene: Scene) -> Iterator[Words]:
    """Slack answers 500. That shows when something is to be said: here a test alert, as `make alert-test` sends it."""

    def slack(app: str) -> None:
        patch = {"spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]}}
        MONITORING.kubectl("patch", "service", "slack", "--type", "merge", "--patch", json.dumps(patch))

    trial = Trial(f"http://{MONITORING.address(ALERTMANAGER)}:9093", scene.namespace.name, "warning")
    slack("slack-failing")
    try:
        trial.fire(120)
        yield {}
    finally:
        slack("slack")
        trial.fire(0)


@contextmanager
def alertmanager_dead(_: Scene) -> Iterator[Words]:
    """There is no Alertmanager."""
    with no_alertmanager():
        yield {}


@contextmanager
def cache_gone(scene: Scene) -> Iterator[Words]:
    """The shared cache is killed."""
    scene.cache.kill()
    try:
        yield {}
    finally:
        scene.cache.start()


@contextmanager
def forbidden_wave(scene: Scene) -> Iterator[Words]:
    """Somebody asks for the cloud's metadata, ten times a second."""
    host = scene.namespace.address()
    wave = Traffic(host, lambda number: f"http://169.254.169.254/latest/meta-data/{number}", 10)
    with wave.calling():
        yield {}
