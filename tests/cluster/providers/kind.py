"""kind: https://kind.sigs.k8s.io."""

import shutil
from pathlib import Path
from typing import ClassVar

from tests.chart.rendering import ROOT
from tests.cluster.providers.docker_nodes import DockerNodes, entering
from tests.cluster.providers.provider import call


class Kind(DockerNodes):
    """A cluster of k8s/kind.yaml's nodes: the control plane's and two for pods. Made, used, removed."""

    name = "kind"
    tools: ClassVar[tuple[str, ...]] = (*DockerNodes.tools, "kind")
    network = "kind"

    @property
    def control_plane(self) -> str:
        return f"{self.cluster}-control-plane"

    def up(self) -> None:
        self.down()
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        nodes = ("--config", str(ROOT / "k8s" / "kind.yaml"), "--wait", "120s")
        call("kind", "create", "cluster", *self._flags, *nodes)
        # In the node's network the API server has a port of its own; its certificate names this address.
        shutil.copy(self.kubeconfig, self._inside)
        server = ("--server", "https://127.0.0.1:6443", "--kubeconfig", str(self._inside))
        call("kubectl", "config", "set-cluster", f"kind-{self.cluster}", *server)

    def down(self) -> None:
        call("kind", "delete", "cluster", *self._flags)
        shutil.rmtree(self.kubeconfig.parent, ignore_errors=True)

    def load(self, image: str) -> None:
        call("kind", "load", "docker-image", image, "--name", self.cluster)

    def environment(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self._inside if entering() else self.kubeconfig)}

    def export_logs(self, folder: Path) -> None:
        super().export_logs(folder)
        call("kind", "export", "logs", str(folder / "cluster"), "--name", self.cluster)

    @property
    def _inside(self) -> Path:
        return self.kubeconfig.with_suffix(".inside")

    @property
    def _flags(self) -> tuple[str, ...]:
        return ("--name", self.cluster, "--kubeconfig", str(self.kubeconfig))
