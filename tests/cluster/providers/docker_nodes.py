"""Clusters whose nodes are containers of Docker on this machine."""

import os
import subprocess
import sys
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from tests.chart.rendering import ROOT
from tests.cluster.providers.provider import Provider, call, output

CLUSTERS = ROOT / ".cache" / "clusters"
# In these chains of a node passes all that it and its pods send and receive; nothing of Kubernetes uses them.
CABLE = (("PREROUTING", "--in-interface"), ("POSTROUTING", "--out-interface"))


class DockerNodes(Provider):
    """What is the same with kind and minikube. A command runs in the network of the control plane's node if it may.

    Attributes:
        network: Docker's, that the nodes are on.
    """

    tools: ClassVar[tuple[str, ...]] = (*Provider.tools, "docker")

    @property
    @abstractmethod
    def network(self) -> str:
        """Docker's network that the nodes are on."""

    @property
    @abstractmethod
    def control_plane(self) -> str:
        """The node that has the API server."""

    @property
    def kubeconfig(self) -> Path:
        """A file of this cluster's own: kubectl's own configuration stays as it is."""
        return CLUSTERS / self.cluster / "kubeconfig"

    @abstractmethod
    def load(self, image: str) -> None:
        """Copies an image from Docker to every node."""

    def build(self, image: str, **arguments: str) -> None:
        flags = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        call("docker", "build", "--tag", image, *flags, str(ROOT))
        self.load(image)

    def outside(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.kubeconfig)}

    def command(self, *command: str) -> list[str]:
        process = output("docker", "inspect", "--format", "{{.State.Pid}}", self.control_plane)
        enter = ["nsenter", f"--net=/proc/{process}/ns/net", "--"]
        match entering():
            case "root":
                return [*enter, *command]
            case "sudo":
                given = ["env", f"PATH={os.environ['PATH']}", f"HOME={Path.home()}"]
                return [*SUDO, *given, *enter, *SUDO, f"--user=#{os.getuid()}", *given, *command]
            case _:
                return list(command)

    def labels(self, image: str) -> str:
        return output("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image)

    def restart(self, part: str, pause: int) -> None:
        """It is stopped for so long and then killed; the kubelet starts it again."""
        stop = f"pkill -STOP --full ^{part}; sleep {pause}; pkill -KILL --full ^{part}"
        call(*self.shell(self.control_plane), "sh", "-c", stop)

    def cut_off(self, node: str) -> None:
        self._cable(node, "--insert")

    def reconnect(self, node: str) -> None:
        self._cable(node, "--delete")

    def shell(self, node: str) -> list[str]:
        return ["docker", "exec", "--interactive", node]

    def host(self) -> str:
        gateways = output(
            "docker", "network", "inspect", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}", self.network
        )
        return next(address for address in gateways.split() if ":" not in address)

    def _cable(self, node: str, change: str) -> None:
        for chain, interface in CABLE:
            rule = (change, chain, interface, "eth0", "--jump", "DROP")
            call(*self.shell(node), "iptables", "--table", "mangle", *rule)


SUDO = ("sudo", "--non-interactive", "--preserve-env")


def entering() -> str:
    """How a node's network can be entered: `root`, `sudo`, or not at all, as where Docker has a machine of its own."""
    if not sys.platform.startswith("linux"):
        return ""
    if os.geteuid() == 0:
        return "root"
    try:
        subprocess.run([*SUDO, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return "sudo"
