"""Access to a Service for those who are not inside the cluster's network."""

import json
import subprocess

import pytest

from tests.cluster.alerts.scene import Stack, fetch
from tests.cluster.clusters import until
from tests.cluster.story.service_access import ServiceAccess


@pytest.mark.parametrize("outside", [False, True])
def test_a_service_is_reached_from_inside_and_from_outside(outside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if outside:
        monkeypatch.setenv("STORY_FORWARD", "1")
    with ServiceAccess() as access:
        prometheus = Stack(access.url).prometheus
        assert prometheus.startswith("http://127.0.0.1:") == outside
        assert json.loads(fetch(f"{prometheus}/api/v1/status/buildinfo"))["status"] == "success"


def test_a_way_that_breaks_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `kubectl port-forward` does with the pod that it leads to."""
    monkeypatch.setenv("STORY_FORWARD", "1")

    def answers() -> bool:
        try:
            return bool(fetch(f"{prometheus}/-/ready"))
        except OSError:
            return False

    with ServiceAccess() as access:
        prometheus = Stack(access.url).prometheus
        assert answers()
        (group,) = access.groups
        subprocess.run(["pkill", "--pgroup", str(group), "kubectl"], check=True)
        until("it leads there again", answers, 30)
