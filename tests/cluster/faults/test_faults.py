"""The fault matrix: one fault at a time, does monitoring find it, and is the right person notified?

`make faults`; the rows it finds are in docs/faults.md. About twenty minutes.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.cluster.alerts.scene import ALERTMANAGER, fetch
from tests.cluster.clusters import STACK, Namespace, nodes, run, until
from tests.cluster.faults import report, runbook
from tests.cluster.faults.faults import FAULTS, InjectedFault, Way
from tests.cluster.faults.observer import Fired
from tests.cluster.faults.scene import CPU, RATE, SILENCE, Scene, made, shortened
from tests.cluster.providers.provider import CannotError

pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with made() as found:
        yield found


@pytest.fixture(scope="module")
def rows(scene: Scene) -> Iterator[dict[str, report.Row]]:
    """What was found, written when all are through, whatever became of them."""
    found: dict[str, report.Row] = {}
    yield found
    report.write(found, shortened(scene.intervals, nodes()[0]), versions(scene), RATE)


def versions(scene: Scene) -> str:
    """What it ran on."""
    kubernetes = json.loads(run("kubectl", "version", "-o", "json"))["serverVersion"]["gitVersion"]
    prometheus = scene.stack.ask("status/buildinfo")["version"]
    status = fetch(f"http://{Namespace(STACK).address(ALERTMANAGER)}:9093/api/v2/status")
    alertmanager = json.loads(status)["versionInfo"]["version"]
    return f"Kubernetes {kubernetes}, Prometheus {prometheus}, Alertmanager {alertmanager}"


def notification(scene: Scene, fault: InjectedFault, since: float) -> str:
    """Waits until a person is notified by the way that there is; what Slack got."""

    def is_notified() -> bool:
        firing = [message for message in scene.slack.about(fault.alert) if not message.resolved]
        return any(message.channel == fault.severity for message in firing)

    left = since + scene.intervals.patience(fault.seconds) + 30 - time.time()
    match fault.way:
        case Way.SLACK:
            until(f"Slack's #{fault.severity} is notified", is_notified, left)
            return f"#{fault.severity}, after {time.time() - since:.0f} s: {scene.slack.about(fault.alert)[0].title}"
        case Way.SECOND:
            until("the second way notifies", lambda: scene.pager.received(fault.alert, since), left)
        case Way.HEARTBEAT:
            until("the heartbeat has stopped", lambda: scene.pager.silent_for() > SILENCE, left + SILENCE)
        case Way.NOBODY:
            assert scene.slack.messages() == []
    assert scene.slack.about(fault.alert) == []
    return str(fault.way.value)


def cause(fault: InjectedFault, said: str, words: dict[str, str]) -> str:
    """What the runbook's check says of the cause.

    Raises:
        AssertionError: nothing.
    """
    found = re.search(runbook.filled(fault.cause, words), said, re.MULTILINE)
    assert found, f"{fault.alert}.md's check does not name the cause ({fault.cause}):\n{said}"
    begin = said.rfind("\n", 0, found.end()) + 1
    line, end = said[begin:].partition("\n")[0], found.end() - begin
    shown = line[:110] if end <= 110 else f"…{line[end - 110 : end]}"
    return f"[{fault.alert}](runbooks/{fault.alert}.md): `{shown.strip()}`"


def in_words(fired: list[Fired], since: float) -> str:
    """Alerts with their severities and times."""
    return ", ".join(f"{one.alert} ({one.severity}, {one.at - since:.0f} s)" for one in fired) or "nothing"


def today() -> str:
    """The day of the run."""
    return datetime.now(UTC).date().isoformat()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name.replace(" ", "-") for fault in FAULTS])
def test_it_is_found(fault: InjectedFault, scene: Scene, rows: dict[str, report.Row]) -> None:
    try:
        rows[fault.name] = injected(fault, scene)
    except CannotError as error:
        rows[fault.name] = report.Row.skipped(fault.name, str(error), today())
        raise


def injected(fault: InjectedFault, scene: Scene) -> report.Row:
    """The row of a fault, which is made, found and undone."""
    scene.calm()
    if fault.prepared:
        fault.prepared(scene)
        scene.calm()
    scene.slack.forget()
    expected = f"{fault.alert}/{fault.severity}"
    since = time.time()
    with fault.broken(scene) as words:
        until(
            f"{expected} fires",
            lambda: expected in {fired.name for fired in scene.observer.since(since)},
            since + scene.intervals.patience(fault.seconds) - time.time(),
        )
        slack = notification(scene, fault, since)
        fill = runbook.words(Namespace(STACK), scene.intervals)
        said = runbook.run(fault.alert, scene.stack, fill | words)
        over = time.time()
    scene.calm()

    fired = [one for one in scene.observer.since(since) if one.alert == fault.alert or one.alert != CPU]
    noticed = scene.traffic.noticed(since, over)
    print(f"{fault.name}: {noticed}; {in_words(fired, since)}; {slack}")
    assert fired[0].name == (fault.first or expected)
    assert {one.name for one in fired} - fault.companions - {fault.first} == {expected}
    assert fault.served[0] <= 100 * noticed.share <= fault.served[1], noticed
    return report.Row(
        name=fault.name,
        noticed=f"{fault.notices}. {noticed}",
        alert=f"{fired[0].alert}, {fired[0].severity}",
        after=f"{fired[0].at - since:.0f} s",
        others=in_words(fired[1:], since),
        slack=slack,
        check=cause(fault, said, words),
        shortened=report.shortened(shortened(scene.intervals, nodes()[0]), fault.alert),
        run=today(),
    )
