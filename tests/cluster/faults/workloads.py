"""What goes wrong with pods that run: too little CPU, no descriptors, restarts, a new version."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.cluster.clusters import until
from tests.cluster.faults.breaking import Words, a_pod
from tests.cluster.faults.origins import wave
from tests.cluster.faults.scene import Scene
from tests.cluster.providers.choice import provider

DEPLOYMENT = "deployment/scrap"


def rolled_out(scene: Scene) -> None:
    """Waits until the new pods are there and the old ones are not."""
    scene.namespace.kubectl("rollout", "status", DEPLOYMENT, "--timeout=120s")
    until("both pods serve", scene.ready, 90)


@contextmanager
def throttled(scene: Scene) -> Iterator[Words]:
    """A CPU limit of 75m for each pod that runs, by a resize in place, and 70 calls a second of impatient clients.

    With less CPU or more calls no scrape ends in time, and ScrapDown fires; otherwise all is answered, or rejected.
    """

    def resize(limit: str) -> None:
        resources = {"limits": {"cpu": limit}, "requests": {"cpu": "50m"}}
        patch = {"spec": {"containers": [{"name": "scrap", "resources": resources}]}}
        for pod in scene.namespace.pods():
            name = pod["metadata"]["name"]
            scene.namespace.kubectl("patch", "pod", name, "--subresource", "resize", "--patch", json.dumps(patch))

    try:
        with wave(scene, 70, patience=1.2).calling():
            resize("75m")
            yield {}
    finally:
        resize("2")  # it cannot be taken away
        scene.namespace.kubectl("rollout", "restart", DEPLOYMENT)
        rolled_out(scene)


# Finds the service's process in a pod, whose control group has this word in its name; run on the node.
PROCESS = """
for path in /proc/[0-9]*; do
    grep -qs "$1" "$path/cgroup" && tr '\\0' ' ' <"$path/cmdline" | grep -q "scrap serve" && process=${path#/proc/}
done
[ -n "$process" ] || exit 1
"""


def on_its_node(pod: dict[str, dict[str, str]], script: str) -> None:
    """Runs a script, which knows the service's process as $process."""
    group = pod["metadata"]["uid"].replace("-", "[-_]")  # systemd's names of control groups have no hyphen
    command = [*provider().shell(pod["spec"]["nodeName"]), "bash", "-c", PROCESS + script, "process", group]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


# Lets the service open so many descriptors more than it has, or as many as it may.
DESCRIPTORS = """
import os, resource, sys
_, most = resource.prlimit(1, resource.RLIMIT_NOFILE)
more = sys.argv[1:]
resource.prlimit(1, resource.RLIMIT_NOFILE, (len(os.listdir("/proc/1/fd")) + int(more[0]) if more else most, most))
"""


@contextmanager
def out_of_descriptors(scene: Scene) -> Iterator[Words]:
    """One of the two pods may open one descriptor more than it has: a client's connection, and no fetch."""
    pod = a_pod(scene)
    program = ("exec", pod, "--", "python", "-c", DESCRIPTORS)
    scene.namespace.kubectl(*program, "1")
    try:
        yield {"POD": pod}
    finally:
        scene.namespace.kubectl(*program)


@contextmanager
def restarted(scene: Scene) -> Iterator[Words]:
    """One pod's process is killed, and again each time that Kubernetes has started it, three times."""
    pod = scene.namespace.pods()[0]
    name = pod["metadata"]["name"]

    def runs_after(restarts: int) -> bool:
        (state,) = scene.namespace.get("pod", name)["status"]["containerStatuses"]
        return bool(state["ready"]) and state["restartCount"] == restarts

    for count in range(3):
        until(f"it runs after {count} restarts", partial(runs_after, count), 60)
        on_its_node(pod, 'kill -KILL "$process"')
    try:
        yield {"POD": name}
    finally:
        scene.namespace.kubectl("delete", "pod", name)


@contextmanager
def rolled_back(scene: Scene, *change: str) -> Iterator[Words]:
    """A change of the Deployment, undone as the runbook says."""
    scene.namespace.kubectl(*change)
    try:
        yield {}
    finally:
        scene.namespace.kubectl("rollout", "undo", DEPLOYMENT)
        rolled_out(scene)


@contextmanager
def rollout_crashes(scene: Scene) -> Iterator[Words]:
    """A new version cannot start; the pods of the one before are healthy."""
    with rolled_back(scene, "set", "env", DEPLOYMENT, "SCRAP_MAX_FETCHES=many") as words:
        yield words


# The service with a profiler that does nothing, for each call of a function.
TWICE = "import sys; sys.setprofile(lambda *_: None); from scrap.cli import main; main()"


@contextmanager
def deploy_twice_as_slow(scene: Scene) -> Iterator[Words]:
    """A new version needs at least twice the CPU for all that it does."""
    container = {"name": "scrap", "command": ["python", "-c", TWICE]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    with rolled_back(scene, "patch", DEPLOYMENT, "--patch", json.dumps(patch)) as words:
        rolled_out(scene)
        yield words
