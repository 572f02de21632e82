"""What is broken in the story, and mended again when the block ends."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chart.rendering import ROOT
from tests.cluster.clusters import STACK, Namespace, run

RESTART = ROOT.parent / "shared" / "cluster" / "restart"
STACK_NAME = "kube-prometheus-stack"


@contextmanager
def no_alertmanager() -> Iterator[None]:
    """There is none within the block; afterwards there is one that has forgotten everything."""
    _alertmanagers(0)
    try:
        run(
            "kubectl",
            "-n",
            STACK,
            "wait",
            "--for=delete",
            f"pod/alertmanager-{STACK_NAME}-alertmanager-0",
            "--timeout=60s",
        )
        yield
    finally:
        _alertmanagers(1)


def _alertmanagers(replicas: int) -> None:
    wanted = f'{{"spec": {{"replicas": {replicas}}}}}'
    run(
        "kubectl",
        "-n",
        STACK,
        "patch",
        "alertmanager",
        f"{STACK_NAME}-alertmanager",
        "--type=merge",
        f"--patch={wanted}",
    )


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
