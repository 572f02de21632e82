"""The fault matrix: one fault at a time, does monitoring find it, and is the right person notified?

`make faults`; the rows it finds are in docs/faults.md. About forty minutes.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from tests.cluster.alerts.scene import ALERTMANAGER, fetch
from tests.cluster.clusters import STACK, Namespace, nodes, run, until
from tests.cluster.faults import breaking, report, runbook
from tests.cluster.faults.faults import InjectedFault, Way, groups
from tests.cluster.faults.observer import Fired
from tests.cluster.faults.runbook import RunbookCommand
from tests.cluster.faults.scene import CPU, NAME, RATE, SILENCE, Scene, made, shortened
from tests.cluster.faults.traffic import Noticed
from tests.cluster.intervals import Intervals
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

    def firing() -> list[str]:
        """The titles, without that of an earlier fault's end."""
        found = [message for message in scene.slack.about(fault.alert) if not message.resolved]
        return [message.title for message in found if message.channel == fault.severity]

    left = since + scene.intervals.patience(fault.seconds) + 30 - time.time()
    match fault.way:
        case Way.SLACK:
            until(f"Slack's #{fault.severity} is notified", lambda: bool(firing()), left)
            return f"#{fault.severity}, after {time.time() - since:.0f} s: {firing()[0]}"
        case Way.SECOND:
            until("the second way notifies", lambda: scene.pager.received(fault.alert, since), left)
        case Way.HEARTBEAT:
            until("the heartbeat has stopped", lambda: scene.pager.silent_for() > SILENCE, left + SILENCE)
        case Way.NOBODY:
            assert scene.slack.messages() == []
    assert scene.slack.about(fault.alert) == []
    return str(fault.way.value)


def cause(fault: InjectedFault, said: list[tuple[RunbookCommand, str]], words: dict[str, str]) -> str:
    """The command of the runbook that names the cause, and the line that does; empty where none does."""
    pattern = re.compile(runbook.filled(fault.cause, words), re.MULTILINE)
    for command, shown in said:
        if found := pattern.search(shown):
            begin = shown.rfind("\n", 0, found.end()) + 1
            line, end = shown[begin:].partition("\n")[0], found.end() - begin
            part = line[:110] if end <= 110 else f"…{line[end - 110 : end]}"
            return f"[{fault.alert}](runbooks/{fault.alert}.md): `{command.text}` → `{part.strip()}`"
    return ""


def in_full(said: list[tuple[RunbookCommand, str]]) -> str:
    """All commands, and what they show."""
    return "\n".join(f"{command.text}\n{text}" for command, text in said)


def in_words(fired: list[Fired], since: float) -> str:
    """Alerts with their severities and times."""
    return ", ".join(f"{one.alert} ({one.severity}, {one.at - since:.0f} s)" for one in fired) or "nothing"


def today() -> str:
    """The day of the run."""
    return datetime.now(UTC).date().isoformat()


@pytest.mark.parametrize("group", groups(), ids=lambda group: "+".join(each.name for each in group).replace(" ", "-"))
def test_it_is_found(group: tuple[InjectedFault, ...], scene: Scene, rows: dict[str, report.Row]) -> None:
    try:
        with ExitStack() as around:
            for fault in group:
                if fault.around:
                    around.enter_context(fault.around(scene))
            rows |= {row.name: row for row in injected(group, scene)}
    except CannotError as error:
        rows |= {fault.name: report.Row.skipped(fault.name, str(error), today()) for fault in group}
        raise


def injected(group: tuple[InjectedFault, ...], scene: Scene) -> list[report.Row]:
    """The rows of faults that are made at once, found and undone."""
    scene.calm()
    for fault in group:
        if fault.prepared:
            fault.prepared(scene)
            scene.calm()
    scene.slack.forget()
    begun, said = time.time(), []
    with ExitStack() as broken:
        made = [(fault, time.time(), broken.enter_context(fault.broken(scene))) for fault in group]
        for fault, since, words in made:
            said.append(found(fault, scene, words, since) if fault.alert else (not_to_be_found(fault, scene), "-"))
        over = time.time()
    scene.calm()

    fired = [one for one in scene.observer.since(begun) if one.name in expected(group) or one.alert != CPU]
    noticed = scene.traffic.noticed(begun, over)
    names = ", ".join(fault.name for fault in group)
    print(f"{names}: {noticed}; {in_words(fired, begun)}; {said}; {time.time() - begun:.0f} s")
    allowed = expected(group).union(*(fault.companions | fault.first for fault in group))
    assert expected(group) <= {one.name for one in fired} <= allowed
    return [
        row(fault, [one for one in fired if one.name in mine(fault)], since, noticed, *shown, scene.intervals)
        for (fault, since, _), shown in zip(made, said, strict=True)
    ]


def expected(group: tuple[InjectedFault, ...]) -> frozenset[str]:
    """The alerts that have to fire."""
    return frozenset(f"{fault.alert}/{fault.severity}" for fault in group if fault.alert)


def mine(fault: InjectedFault) -> frozenset[str]:
    """All alerts that a fault may have."""
    return expected((fault,)) | fault.companions | fault.first


def row(
    fault: InjectedFault,
    fired: list[Fired],
    since: float,
    noticed: Noticed,
    slack: str,
    check: str,
    intervals: Intervals,
) -> report.Row:
    """What was found of one fault."""
    assert fault.served[0] <= 100 * noticed.share <= fault.served[1], noticed
    if fault.alert:
        assert fired[0].name in (fault.first or expected((fault,)))
    return report.Row(
        name=fault.name,
        noticed=f"{fault.notices}. {noticed}",
        alert=f"{fired[0].alert}, {fired[0].severity}" if fired else "none",
        after=f"{fired[0].at - since:.0f} s" if fired else "-",
        others=in_words(fired[1:], since),
        slack=slack,
        check=check,
        shortened=report.shortened(shortened(intervals, nodes()[0]), fault.alert) if fired else "-",
        run=today(),
    )


def found(fault: InjectedFault, scene: Scene, words: dict[str, str], since: float) -> tuple[str, str]:
    """Waits for the alert and its message; what Slack got, and the runbook's command that names the cause."""
    try:
        until(
            f"{fault.alert} fires",
            lambda: expected((fault,)) <= {fired.name for fired in scene.observer.since(since)},
            since + scene.intervals.patience(fault.seconds) - time.time(),
        )
    except TimeoutError as error:
        error.add_note(f"{in_words(scene.observer.since(since), since)}; {scene.traffic.noticed(since, time.time())}")
        raise
    slack = notification(scene, fault, since)
    given = {"NS": scene.namespace.name, "RELEASE": NAME, "POD": breaking.a_pod(scene), "NODE": nodes()[-1], **words}
    patience = time.time() + 20  # a container that has just begun again has no log
    while True:
        said = runbook.check(fault.alert, scene.stack, given, runbook.windows(scene.intervals))
        if (named := cause(fault, said, words)) or time.time() > patience:
            assert named, f"{fault.alert}.md's commands do not name the cause ({fault.cause}):\n{in_full(said)}"
            return slack, named


def not_to_be_found(fault: InjectedFault, scene: Scene) -> str:
    """Looks on for a while, in which nothing may fire; why that is right."""
    deadline = time.time() + fault.seconds
    until("it has been looked at for long enough", lambda: bool(scene.firing()) or time.time() > deadline, 600)
    return f"nothing, as it should: {fault.nobody}"
