"""What stands around the service in the story: a web with varied pages, clients, and what is in Slack's place."""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.chart.rendering import ROOT
from tests.cluster.alerts.scene import Capture, Message, fetch
from tests.cluster.clusters import IMAGE, Namespace, Object, until
from tests.cluster.story.service_access import ServiceAccess, answers

PODS = Path(__file__).parent / "pods"
# What the pods run, by its path in them.
PROGRAMS = {file.name: file for file in PODS.glob("*.py")} | {
    "tests/varied_pages.py": ROOT / "tests" / "varied_pages.py"
}
PAUSE = 0.64  # seconds that the web takes for a page


class Town:
    """The pods around the service, in its namespace.

    Args:
        access: the way to them.
    """

    def __init__(self, namespace: Namespace, access: ServiceAccess) -> None:
        self.namespace = namespace
        self._access = access

    def build(self) -> None:
        """Starts the web and Slack, until they serve."""
        text = {file.name: file.read_text() for file in PROGRAMS.values()}
        self._create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pods"}, "data": text})
        self._start("web", "origin", PAUSE=str(PAUSE))
        self._start("slack", "slack")
        channels = [
            f"--from-literal={each}=http://slack.{self.namespace.name}.svc/{each}" for each in ("critical", "warning")
        ]
        self.namespace.kubectl("create", "secret", "generic", "scrap-slack", *channels)

    def call(self) -> None:
        """Starts the clients, at a rate of 0; the service has to be there.

        They name the web by its address, so that no name server is in the way.
        """
        self._start("load", "load", SERVICE=self.namespace.address(), WEB=f"http://{self.namespace.address('web')}")

    def leave(self) -> None:
        """Ends them all."""
        self.namespace.kubectl("delete", "deployment,service", "--selector", "story", "--wait=true")

    def rate(self, calls: float) -> None:
        """Has so many calls made a second, from now on."""
        fetch(f"{self._load}/rate?rate={calls}")

    def seconds(self, after: int) -> Iterator[tuple[int, Any]]:
        """What became of the calls, by seconds that have ended since."""
        for at, second in sorted(json.loads(fetch(f"{self._load}/seconds?after={after}")).items()):
            yield int(at), second

    def messages(self) -> list[Message]:
        """What came to the channels."""
        return Capture(self._slack).messages()

    def close_the_web(self) -> None:
        """No page can be fetched: connections are refused, as where a server is down and its machine is not."""
        self._lead(9)

    def open_the_web(self) -> None:
        """They can again."""
        self._lead(8080)

    def wait_for_new_pods(self) -> None:
        """Waits until a pod that was not there before is led to: by the scheduler, kubelet, controllers and proxy."""
        self._start("anew", "slack")
        try:
            until("it is led to", lambda: answers(self.namespace.address("anew"), 80), 90)
        finally:
            self.namespace.kubectl("delete", "deployment,service", "anew")

    def _lead(self, port: int) -> None:
        ports = json.dumps({"spec": {"ports": [{"port": 80, "targetPort": port}]}})
        self.namespace.kubectl("patch", "service", "web", "--patch", ports)

    @cached_property
    def _load(self) -> str:
        return self._access.url("load", self.namespace.name, 80)

    @cached_property
    def _slack(self) -> str:
        return self._access.url("slack", self.namespace.name, 80)

    def _create(self, *objects: Object) -> None:
        self.namespace.kubectl("create", "-f", "-", given="\n".join(map(json.dumps, objects)))

    def _start(self, name: str, program: str, **environment: str) -> None:
        self._create(deployment(name, program, environment), service(name))
        self.namespace.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s")


def deployment(name: str, program: str, environment: dict[str, str]) -> Object:
    """A pod that runs one of `pods/` with what the service's image has."""
    labels = {"app": name, "story": ""}
    container = {
        "name": name,
        "image": IMAGE,
        "command": ["python", "-m", "uvicorn", f"{program}:app", "--app-dir", "/pods", "--host", "0.0.0.0"],
        "args": ["--port", "8080", "--no-access-log", "--log-level", "warning", "--backlog", "512"],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "pods", "mountPath": "/pods"}],
    }
    items = [{"key": file.name, "path": path} for path, file in PROGRAMS.items()]
    spec = {
        "containers": [container],
        "volumes": [{"name": "pods", "configMap": {"name": "pods", "items": items}}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }


def service(name: str) -> Object:
    """The pod's address, at port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"story": ""}},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
