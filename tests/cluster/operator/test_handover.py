"""The operator is switched off again: who owns the count then, with both Helms."""

import json
import subprocess

import pytest

from tests.chart.rendering import CHART, tool
from tests.cluster.operator.conftest import Namespace

pytestmark = [pytest.mark.needs("helm", "helm3"), pytest.mark.usefixtures("definition")]


def helm(program: str, namespace: Namespace, *arguments: str, enabled: bool) -> subprocess.CompletedProcess[str]:
    """Installs or upgrades the chart; nothing runs here, and nothing is waited for."""
    values = {"replicaCount": 3, "operator": {"enabled": enabled}, "monitoring": {"lookup": False}}
    command = [str(tool(program)), "--namespace", namespace.name, *arguments, "scrap", str(CHART), "--values", "-"]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)


def scaled(program: str, namespace: Namespace) -> Namespace:
    """A release that its operator has scaled to 5."""
    done = helm(program, namespace, "install", enabled=True)
    assert done.returncode == 0, done.stderr
    patch = json.dumps({"spec": {"replicas": 5}})
    scale = ("--subresource=scale", "--field-manager=scrap-operator", "--type=merge", f"--patch={patch}")
    namespace.kubectl("patch", "deployment", "scrap", *scale)
    return namespace


@pytest.fixture
def released(bare: Namespace) -> Namespace:
    """Without the objects that the release brings itself."""
    for kind in ("rolebinding", "role", "serviceaccount"):
        bare.kubectl("delete", kind, "scrap-operator")
    return bare


def test_helm_4_says_who_owns_it_and_takes_it_when_told(released: Namespace) -> None:
    scaled("helm", released)
    refused = helm("helm", released, "upgrade", enabled=False)
    assert 'conflict with "scrap-operator"' in refused.stderr
    assert released.replicas() == 5
    done = helm("helm", released, "upgrade", "--force-conflicts", enabled=False)
    assert done.returncode == 0, done.stderr
    assert released.replicas() == 3


def test_helm_3_takes_it_without_a_word(released: Namespace) -> None:
    scaled("helm3", released)
    done = helm("helm3", released, "upgrade", enabled=False)
    assert done.returncode == 0, done.stderr
    assert released.replicas() == 3
