"""The operator is switched off again: the count is the chart's at once, with both Helms."""

import json
import subprocess

import pytest

from scrap_operator import kube
from scrap_operator.model import Reference
from tests.chart.rendering import CHART, tool
from tests.cluster.operator.conftest import KubeNamespace

pytestmark = [pytest.mark.needs("helm", "helm3"), pytest.mark.usefixtures("definition")]


def helm(program: str, namespace: KubeNamespace, command: str, *, operated: bool) -> None:
    """Installs or upgrades the chart; nothing runs here, and nothing is waited for."""
    values = {"replicaCount": 3, "operator": {"enabled": operated}, "monitoring": {"lookup": False}}
    arguments = ["--namespace", namespace.name, command, "scrap", str(CHART), "--values", "-"]
    done = subprocess.run(
        [str(tool(program)), *arguments], input=json.dumps(values), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def released(bare: KubeNamespace) -> KubeNamespace:
    """Without the objects that the release brings itself."""
    for kind in ("rolebinding", "role", "serviceaccount"):
        bare.kubectl("delete", kind, "scrap-operator")
    return bare


@pytest.mark.parametrize("program", ["helm", "helm3"])
@pytest.mark.parametrize("before", [False, True], ids=["on later", "on from the start"])
async def test_switching_it_off_gives_the_count_back(released: KubeNamespace, program: str, before: bool) -> None:
    helm(program, released, "install", operated=before)
    if not before:
        assert released.replicas() == 3
        helm(program, released, "upgrade", operated=True)
    async with kube.new_client(kube.log_in()) as client:
        target = Reference("apps/v1", "Deployment", "scrap")
        await kube.Kube(client, released.name).write_replicas(target, 5, instead_of=released.replicas())
    helm(program, released, "upgrade", operated=True)
    assert released.replicas() == 5
    helm(program, released, "upgrade", operated=False)
    assert released.replicas() == 3
