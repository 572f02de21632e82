"""minikube, with Docker: https://minikube.sigs.k8s.io."""

import shutil
from pathlib import Path
from typing import ClassVar

from tests.cluster.providers.docker_nodes import DockerNodes
from tests.cluster.providers.provider import call


class Minikube(DockerNodes):
    """A profile of its own, with as many nodes as are asked for. Made, used, removed."""

    name = "minikube"
    tools: ClassVar[tuple[str, ...]] = (*DockerNodes.tools, "minikube")

    @property
    def network(self) -> str:
        return self.cluster

    @property
    def control_plane(self) -> str:
        return self.cluster

    def up(self) -> None:
        self.down()
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        self._minikube("start", "--driver", "docker", "--nodes", str(self.nodes), "--wait", "all")

    def down(self) -> None:
        self._minikube("delete")
        shutil.rmtree(self.kubeconfig.parent, ignore_errors=True)

    def load(self, image: str) -> None:
        self._minikube("image", "load", image)

    def export_logs(self, folder: Path) -> None:
        super().export_logs(folder)
        self._minikube("logs", "--file", str(folder / "cluster.txt"))

    def _minikube(self, *arguments: str) -> None:
        call("minikube", "--profile", self.cluster, *arguments, **self.outside())
