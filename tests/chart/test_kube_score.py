"""kube-score's opinion: nothing critical, but for what is argued here."""

import subprocess

import pytest
import yaml

from tests.chart.rendering import MATRIX, MATRIX_OF_KINDS, is_hook, render, tool

pytestmark = pytest.mark.needs("helm", "kube-score")

EVERYTHING = {**MATRIX, **MATRIX_OF_KINDS}

# Who switches the policy and the budget off, or leaves the user to OpenShift, wants what is critical there.
WANTED = {"nothing that can be left out", "a network policy for OpenShift, with metrics for everybody"}

ACCEPTED = {
    # A version is built once: the image that is there is the right one, and a registry that is down stops no rollout.
    "container-image-pull-policy",
    # One process uses one core at most; a limit would only throttle its event loop, and with it every client.
    "--ignore-container-cpu-limit",
}


@pytest.mark.parametrize("name", sorted(EVERYTHING.keys() - WANTED))
def test_nothing_is_critical(name: str) -> None:
    flags = [item if item.startswith("--") else f"--ignore-test={item}" for item in sorted(ACCEPTED)]
    command = [str(tool("kube-score")), "score", "--output-format", "ci", *flags, "-"]
    # Not the pods of `helm test`, which have to reach whatever the test asks.
    installed = yaml.safe_dump_all(item for item in render(EVERYTHING[name]) if not is_hook(item))
    done = subprocess.run(command, input=installed, capture_output=True, text=True, check=False)
    assert "[OK]" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("[CRITICAL]")] == []
