"""What is broken in the story, beside what the alerts' scene can take away."""

from tests.cluster.clusters import STACK, Namespace, run


def delete_prometheus() -> None:
    """Kills it; the next one knows nothing of before, unless it has a volume."""
    run("kubectl", "-n", STACK, "delete", "pod", "--force", "-l", "app.kubernetes.io/name=prometheus")


def delete_a_pod(namespace: Namespace) -> str:
    """Has one pod of the service end, as an eviction would; its name."""
    name: str = min(pod["metadata"]["name"] for pod in namespace.pods())
    namespace.kubectl("delete", "pod", name, "--wait=false")
    return name
