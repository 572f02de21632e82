"""Access to a Service: by its address inside the cluster's network, else by `kubectl port-forward`."""

import contextlib
import os
import re
import signal
import socket
import subprocess
from contextlib import ExitStack

from tests.cluster.clusters import Namespace, run, until


class ServiceAccess(ExitStack):
    """The URLs of Services; closing it ends the port-forwards that it started.

    Attributes:
        groups: of their processes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []

    def url(self, service: str, namespace: str, port: int) -> str:
        """Where a Service answers."""
        if is_inside():
            return f"http://{Namespace(namespace).address(service)}:{port}"
        return f"http://127.0.0.1:{self._forward(service, namespace, port)}"

    def _forward(self, service: str, namespace: str, port: int) -> int:
        """A port of this machine that leads there as long as this is open.

        kubectl ends when the pod does that it leads to, or the API server; it is started again then.
        """
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            local: int = free.getsockname()[1]
        again = f"while :; do kubectl -n {namespace} port-forward service/{service} {local}:{port}; sleep 1; done"
        process = subprocess.Popen(["sh", "-c", again], stdout=subprocess.DEVNULL, process_group=0)
        self.groups.append(process.pid)
        self.callback(process.wait)
        self.callback(os.killpg, process.pid, signal.SIGTERM)
        until(f"a way to {service}", lambda: answers("127.0.0.1", local))
        return local


def is_inside() -> bool:
    """Do Services answer here by their addresses?"""
    if os.environ.get("STORY_FORWARD"):
        return False
    found = run("kubectl", "get", "service", "kubernetes", "--namespace", "default", "-o", "jsonpath={.spec.clusterIP}")
    return answers(re.sub(r"\s", "", found), 443)


def answers(host: str, port: int) -> bool:
    """Does somebody listen there?"""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False
