"""The list of clients of every pod, by the command that the notes and the runbooks print."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.rendering import ROOT
from tests.cluster.clusters import Namespace

COMMAND = re.compile(r"^ *(for pod in .*/clients.*)$", re.MULTILINE)
# From a pod to each of these addresses; the guard blocks what it asks for.
SEND = """
import sys, urllib.error, urllib.request
for address in sys.argv[1:]:
    try:
        request = urllib.request.Request(f"http://{address}:8080/api/v1/scrap?url=http%3A%2F%2F127.0.0.1%2F")
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        print(error.code)
"""


@pytest.fixture(scope="module")
def noted(namespace: Namespace) -> Iterator[str]:
    """The command of the notes of a release with two pods, each of which has got a request of the first."""
    values = {
        "replicaCount": 2,
        "preStopSeconds": 1,
        "config": {"logClients": "full", "linger": 0},
        "monitoring": {"serviceMonitor": {"enabled": False}},
    }
    (command,) = COMMAND.findall(namespace.install(values))
    addresses = sorted(pod["status"]["podIP"] for pod in namespace.pods())
    sender = namespace.pods()[0]["metadata"]["name"]
    assert namespace.kubectl("exec", sender, "--", "python", "-c", SEND, *addresses).split() == ["403", "403"]
    yield command
    namespace.helm("uninstall", "scrap", "--wait")


def listed(command: str, environment: dict[str, str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """The clients of each pod, as a shell prints them."""
    run = subprocess.run(
        ["bash", "-c", command], env=os.environ | (environment or {}), capture_output=True, text=True, check=True
    )
    lists = re.split(r"^pod/(.*)$", run.stdout, flags=re.MULTILINE)[1:]
    return {pod: json.loads(text)["clients"] for pod, text in zip(lists[::2], lists[1::2], strict=True)}


def check(namespace: Namespace, lists: dict[str, list[dict[str, Any]]]) -> None:
    pods = namespace.pods()
    assert lists.keys() == {pod["metadata"]["name"] for pod in pods}
    for clients in lists.values():
        (row,) = clients
        assert row["client_address"] == pods[0]["status"]["podIP"]
        assert (row["requests"], row["failures"], row["blocked"]) == (1, 1, 1)
        assert row["user_agent"].startswith("Python-urllib/")


def test_the_command_of_the_notes_prints_the_list_of_each_pod(namespace: Namespace, noted: str) -> None:
    check(namespace, listed(noted))


@pytest.mark.parametrize("page", ["ScrapManyBlockedTargets", "ScrapRejectingLoad"])
def test_the_command_of_a_runbook_does_the_same(namespace: Namespace, noted: str, page: str) -> None:
    (command,) = COMMAND.findall((ROOT / "docs" / "runbooks" / f"{page}.md").read_text())
    check(namespace, listed(command, {"NS": namespace.name, "RELEASE": "scrap"}))
