"""A cluster for tests: what they ask of it, whoever makes it. A class for each way to have one."""

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NoReturn

from tests.chart.rendering import ROOT

STACK_SCRIPT = ROOT / "k8s" / "stack"


class CannotError(Exception):
    """A provider cannot do something; which one, and why. What needs it is skipped, and says this."""


class Provider(ABC):
    """A cluster.

    Args:
        cluster: its name, where this provider gives it one.
        nodes: on which pods may run, where this provider makes them.

    Attributes:
        name: the value of PROVIDER.
        tools: commands that have to be installed.
    """

    name: ClassVar[str]
    tools: ClassVar[tuple[str, ...]] = ("kubectl", "helm")

    def __init__(self, cluster: str, nodes: int = 1) -> None:
        self.cluster = cluster
        self.nodes = nodes

    @classmethod
    def missing(cls) -> str:
        """What has to be installed for it; empty: nothing."""
        absent = [tool for tool in cls.tools if not shutil.which(tool)]
        return f"{' and '.join(absent)} not installed" if absent else ""

    @classmethod
    def may_be_taken(cls) -> bool:
        """Whether it is used where PROVIDER names none."""
        return True

    def setup(self) -> None:
        """Prepares this machine; what it takes is not the cluster's time."""
        call("kubectl", "version", "--client")

    @abstractmethod
    def up(self) -> None:
        """Makes the cluster, where this provider does."""

    @abstractmethod
    def down(self) -> None:
        """Removes what `up` and `stack` made."""

    def api(self) -> "Provider | None":
        """A second cluster beside this one, an API server without nodes; None: the tests use this one."""
        return None

    @abstractmethod
    def build(self, image: str, **arguments: str) -> None:
        """Builds our image with these build arguments, and loads it."""

    def stack(self) -> None:
        """Installs kube-prometheus-stack with our values, scrapes and evaluations INTERVAL apart."""
        interval = os.environ.get("INTERVAL", "10s")
        flags = (f"prometheus.prometheusSpec.{kind}Interval={interval}" for kind in ("scrape", "evaluation"))
        call(STACK_SCRIPT, "up", STACK_FLAGS=f"--set {','.join(flags)}", **self.outside())

    def outside(self) -> dict[str, str]:
        """The environment of a command that reaches the cluster from this machine's network."""
        return {}

    def command(self, *command: str) -> list[str]:
        """The command line that runs a command in the cluster's network, or as near as can be."""
        return list(command)

    def environment(self) -> dict[str, str]:
        """The environment of such a command."""
        return self.outside()

    def labels(self, image: str) -> str:
        """An image's labels, as JSON."""
        self.cannot(f"the labels of {image} are not known here")

    def export_logs(self, folder: Path) -> None:
        """Writes the state of all objects and the logs of the pods; of the cluster's own parts where it can."""
        folder.mkdir(parents=True, exist_ok=True)
        objects = ("kubectl", "get", "all,events", "--all-namespaces", "--output", "wide")
        dump = ("kubectl", "cluster-info", "dump", "--all-namespaces", "--output-directory", str(folder / "dump"))
        for command, file in ((objects, folder / "state.txt"), (dump, Path(os.devnull))):
            with file.open("w") as target:
                given = {**os.environ, **self.environment()}
                subprocess.run(self.command(*command), check=False, env=given, stdout=target, timeout=120)

    def restart(self, part: str, pause: int) -> None:
        """Ends a part of the cluster, such as `kube-apiserver`, which is back after so many seconds."""
        self.cannot(f"the {part} of this cluster cannot be restarted from here")

    def cut_off(self, node: str) -> None:
        """Has a node drop off the network."""
        self.cannot(f"{node} cannot be cut off the network from here")

    def reconnect(self, node: str) -> None:
        """Has it come back."""
        self.cannot(f"{node} cannot come back")

    def make_disk(self, mebibytes: int) -> None:
        """Gives the first node an empty small disk, at /mnt/scrap-disk, that node-exporter sees."""
        self.cannot("a node has no small disk of its own to fill")

    def write_disk(self, mebibytes: int) -> None:
        """Writes so much more to that disk."""
        self.cannot(f"there is no disk for {mebibytes} MiB")

    def empty_disk(self) -> None:
        """Empties it."""
        self.cannot("there is no disk to empty")

    def shell(self, node: str) -> list[str]:
        """The command line before a command that root runs on a node, among its processes and mounts."""
        self.cannot(f"no command can be run on {node} from here")

    def host(self) -> str:
        """This machine's address, as the cluster's pods reach it."""
        self.cannot("pods do not reach this machine")

    def build_command(self) -> str:
        """A command that builds an image from the folder it is run in and loads it; the image's name is appended."""
        self.cannot("it has no single command that builds and loads an image")

    def cannot(self, why: str) -> NoReturn:
        """
        Raises:
            CannotError: always.
        """
        raise CannotError(f"{self.name}: {why}")


def call(*command: str | Path, **environment: str) -> None:
    """Runs a command whose output people see."""
    subprocess.run(command, check=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)


def output(*command: str | Path, **environment: str) -> str:
    """What a command prints, without blanks around it."""
    given = {**os.environ, **environment}
    return subprocess.run(command, check=True, env=given, stdout=subprocess.PIPE, text=True).stdout.strip()
