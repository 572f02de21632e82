"""The whole story: load comes, it hurts, Slack says so, replicas follow, it stops hurting, and nothing was lost.

Each chapter begins where the one before it ended, so they run in order, and the first that fails ends the story
(`--exitfirst`). `make story` runs all of it, `make story ARGS=--short` with shorter windows and fewer faults. Windows
are in scene.py, what may be when is in wrong.py; bounds follow from the stack's intervals.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.alerts.scene import Message, no_alertmanager
from tests.cluster.clusters import NEXT_IMAGE, until
from tests.cluster.providers.choice import provider
from tests.cluster.providers.provider import CannotError
from tests.cluster.story.breaking import delete_a_pod, delete_prometheus
from tests.cluster.story.record import Event
from tests.cluster.story.scene import (
    CALM,
    DURATIONS,
    ENOUGH,
    HALVED,
    MAXIMUM,
    MINIMUM,
    OBJECTIVE,
    SATURATED,
    TOO_MUCH,
    TWICE,
    hold,
    values,
)
from tests.cluster.story.stage import Stage
from tests.cluster.story.wrong import NO_SOURCE, NO_WEB, SIGNALS, TOO_SLOW, wrong
from tests.cluster.story.wrong import TOO_MUCH as TOO_MUCH_ALERTS

TO_WRITTEN, TO_READY = 30.0, 60.0  # seconds from the alert, at most
# All that the chart and the operator may make; and what is in the namespace without them.
KINDS = (
    "all,alertscalers,configmaps,secrets,serviceaccounts,roles,rolebindings,poddisruptionbudgets,networkpolicies,"
    "servicemonitors,prometheusrules,alertmanagerconfigs,leases"
)
NOT_OURS = {"kube-root-ca.crt", "default", "pods", "scrap-slack"}
LATEST = 4  # seconds old may the last record of the calls be
LATELY = 10  # seconds of which a quantile is taken
SPARE = 30  # seconds beside what follows from the intervals: half of them are of Alertmanager and the machine
POLL = 15 + 2  # seconds between two polls of the operator, and of one


@contextmanager
def chapter(stage: Stage, letter: str, title: str) -> Iterator[Event]:
    """A chapter, in which nothing may be that has no place there."""
    began = stage.record.happen("chapter", letter, title)
    yield began
    until("the calls are recorded", lambda: stage.record.ticks[-1].at > time.time() - LATEST, 30)
    calls = stage.record.calls(began.at)
    stage.record.figure(f"{letter}: calls", calls.ok + calls.shed + calls.web + calls.failed.total())
    stage.record.figure(f"{letter}: refused", calls.shed)
    stage.record.figure(f"{letter}: failed", calls.failed.total())
    stage.record.figure(f"{letter}: replica changes", changes(stage, began))
    assert wrong(stage.record, began.at) == []


def look_on(seconds: float) -> None:
    """Lets time pass under a load; whatever happens is in the record."""
    time.sleep(seconds)


def changes(stage: Stage, since: Event) -> int:
    """How often the replicas were changed."""
    return len(stage.record.found("desired", since=since.at))


def fires(stage: Stage, alert: str, since: Event, seconds: float) -> Event:
    """Waits for an alert to fire, so long at intervals of 5 s; when it did."""
    patience = stage.intervals.patience(seconds)
    until(f"{alert} fires", lambda: bool(stage.record.found("alert", alert, since.at)), patience)
    return stage.record.found("alert", alert, since.at)[0]


def has(stage: Stage, replicas: int, since: Event, seconds: float, *, ready: bool = True) -> float:
    """Waits for so many replicas, desired or ready; seconds since an event."""
    kind = "ready" if ready else "desired"
    until(f"{replicas} {kind} replicas", lambda: bool(stage.record.found(kind, str(replicas), since.at)), seconds)
    return stage.record.found(kind, str(replicas), since.at)[0].at - since.at


def slowest_hundredth(stage: Stage) -> float:
    """Milliseconds of the 99th percentile, lately."""
    return stage.record.calls(time.time() - LATELY - 2).quantile(0.99)


def about(stage: Stage, alert: str) -> list[Message]:
    """The messages about an alert: a firing one links to its runbook, a resolved one names it."""
    return [
        message
        for message in stage.town.messages()
        if f"/{alert}.md|Runbook>" in message.text or f"✅ {alert} is resolved" in message.text
    ]


def is_notified(stage: Stage, alert: str, channel: str, seconds: float) -> None:
    """One message, in the right channel, that says what to do."""
    until(f"{alert} is notified", lambda: bool(about(stage, alert)), stage.intervals.patience(seconds))
    (message,) = about(stage, alert)
    assert message.channel == channel
    assert message.title.startswith("🔴 [" if channel == "critical" else "🟠 [")
    assert "*To do* " in message.text


def is_over(stage: Stage, alert: str, channel: str, seconds: float) -> None:
    """A second message, in the same channel, that says that it is over."""
    until(f"{alert} is notified as resolved", lambda: len(about(stage, alert)) > 1, stage.intervals.patience(seconds))
    assert [(message.channel, message.resolved) for message in about(stage, alert)] == [
        (channel, False),
        (channel, True),
    ]


def test_a_calm(stage: Stage) -> None:
    with chapter(stage, "a", "calm: few calls, and nothing fires") as began:
        stage.town.rate(CALM)
        look_on(DURATIONS.calm)
        ended = time.time()
        until("the calls are recorded", lambda: stage.record.ticks[-1].at >= ended, 30)
        assert stage.record.calls(began.at, ended).ok > CALM * (DURATIONS.calm - 5)
        assert stage.record.found("alert", since=began.at) == []
        assert changes(stage, began) == 0


def test_b_twice_what_a_pod_can_carry(stage: Stage) -> None:
    with chapter(stage, "b", "twice what one pod can carry: it hurts, and pods come") as began:
        stage.town.rate(TWICE)
        usual = stage.intervals.fires(SATURATED)
        saturated = fires(stage, "ScrapSaturated", began, 120)
        stage.record.figure("b: load to alert", saturated.at - began.at, "s")
        stage.record.figure("b: load to alert, by the intervals", usual, "s")
        written = has(stage, MINIMUM + 1, saturated, TO_WRITTEN, ready=False)
        stage.record.figure("b: alert to written replicas", written, "s")
        ready = has(stage, MINIMUM + 1, saturated, TO_READY)
        stage.record.figure("b: alert to ready pods", ready, "s")
        until("the objective is kept again", lambda: slowest_hundredth(stage) <= OBJECTIVE, 30)
        is_held(stage, 60)
        look_on(DURATIONS.steady)
        stage.record.figure("b: p99 at worst", max(seconds_p99(stage, began)), "ms")
        stage.record.figure("b: p99 at the end", slowest_hundredth(stage), "ms")
        assert saturated.at - began.at <= usual + SPARE
        assert written <= TO_WRITTEN
        assert ready <= TO_READY
        assert slowest_hundredth(stage) <= OBJECTIVE
        assert changes(stage, began) == 1


def seconds_p99(stage: Stage, since: Event) -> list[float]:
    """The 99th percentile of every ten seconds."""
    starts = range(int(since.at), int(time.time()) - LATELY, LATELY)
    return [calls.quantile(0.99) for start in starts if (calls := stage.record.calls(start, start + LATELY)).ms]


def test_c_half_of_it(stage: Stage) -> None:
    with chapter(stage, "c", "half of it: pods are held, and go when that is safe") as began:
        stage.town.rate(HALVED)
        is_held(stage, 30)
        down = has(stage, MINIMUM, began, gone_after(stage) + SPARE, ready=False)
        stage.record.figure("c: calm to fewer pods", down, "s")
        look_on(DURATIONS.steady)
        # The last look at the load before may be a scrape and an evaluation old, and the last poll that found it a
        # poll; from that on the steps down are stabilized.
        assert down >= hold(stage.intervals) - stage.intervals.noticed + DURATIONS.stabilization - POLL
        assert changes(stage, began) == 1


def is_held(stage: Stage, seconds: float) -> None:
    """Waits until the operator holds the replicas because an alert says so."""
    until("it is held", lambda: stage.reason() == "Held", stage.intervals.patience(seconds))


def gone_after(stage: Stage) -> float:
    """Seconds from less load to one pod fewer, at most: it is noticed, the look-back passes, the operator waits."""
    return stage.intervals.noticed + hold(stage.intervals) + DURATIONS.stabilization + POLL


def test_d_more_than_all_can_carry(stage: Stage) -> None:
    with chapter(stage, "d", "more than all pods can carry: people are called") as began:
        stage.town.rate(TOO_MUCH)
        saturated = fires(stage, "ScrapSaturated", began, 120)
        written = has(stage, MINIMUM + 1, saturated, TO_WRITTEN, ready=False)
        stage.record.figure("d: alert to written replicas", written, "s")
        # The fourth pod comes a minute after the third; with little CPU pods reject before all their slots are taken.
        for alert, channel in TOO_MUCH_ALERTS.items():
            is_notified(stage, alert, channel, 300)
        until("the critical message is recorded", lambda: bool(stage.record.found("slack", "critical", began.at)))
        notified = stage.record.found("slack", "critical", began.at)[0].at - began.at
        stage.record.figure("d: load to the first critical message", notified, "s")
        assert stage.record.calls(began.at).shed > 0
        stage.town.rate(ENOUGH)
        for alert, channel in TOO_MUCH_ALERTS.items():
            is_over(stage, alert, channel, 180)
        wait_for_resolved(stage, TOO_SLOW)
        assert changes(stage, began) == MAXIMUM - MINIMUM


def test_e_faults(stage: Stage) -> None:
    with chapter(stage, "e", "faults, one after the other: nothing is scaled in, and nothing is lost") as began:
        if DURATIONS.whole:
            alertmanager_is_gone(stage)
        prometheus_is_deleted(stage)
        if DURATIONS.whole:
            api_server_is_paused(stage)
        a_pod_is_deleted(stage)
        the_web_is_gone(stage)
        assert changes(stage, began) == 0
        assert stage.watch.desired == MAXIMUM


@contextmanager
def broken(stage: Stage, what: str) -> Iterator[Event]:
    """A fault, from its beginning until all is as it was; where the provider cannot make it, the record says so."""
    began = stage.record.happen("breaks", what)
    try:
        yield began
    except CannotError as error:
        stage.record.happen("skipped", what, str(error))
        return
    fixed = stage.record.happen("fixed", what)
    stage.record.figure(f"e: {what}, all in all", fixed.at - began.at, "s")


def alertmanager_is_gone(stage: Stage) -> None:
    """The operator receives nothing: its own metrics show it, and it goes on after its warm-up."""
    with broken(stage, "Alertmanager is gone") as began:
        with no_alertmanager():
            alert = fires(stage, "ScrapOperatorSourceDown", began, 120)
            stage.record.figure("e: Alertmanager gone to ScrapOperatorSourceDown", alert.at - began.at, "s")
        patience = stage.intervals.patience(180)
        until("its alert is over", lambda: "ScrapOperatorSourceDown" not in stage.watch.firing, patience)
        is_held(stage, 180)
        wait_for_resolved(stage, NO_SOURCE)


def wait_for_resolved(stage: Stage, alerts: dict[str, str]) -> None:
    """Waits for the resolved message of each alert that has a firing one."""
    for alert, channel in alerts.items():
        if about(stage, alert):
            is_over(stage, alert, channel, 60)


def prometheus_is_deleted(stage: Stage) -> None:
    """The next one begins with an empty memory; what is not measured is not calm."""
    with broken(stage, "Prometheus is deleted"):
        delete_prometheus()
        patience = stage.intervals.patience(180)
        until("it is gone", lambda: not stage.watch.is_measured, 60)
        until("the next one measures", lambda: stage.watch.is_measured, patience)
        until("it fires", lambda: "ScrapScaleInUnsafe" in stage.watch.firing, patience)
        is_held(stage, 180)


def api_server_is_paused(stage: Stage) -> None:
    """Nobody can write; the service needs none of it.

    It is over when pods come again and the news of them travel: half a minute and more after it is back. Until then
    nobody should take a pod away, for none would come in its place, and clients would still be led to it.
    """
    with broken(stage, "The API server is paused"):
        provider().restart("kube-apiserver", 15)
        is_held(stage, 120)
        stage.town.wait_for_new_pods()


def a_pod_is_deleted(stage: Stage) -> None:
    with broken(stage, "A pod is deleted") as began:
        name = delete_a_pod(stage.namespace)
        until("it is gone", lambda: name not in left(stage, "pods"), 90)
        until("another one serves", lambda: stage.watch.ready == MAXIMUM, 60)
        fired = {alert.name for alert in stage.record.found("alert", since=began.at)} - SIGNALS
        assert not fired, "it is back before anybody could act"


def the_web_is_gone(stage: Stage) -> None:
    """The clients receive the reason, it is not a failure of the service, and somebody is notified.

    It stays away until pods that look idle would have gone, and at its return all of them are there: none goes, and no
    request is rejected or fails, which the chapter holds.
    """
    ((alert, channel),) = NO_WEB.items()
    with broken(stage, "The web is gone") as began:
        stage.town.close_the_web()
        is_notified(stage, alert, channel, 120)
        fired = fires(stage, alert, began, 10)  # it has: the watcher looks each second
        stage.record.figure("e: web gone to ScrapUpstreamFailing", fired.at - began.at, "s")
        look_on(gone_after(stage) + 30)  # two polls of the operator
        assert stage.watch.desired == MAXIMUM
        stage.town.open_the_web()
        until("each page can be fetched", lambda: all_are_fetched(stage), 30)
        is_over(stage, alert, channel, 120)


def all_are_fetched(stage: Stage) -> bool:
    """Whether no call failed for the web's sake, lately."""
    calls = stage.record.calls(time.time() - LATEST - 2)
    return calls.ok > 0 and calls.web == 0


def test_f_a_new_version(stage: Stage) -> None:
    with chapter(stage, "f", "a new version is rolled out under the load") as began:
        repository, _, tag = NEXT_IMAGE.rpartition(":")
        stage.namespace.upgrade(
            {**values(stage.namespace, stage.intervals), "image": {"repository": repository, "tag": tag}}
        )
        until("no pod of the old one is left", lambda: len(stage.namespace.pods()) == MAXIMUM, 90)
        images = {pod["spec"]["containers"][0]["image"] for pod in stage.namespace.pods()}
        assert images == {NEXT_IMAGE}
        assert changes(stage, began) == 0


def test_g_calm_again(stage: Stage) -> None:
    with chapter(stage, "g", "calm again: the fewest pods, nothing fires, nothing is left") as began:
        stage.town.rate(CALM)
        # Two steps, a minute apart.
        down = has(stage, MINIMUM, began, gone_after(stage) + 60 + POLL + SPARE, ready=False)
        stage.record.figure("g: calm to the fewest pods", down, "s")
        until("nothing fires", lambda: not stage.watch.firing, stage.intervals.patience(60))
        look_on(DURATIONS.steady)
        stage.town.rate(0)
        look_on(2)  # the last calls end
    expected = [
        *TOO_MUCH_ALERTS.items(),
        *NO_WEB.items(),
        *((alert, channel) for alert, channel in (TOO_SLOW | NO_SOURCE).items() if about(stage, alert)),
    ]
    received = sorted((message.channel, message.resolved) for message in stage.town.messages())
    assert received == sorted((channel, over) for _, channel in expected for over in (False, True))
    assert not [message for message in stage.town.messages() if any(signal in message.text for signal in SIGNALS)]
    everything = stage.record.calls(0)
    stage.record.figure("calls in all", everything.ok + everything.shed + everything.web + everything.failed.total())
    stage.record.figure("failed in all", everything.failed.total())
    uninstall(stage)


def uninstall(stage: Stage) -> None:
    """It leaves nothing of its own."""
    began = stage.record.happen("breaks", "helm uninstall")
    stage.namespace.helm("uninstall", "scrap", "--wait", "--timeout", "120s")
    until("nothing is left", lambda: left(stage, KINDS, "-l", "app.kubernetes.io/instance=scrap") == set(), 60)
    assert left(stage, "configmaps,secrets,serviceaccounts,roles,rolebindings") <= NOT_OURS
    stage.record.figure("g: uninstall", stage.record.happen("fixed", "helm uninstall").at - began.at, "s")


def left(stage: Stage, *what: str) -> set[str]:
    """The names of objects in the namespace."""
    return {item["metadata"]["name"] for item in stage.namespace.get(*what)["items"]}
