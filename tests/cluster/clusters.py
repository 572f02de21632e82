"""A real cluster, with its tools: the one that a provider (providers/choice.py) gave to KUBECONFIG."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from tests.chart.rendering import CHART

Object: TypeAlias = dict[str, Any]

IMAGE = os.environ.get("SCRAP_TEST_IMAGE", "localhost/scrap:dev")
NEXT_IMAGE = os.environ.get("SCRAP_TEST_NEXT_IMAGE", "localhost/scrap:next")
STACK = "monitoring"  # the namespace of Prometheus and all that
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}


class CommandError(Exception):
    """A command failed; its own words."""


def run(*command: str | Path, given: str | None = None) -> str:
    """What a command prints.

    Args:
        given: its standard input.

    Raises:
        CommandError: it failed.
    """
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def until(what: str, holds: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: it did not come.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.2)


@cache
def nodes() -> list[str]:
    """The nodes that pods run on, in order, as they were at first: the last one may be taken away.

    Webs and monitoring stay on the first.
    """
    found = json.loads(run("kubectl", "get", "nodes", "-o", "json"))["items"]
    return sorted(
        node["metadata"]["name"]
        for node in found
        if all(taint["effect"] == "PreferNoSchedule" for taint in node["spec"].get("taints", []))
    )


class Namespace:
    """A namespace of a test's own, where Pod Security *restricted* is enforced."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create(self) -> None:
        """Makes it."""
        metadata = {"name": self.name, "labels": RESTRICTED}
        run(
            "kubectl",
            "apply",
            "-f",
            "-",
            given=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}),
        )

    def delete(self) -> None:
        """Ends it and all that is in it; its pods at once, for the grace of each would be waited for."""
        run("kubectl", "delete", "namespace", self.name, "--wait=false")  # nothing is made in it from now on
        self.kubectl("delete", "pods", "--all", "--force", "--wait=false")
        run("kubectl", "wait", "--for=delete", f"namespace/{self.name}", "--timeout=120s")

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """kubectl, in this namespace."""
        return run("kubectl", "--namespace", self.name, *arguments, given=given)

    def get(self, *arguments: str) -> Object:
        """An object, or a list of them."""
        found: Object = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def helm(self, *arguments: str | Path, values: Object | None = None, helm: str = "helm") -> str:
        """helm or helm3, in this namespace; values are given as a file."""
        if values is None:
            return run(helm, "--namespace", self.name, *arguments)
        image, _, tag = IMAGE.rpartition(":")
        whole = {"image": {"repository": image, "tag": tag}, **values}
        return run(helm, "--namespace", self.name, *arguments, "--values", "-", given=json.dumps(whole))

    def install(self, values: Object, *, release: str = "scrap", helm: str = "helm") -> str:
        """`helm install` of the chart, until it is ready; gives what it says."""
        return self.helm("install", release, CHART, "--wait", "--timeout", "120s", values=values, helm=helm)

    def upgrade(self, values: Object, *, release: str = "scrap", helm: str = "helm") -> str:
        """`helm upgrade` to these values, until it is ready; gives what it says."""
        return self.helm("upgrade", release, CHART, "--wait", "--timeout", "180s", values=values, helm=helm)

    def pods(self, component: str = "service") -> list[Object]:
        """Pods of the service, those on their way out as well."""
        items: list[Object] = self.get("pods", "-l", f"app.kubernetes.io/component={component}")["items"]
        return items

    def address(self, service: str = "scrap") -> str:
        """The cluster address of a Service."""
        address: str = self.get("service", service)["spec"]["clusterIP"]
        return address


@contextmanager
def working(work: Callable[[], None], stopped: threading.Event) -> Iterator[None]:
    """Has a thread work within the block; it ends when `stopped` is set, which is at the block's end."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def hurry() -> None:
    """Has the kubelet bring what Prometheus and Alertmanager are to read to them: now, and not within a minute."""
    made = ("pods", "-l", "app.kubernetes.io/managed-by=prometheus-operator")
    Namespace(STACK).kubectl("annotate", "--overwrite", *made, f"hurry={time.time()}")


# Serves what `answer` says of a path: a status, header fields, a body.
SERVE = """
import http.server

class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, fields, body = answer(self.path)
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer.request_queue_size = 256
http.server.ThreadingHTTPServer(("", 8080), Web).serve_forever()
"""


# Takes what is posted, with a status of its own, gives it back as JSON, and forgets it.
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

    def do_DELETE(self):
        KEPT.clear()
        self.answer(200, b"")

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("", 8080), Receiver).serve_forever()
"""


def start(namespace: Namespace, name: str, program: str) -> None:
    """Runs a Python program that listens at port 8080, until it does, as a Service of this name at port 80."""
    labels = {"app": name}
    container = {
        "name": name,
        "image": IMAGE,
        "command": ["python", "-c", program],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": {"kubernetes.io/hostname": nodes()[0]},  # another one is drained
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    namespace.kubectl("apply", "-f", "-", given=json.dumps(deployment) + "\n" + json.dumps(service))
    namespace.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")


def start_web(namespace: Namespace, answer: str) -> None:
    """Runs a web as Service `web`; see `may_scrape` for the settings that the service needs.

    Args:
        answer: a Python program that defines what `SERVE` asks.
    """
    start(namespace, "web", answer + SERVE)


def merged(one: Object, other: Object) -> Object:
    """Both, maps by maps."""
    both = {name: merged(one[name], other[name]) for name in one.keys() & other.keys() if isinstance(one[name], dict)}
    return {**one, **other, **both}


@cache
def networks() -> list[str]:
    """The networks of the cluster's Services and pods; 10.244.0.0/16 where the nodes do not say theirs."""
    found = json.loads(run("kubectl", "get", "nodes", "-o", "json"))["items"]
    pods = {network for node in found for network in node["spec"].get("podCIDRs", ["10.244.0.0/16"])}
    services = ip_network(f"{Namespace('default').address('kubernetes')}/16", strict=False)
    return [str(services), *sorted(pods)]


def may_scrape(namespace: Namespace) -> Object:
    """The settings that let the service fetch `web` and the pods of `helm test`, by name and by address."""
    return {
        "allowedHosts": [f".{namespace.name}.svc"],
        "allowedNetworks": networks(),
        "allowedPorts": [80, 443, 8080],
    }


def call(page: str) -> str:
    """The path that asks the service for a page."""
    return f"/api/v1/scrap?url={quote(page, safe='')}"
