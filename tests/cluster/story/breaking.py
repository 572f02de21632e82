"""What is broken in the story, beside what the alerts' scene can take away."""

import subprocess

from tests.chart.rendering import ROOT
from tests.cluster.clusters import STACK, Namespace, run

RESTART = ROOT.parent / "shared" / "cluster" / "restart"


def delete_prometheus() -> None:
    """Kills it; the next one knows nothing of before, unless it has a volume."""
    run("kubectl", "-n", STACK, "delete", "pod", "--force", "-l", "app.kubernetes.io/name=prometheus")


def api_server_paused(seconds: int) -> None:
    """Kills the API server, which is back after so long; returns when it is started.

    Raises:
        FileNotFoundError: this cluster is somebody else's.
    """
    subprocess.run(
        [RESTART, "kube-apiserver", str(seconds)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def delete_a_pod(namespace: Namespace) -> str:
    """Has one pod of the service end, as an eviction would; its name."""
    name: str = min(pod["metadata"]["name"] for pod in namespace.pods())
    namespace.kubectl("delete", "pod", name, "--wait=false")
    return name
