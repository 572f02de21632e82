"""The operator explains itself: what kubectl prints of it, and the commands of the page that goes by reason."""

import os
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.cluster.operator.conftest import ROOT, Firing, Json, KubeNamespace, documented, wait_for
from tests.waiting import eventually

PAGE = (ROOT / "docs/scaling-reasons.md").read_text()
# Of pods, which nobody runs here.
NO_OUTPUT = "get pods"


def conflict_once(namespace: KubeNamespace) -> None:
    """An autoscaler comes and goes."""
    namespace.kubectl("autoscale", "deployment/scrap", "--min=1", "--max=9", "--name=by-cpu")
    wait_for(namespace, "Conflict")
    namespace.kubectl("delete", "hpa", "by-cpu")
    wait_for(namespace, "Held")


def test_what_repeats_is_one_event_with_a_count_and_describe_prints_it(
    namespace: KubeNamespace, signals: Firing, scaler: Callable[..., Json]
) -> None:
    namespace.deploy(replicas=3)
    signals.fire("Hold")
    # Slower than the other tests': where a busy machine delays a poll for the warm-up, that is an event as well.
    slower = {"interval": "2s", "timeout": "2s", "settle": "6s"}
    namespace.kubectl("apply", "--filename", "-", given=scaler(source=scaler()["spec"]["source"] | slower))
    wait_for(namespace, "Held")
    for _ in range(3):
        conflict_once(namespace)

    def counted() -> bool:
        return {event["reason"]: event.get("series", {}).get("count") for event in namespace.events()} == {
            "Settling": None,
            "Held": 4,
            "Conflict": 3,
        }

    eventually(counted)
    described = namespace.kubectl("describe", "alertscaler", "scrap")
    for line in (
        r"  Message: +hold fires: no fewer than 3 replicas\.",
        r"  Warning +Conflict +\S+ \(x3 over \S+\) +scrap-operator +HorizontalPodAutoscaler/by-cpu scales .+",
        r"  Normal +Held +\S+ \(x4 over \S+\) +scrap-operator +hold fires: no fewer than 3 replicas\.",
    ):
        assert re.search(f"^{line}$", described, re.MULTILINE), (line, described)
    assert "<unset>" not in described
    assert "<unknown>" not in described
    listed = namespace.kubectl("events", "--for", "alertscaler/scrap")
    assert "(x3 over" in listed


def test_each_command_of_the_page_runs_as_printed(namespace: KubeNamespace, scaler: Callable[..., Json]) -> None:
    """As the administrator, in a namespace with the objects of a release; variables are set once, as the page says."""
    namespace.deploy()
    namespace.kubectl("apply", "--filename", "-", given=scaler())
    wait_for(namespace, "Steady")
    first, *commands = [
        line
        for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
        for line in block.replace("\\\n", "").splitlines()
    ]
    assert first == "NS=scrap RELEASE=scrap MONITORING=monitoring"
    variables = {"NS": namespace.name, "RELEASE": "scrap", "MONITORING": namespace.name}
    for command in commands:
        done = subprocess.run(
            ["bash", "-euc", command], env=os.environ | variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        assert NO_OUTPUT in command or done.stdout.strip(), command


@pytest.mark.parametrize("fallback", ["Hold", None])
def test_an_object_that_an_older_crd_stored_is_accepted_and_can_be_written_again(
    bare: KubeNamespace, definition: None, fallback: str | None
) -> None:
    """Whatever a chart or a GitOps repository still applies is what the first revision of the CRD stored."""
    sample = documented("sample")
    if fallback:
        sample["spec"]["fallback"] = fallback
    bare.kubectl("create", "--filename", "-", given=sample)
    stored = bare.get("alertscaler", "scrap")
    assert stored["spec"]["fallback"] == "Hold"
    bare.kubectl("replace", "--filename", "-", given=stored)
    bare.kubectl("patch", "alertscaler", "scrap", "--type=merge", '--patch={"spec": {"fallback": 6}}')
    assert bare.get("alertscaler", "scrap")["spec"]["fallback"] == 6
