"""The cluster of kubectl's current context: somebody's. It is left as it was found."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.cluster.providers.provider import STACK_SCRIPT, Provider, call

CONTEXT = ("kubectl", "config", "current-context")
# Contexts of clusters on a developer's own machine, as the tools that make them name them.
LOCAL = re.compile(r"docker-desktop|rancher-desktop|orbstack|microk8s|minikube|colima.*|(?:k3d|kind)-.*")
PROMETHEUS = ("get", "prometheus", "kube-prometheus-stack-prometheus", "--namespace", "monitoring")


class Current(Provider):
    """A cluster that is there, and that has the images already unless BUILD says how it gets one.

    BUILD is a command that builds and loads an image, with its name as the last argument, as k8s/up has it.
    """

    name = "current"
    tools: ClassVar[tuple[str, ...]] = Provider.tools

    def __init__(self, cluster: str, nodes: int = 1) -> None:
        super().__init__(cluster, nodes)
        self._stack_is_ours = False

    @classmethod
    def missing(cls) -> str:
        return super().missing() or ("" if succeeds(*CONTEXT) else "kubectl has no current context")

    @classmethod
    def may_be_taken(cls) -> bool:
        """Only one on this machine: a test deletes Prometheus, drains nodes and takes DNS away."""
        context = subprocess.run(CONTEXT, capture_output=True, text=True, check=True).stdout.strip()
        return LOCAL.fullmatch(context) is not None

    def up(self) -> None:
        """It is up."""

    def stack(self) -> None:
        """Installs the stack where there is none."""
        self._stack_is_ours = not succeeds("kubectl", *PROMETHEUS)
        if self._stack_is_ours:
            super().stack()

    def down(self) -> None:
        if self._stack_is_ours:
            call(STACK_SCRIPT, "down")

    def build(self, image: str, **arguments: str) -> None:
        """By BUILD, which takes no arguments but the image; without it the cluster has the image."""
        if build := os.environ.get("BUILD"):
            call(*shlex.split(build), image)

    def outside(self) -> dict[str, str]:
        return {"KUBECONFIG": os.environ.get("KUBECONFIG", str(Path.home() / ".kube" / "config"))}


def succeeds(*command: str) -> bool:
    """Does a command succeed?"""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
