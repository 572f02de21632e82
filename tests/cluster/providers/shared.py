"""The cluster of ../shared/cluster: nodes in namespaces of this machine, with a stand-in for kube-prometheus-stack."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.chart.rendering import CACHE, ROOT
from tests.cluster.providers.provider import Provider, call, output

COLLISION = "device-plugins/kubelet.sock: bind: address already in use"


class SharedCluster(Provider):
    """Scripts, one for each thing that a provider does. SHARED: the folder that has them, in `cluster`."""

    name = "shared"
    tools: ClassVar[tuple[str, ...]] = ()  # `setup` brings them

    def __init__(self, cluster: str, nodes: int = 1, *, api_alone: bool = False) -> None:
        super().__init__(cluster, nodes)
        self._api_alone = api_alone

    @classmethod
    def missing(cls) -> str:
        return "" if scripts().is_dir() else f"no {os.path.relpath(scripts(), ROOT)} here"

    def setup(self) -> None:
        self._script("setup")

    def up(self) -> None:
        try:
            self._up()
        except subprocess.CalledProcessError:
            if not self._kubelets_collided():
                raise
            self._up()

    def _up(self) -> None:
        self._script("up", *(["api"] if self._api_alone else []), NODES=str(self.nodes))

    def _kubelets_collided(self) -> bool:
        """Whether a kubelet ended because another one made the socket that both had just removed.

        Its path is fixed in kubelet's code, and the nodes of this cluster share their files.
        """
        logs = self._state().glob("log/kubelet-*.log")
        return any(COLLISION in log.read_text(errors="replace") for log in logs)

    def down(self) -> None:
        self._script("down")

    def api(self) -> Provider:
        return SharedCluster(f"{self.cluster}-api", api_alone=True)

    def build(self, image: str, **arguments: str) -> None:
        flags = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        self._script("build", str(ROOT), image, *flags)

    def stack(self) -> None:
        self._script("monitoring")  # which takes INTERVAL, too

    def command(self, *command: str) -> list[str]:
        return [str(scripts() / "run"), *command]

    def environment(self) -> dict[str, str]:
        return {"CLUSTER": self.cluster}

    def labels(self, image: str) -> str:
        return json.dumps(
            json.loads(output("buildah", "inspect", "--type", "image", image))["OCIv1"]["config"]["Labels"]
        )

    def export_logs(self, folder: Path) -> None:
        super().export_logs(folder)
        shutil.copytree(self._state() / "log", folder / "cluster", dirs_exist_ok=True)

    def restart(self, part: str, pause: int) -> None:
        self._script("restart", part, str(pause), quiet=True)

    def cut_off(self, node: str) -> None:
        self._script("unplug", node.removeprefix("node-"))

    def reconnect(self, node: str) -> None:
        self._script("unplug", node.removeprefix("node-"), "back")

    def make_disk(self, mebibytes: int) -> None:
        self._script("disk", str(mebibytes))

    def write_disk(self, mebibytes: int) -> None:
        self._script("disk", "write", str(mebibytes), quiet=True)

    def empty_disk(self) -> None:
        self._script("disk", "empty")

    def shell(self, node: str) -> list[str]:
        """All nodes have the same processes and mounts."""
        process = (self._state() / "pid").read_text().strip()
        return ["nsenter", "--target", process, "--mount", "--pid", "--"]

    def host(self) -> str:
        return "192.168.250.1"

    def build_command(self) -> str:
        return f"{scripts() / 'build'} ."

    def _state(self) -> Path:
        return CACHE / "clusters" / self.cluster

    def _script(self, name: str, *arguments: str, quiet: bool = False, **environment: str) -> None:
        path, given = scripts() / name, {"CLUSTER": self.cluster, **environment}
        if quiet:  # what it starts keeps its output open
            nowhere = subprocess.DEVNULL
            subprocess.run([path, *arguments], check=True, env={**os.environ, **given}, stdout=nowhere, stderr=nowhere)
        else:
            call(path, *arguments, **given)


def scripts() -> Path:
    """The folder of the cluster's scripts."""
    return (ROOT / os.environ.get("SHARED", "../shared") / "cluster").resolve()
