"""Alerts on a real cluster: things break, and the right messages come to the right channel, once, and are resolved.

Nothing waits for longer than it has to; the whole takes about four minutes.
"""

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from scripts.alert_test import forwarded
from scripts.alert_test import test as send
from tests.alerts.rules import alerts, rules
from tests.chart.rendering import ROOT
from tests.cluster.alerts.scene import (
    ALERTMANAGER,
    WEB,
    AlertLoad,
    Capture,
    Disk,
    Message,
    Stack,
    fetch,
    stand_in_for_slack,
    values,
)
from tests.cluster.clusters import (
    RECEIVER,
    STACK,
    CommandError,
    Namespace,
    hurry,
    merged,
    nodes,
    start,
    start_web,
    until,
)
from tests.cluster.intervals import Intervals, asked
from tests.cluster.providers.choice import provider
from tests.cluster.providers.provider import CannotError

# Another one each time: Alertmanager remembers for minutes what it has sent of an earlier run.
NAME = f"alerts-{int(time.time())}"
BROKEN = ("ErrorBudgetBurn", "RejectingLoad", "UpstreamFailing", "Down")
OF_DISKS = ("NodeDiskGrowing", "NodeDiskFilling", "NodeDiskFull")


pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack()


@pytest.fixture(scope="module")
def intervals(stack: Stack) -> Intervals:
    return asked(stack, NAME)


@pytest.fixture(scope="module")
def namespace(stack: Stack, intervals: Intervals) -> Iterator[Namespace]:
    """A release with quick alerts, and its Slack Secret."""
    found = Namespace(NAME)
    found.create()
    try:
        literals = [
            f"--from-literal={severity}=http://slack.monitoring.svc/{severity}" for severity in ("critical", "warning")
        ]
        found.kubectl("create", "secret", "generic", "scrap-slack", *literals)
        start_web(found, WEB)
        found.kubectl("autoscale", "deployment/web", "--min=1", "--max=1")  # so that there is one to be measured
        found.install(values(found, intervals))
        yield found
    finally:
        found.delete()


@pytest.fixture(scope="module")
def slack(stack: Stack, namespace: Namespace, intervals: Intervals) -> Iterator[Capture]:
    """The channels, once rules and routes have arrived."""

    def arrived() -> bool:
        hurry()
        return (
            f"{NAME}/scrap/critical" in stack.alertmanager_configuration()
            and len(stack.rules(NAME)) >= len(rules())
            and all(rule["health"] == "ok" for rule in stack.rules(NAME))
            and bool(stack.ask(f'query?query=up{{namespace="{NAME}",job="scrap"}}==1')["result"])
        )

    with stand_in_for_slack():
        capture = Capture(stack.slack, intervals.patience(1))
        until("rules, routes and targets are there", arrived, intervals.patience(120))
        # Until its first scrape the release was down, by its quick alerts.
        until("nothing fires any more", lambda: stack.firing(NAME) == [], intervals.patience(60))
        until("Alertmanager has none of them", lambda: not stack.notified(NAME), intervals.patience(30))
        until("all are notified as resolved", lambda: not capture.unresolved(NAME), intervals.patience(30))
        capture.forget()
        yield capture


@pytest.fixture(scope="module")
def disk_story(stack: Stack, slack: Capture) -> Iterator[threading.Thread | CannotError]:
    """A disk that grows, fills and stays full, beside the other tests: it takes longer than they do."""
    try:
        disk = Disk(stack)
    except CannotError as error:  # which is for the disk's own test to say
        yield error
        return

    def story() -> None:
        time.sleep(50)  # what is usual: nothing
        for _ in range(8):  # 1.6 % of its size every 3 s: in a minute half of it is left still
            disk.write(1)
            time.sleep(3)
        for _ in range(9):  # 7 % every 3 s
            disk.write(4)
            time.sleep(3)
        time.sleep(6)  # until that is measured
        left, size = (stack.value(f"node_filesystem_{what}_bytes{{{disk.selector}}}") for what in ("avail", "size"))
        disk.write(round((left - 0.125 * size) / 2**20))  # and there it stays

    thread = threading.Thread(target=story, daemon=True)
    thread.start()
    yield thread
    thread.join()
    disk.empty()


def is_notified(slack: Capture, alert: str, channel: str, *, seconds: float = 90) -> Message:
    """The one message that an alert gives, and that it came to one channel."""
    until(f"{alert} is notified", lambda: bool(slack.about(alert)), seconds * slack.patience)
    firing = [message for message in slack.about(alert) if not message.resolved]
    assert [message.channel for message in firing] == [channel], firing
    (message,) = firing
    for part in (
        "*Since* ",
        "*To do* ",
        f"/{alert}.md|Runbook>",
        "&amp;from=",
        "|Query>",
        "|Dashboard>",
        "|Silence>",
    ):
        assert part in message.text, message.text
    return message


def is_over(slack: Capture, alert: str, channel: str, *, seconds: float = 90) -> Message:
    """The message that says so; still there was one firing."""
    until(f"{alert} is over", lambda: slack.about(alert)[-1].resolved, seconds * slack.patience)
    assert [(message.channel, message.resolved) for message in slack.about(alert)] == [
        (channel, False),
        (channel, True),
    ]
    message = slack.about(alert)[-1]
    assert message.title.startswith("✅ Resolved [")
    assert " It lasted " in message.text
    return message


def metrics_in(stack: Stack, expression: str) -> set[str]:
    """The metrics that an expression reads, by Prometheus' own parser."""
    found: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if node.get("type") in ("vectorSelector", "matrixSelector") and node.get("name"):
                found.add(node["name"])
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(stack.ask(f"parse_query?query={quote(expression)}"))
    return found


def operators_metrics(stack: Stack) -> list[str]:
    """What Prometheus' operator exports, where the stack is a stand-in that does not scrape it."""
    labels = "app=prometheus-operator"
    return [stack.metrics_of(labels, 8080)] if Namespace(STACK).get("pods", "-l", labels)["items"] else []


def test_no_rule_reads_a_metric_that_nothing_exports(stack: Stack, namespace: Namespace, slack: Capture) -> None:
    exported = set(stack.ask("label/__name__/values"))
    sources = (
        stack.metrics_of("app.kubernetes.io/component=service", 8081, namespace.name),
        stack.metrics_of("app.kubernetes.io/component=operator", 8081, namespace.name),  # it has no AlertScaler here
        *operators_metrics(stack),
    )
    for line in "\n".join(sources).splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            exported |= {name, f"{name}_total"} if kind == "counter" else {name}
    exported |= {rule["record"] for rule in rules() if "record" in rule}
    # There is no shared cache here, and nothing has ended or fires yet; tests/cluster/faults has all of it.
    exported |= {"scrap_cache_shared_up", "scrap_cache_shared_writes_total", "ALERTS"}
    exported |= {"kube_pod_container_status_last_terminated_reason"}
    read = {name for rule in rules() for name in metrics_in(stack, rule["expr"])}
    assert len(read) > 40
    assert read - exported == set()


class Routes:
    """Routes by amtool, on what Prometheus' operator made of our AlertmanagerConfig."""

    def __init__(self, configuration: str, folder: Path) -> None:
        self._folder = folder
        (folder / "alertmanager.yaml").write_text(configuration)
        self._amtool("check-config", "alertmanager.yaml")

    def receiver(self, **labels: str) -> str:
        """The receiver of an alert with these labels."""
        pairs = (f"{name}={value}" for name, value in labels.items())
        return self._amtool("config", "routes", "test", "--config.file=alertmanager.yaml", *pairs)

    def assert_each_goes_to(self, **receivers: str) -> None:
        """Every alert of the chart reaches the receiver of its severity."""
        for alert in alerts():
            severity = alert["labels"]["severity"]
            found = self.receiver(alertname=alert["alert"], namespace=NAME, severity=severity)
            assert found == f"{NAME}/scrap/{receivers[severity]}"

    def _amtool(self, *arguments: str) -> str:
        program = shutil.which("amtool")
        assert program
        done = subprocess.run([program, *arguments], cwd=self._folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()


def test_every_alert_reaches_the_receiver_of_its_severity(stack: Stack, slack: Capture, tmp_path: Path) -> None:
    routes = Routes(stack.alertmanager_configuration(), tmp_path)
    routes.assert_each_goes_to(critical="critical", warning="warning", info="nobody", none="nobody")
    assert routes.receiver(alertname="ScrapDown", namespace="elsewhere", severity="critical") == "null"
    assert (
        routes.receiver(alertname="KubePodCrashLooping", namespace=NAME, severity="warning") == f"{NAME}/scrap/warning"
    )

    inhibited = yaml.safe_load(stack.alertmanager_configuration())["inhibit_rules"]
    ours = [rule for rule in inhibited if f'namespace="{NAME}"' in rule.get("source_matchers", ())]
    assert len(ours) == 2
    assert all(f'namespace="{NAME}"' in rule["target_matchers"] for rule in ours)


def test_an_alert_test_comes_to_each_channel_and_is_over(slack: Capture, capsys: pytest.CaptureFixture[str]) -> None:
    with forwarded(ALERTMANAGER, STACK) as url:
        assert send(url, NAME, ["critical", "warning"], 60), capsys.readouterr().out
        assert not send(url, NAME, ["info"], 60)
    for severity in ("critical", "warning"):

        def received(severity: str = severity) -> list[Message]:
            return [
                message for message in slack.messages() if f"a test of alerts of severity {severity}" in message.title
            ]

        until(f"the test of {severity} is over", lambda: received()[-1].resolved)
        assert [(message.channel, message.resolved) for message in received()] == [(severity, False), (severity, True)]
    slack.forget()


def helm_test(namespace: Namespace, stack: Stack, *severities: str) -> list[str]:
    """What the chart's own test of alerts prints, a line a severity; it fails where one is not delivered."""
    tests = {"alerts": {"enabled": True, "severities": list(severities), "wait": 30}}
    namespace.upgrade({**values(namespace, asked(stack, NAME)), "tests": tests})
    pod = "scrap-test-alerts"
    with suppress(CommandError):
        namespace.helm("test", "scrap", "--filter", f"name={pod}")
        return ["passed"]
    said = namespace.kubectl("logs", pod)
    namespace.kubectl("delete", "pod", pod)
    return said.splitlines()


@contextmanager
def silenced(stack: Stack, alert: str) -> Iterator[None]:
    """An alert of this name is silenced within the block."""
    matcher = {"name": "alertname", "value": alert, "isRegex": False}
    times = {"startsAt": datetime.now(UTC), "endsAt": datetime.now(UTC) + timedelta(minutes=10)}
    silence = {"matchers": [matcher], "createdBy": "a test", "comment": "a test"}
    body = json.dumps(silence | {name: at.isoformat() for name, at in times.items()}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{stack.alertmanager}/api/v2/silences", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        identifier = json.load(answer)["silenceID"]
    yield
    fetch(f"{stack.alertmanager}/api/v2/silence/{identifier}", "DELETE")


@pytest.mark.usefixtures("disk_story")
def test_the_web_is_gone(namespace: Namespace, slack: Capture) -> None:
    with AlertLoad(namespace, "page", workers=2, pause=0.1).calling():
        time.sleep(5)
        namespace.kubectl("scale", "deployment/web", "--replicas=0")
        message = is_notified(slack, "ScrapUpstreamFailing", "warning")
        assert message.title.startswith(f"🟠 [{NAME}] ")
        assert "of the pages that scrap fetches fail" in message.title
        namespace.kubectl("scale", "deployment/web", "--replicas=1")
        is_over(slack, "ScrapUpstreamFailing", "warning")


@pytest.mark.usefixtures("disk_story")
def test_too_much_comes(namespace: Namespace, slack: Capture) -> None:
    with AlertLoad(namespace, "page", workers=1, pause=0.1).calling():
        with AlertLoad(namespace, "slow", workers=16, pause=0.2).calling():
            message = is_notified(slack, "ScrapErrorBudgetBurn", "critical")
            assert message.title.startswith(f"🔴 [{NAME}] ")
            is_notified(slack, "ScrapRejectingLoad", "warning")
        is_over(slack, "ScrapErrorBudgetBurn", "critical", seconds=120)
        is_over(slack, "ScrapRejectingLoad", "warning")
    assert slack.about("ScrapSaturated") == []  # it fired, and goes to nobody


@pytest.mark.usefixtures("disk_story")
def test_no_pod_is_left(namespace: Namespace, slack: Capture) -> None:
    namespace.kubectl("scale", "deployment/scrap", "--replicas=0")
    message = is_notified(slack, "ScrapDown", "critical")
    assert message.title == f"🔴 [{NAME}] ScrapDown · No pod of scrap responds"
    namespace.kubectl("scale", "deployment/scrap", "--replicas=1")
    is_over(slack, "ScrapDown", "critical")


def test_a_disk_grows_fills_and_is_full(slack: Capture, disk_story: threading.Thread | CannotError) -> None:
    if isinstance(disk_story, CannotError):
        raise disk_story
    growing = is_notified(slack, "ScrapNodeDiskGrowing", "warning")
    assert f" on {nodes()[0]} grows by " in growing.title
    filling = is_notified(slack, "ScrapNodeDiskFilling", "critical")
    assert "% are left" in filling.text
    disk_story.join()
    is_over(slack, "ScrapNodeDiskFilling", "critical")
    is_over(slack, "ScrapNodeDiskGrowing", "warning")
    is_notified(slack, "ScrapNodeDiskFull", "warning")
    provider().empty_disk()
    is_over(slack, "ScrapNodeDiskFull", "warning")


def test_nothing_else_was_sent(slack: Capture, disk_story: threading.Thread | CannotError) -> None:
    named = BROKEN if isinstance(disk_story, CannotError) else BROKEN + OF_DISKS
    expected = [message for alert in named for message in slack.about(f"Scrap{alert}")]
    assert len(slack.messages()) == len(expected) == 2 * len(named), [m.title for m in slack.messages()]


@contextmanager
def reconfigured(stack: Stack) -> Iterator[None]:
    """What the block changes is loaded by Alertmanager afterwards."""

    def configuration() -> str:
        hurry()
        (found,) = re.findall(r"^alertmanager_config_hash (\S+)$", fetch(f"{stack.alertmanager}/metrics"), re.MULTILINE)
        return str(found)

    before = configuration()
    yield
    until("Alertmanager has loaded it", lambda: configuration() != before, 90)


def test_the_charts_own_test_gives_each_verdict(stack: Stack, namespace: Namespace, slack: Capture) -> None:
    """Delivered; then held back by a silence, refused by the receiver, and no receiver."""
    assert helm_test(namespace, stack, "critical") == ["passed"]

    start(namespace, "refusing", f"STATUS = 403\n{RECEIVER}")
    with reconfigured(stack):
        patch = {"stringData": {"warning": f"http://refusing.{NAME}.svc/warning"}}
        namespace.kubectl("patch", "secret", "scrap-slack", "--patch", json.dumps(patch))
    with silenced(stack, "ScrapTestCritical"):
        held, refused, nobody = helm_test(namespace, stack, "critical", "warning", "info")
    assert re.fullmatch(rf"critical +goes to {NAME}/scrap/critical: MUTED: silenced by .+", held)
    assert re.fullmatch(rf"warning +goes to {NAME}/scrap/warning: REFUSED by slack; see .+", refused)
    assert nobody.startswith("info      goes to NO RECEIVER: no route matches it")


def test_other_receivers_hours_and_info_as_the_page_says(
    stack: Stack, namespace: Namespace, slack: Capture, tmp_path: Path
) -> None:
    """The last one, for it changes the routes."""
    (block,) = re.findall(r"^```yaml\n(monitoring:\n.*?)```", (ROOT / "docs" / "slack.md").read_text(), re.M | re.S)
    switches = {
        "monitoring": {"alertmanagerConfig": {"info": {"enabled": True}, "warning": {"hours": {"enabled": True}}}}
    }
    for name, key in (("pagerduty", "routing-key"), ("mail", "password")):
        namespace.kubectl("create", "secret", "generic", name, f"--from-literal={key}=secret")
    namespace.kubectl(
        "patch", "secret", "scrap-slack", "--patch", '{"stringData": {"info": "http://slack.monitoring.svc/info"}}'
    )
    namespace.upgrade(merged(merged(values(namespace, asked(stack, NAME)), yaml.safe_load(block)), switches))

    def arrived() -> bool:
        hurry()
        return f"{NAME}/scrap/info" in stack.alertmanager_configuration()

    until("the routes are there", arrived, 120)
    routes = Routes(stack.alertmanager_configuration(), tmp_path)
    routes.assert_each_goes_to(critical="critical", warning="warning", info="info", none="nobody")

    loaded = yaml.safe_load(stack.alertmanager_configuration())
    (ours,) = (route for route in loaded["route"]["routes"] if route["receiver"] == f"{NAME}/scrap/nobody")
    # amtool has checked that there are such hours.
    hours = {route["receiver"].rpartition("/")[2]: route.get("active_time_intervals") for route in ours["routes"]}
    assert hours == {"critical": None, "warning": [f"{NAME}/scrap/working-hours"], "info": None}
    kinds = {
        receiver["name"].rpartition("/")[2]: {name for name in receiver if name.endswith("_configs")}
        for receiver in loaded["receivers"]
        if receiver["name"].startswith(f"{NAME}/")
    }
    assert kinds == {
        "nobody": set(),
        "critical": {"slack_configs", "pagerduty_configs"},
        "warning": {"slack_configs", "email_configs", "webhook_configs"},
        "info": {"slack_configs"},
    }
