"""`make alert-test`, at a real Alertmanager; what stands in Slack's place is a fake."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.alert_test import test as send
from tests.chart.rendering import CHART, tool

pytestmark = pytest.mark.needs("alertmanager")


class FakeSlack(ThreadingHTTPServer):
    """Takes every message but those to /revoked.

    Attributes:
        taken: the channel and the title of each.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.taken: list[tuple[str, str]] = []


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        revoked = self.path == "/revoked"
        if not revoked:
            assert isinstance(self.server, FakeSlack)
            self.server.taken.append((self.path.strip("/"), body["attachments"][0]["title"]))
        self.send_response(404 if revoked else 200)
        self.end_headers()
        self.wfile.write(b"no_service" if revoked else b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@contextmanager
def alertmanager(folder: Path, slack: FakeSlack, *, warning: str = "warning", **route: object) -> Iterator[str]:
    """A real one, with the routes of a release as Prometheus' operator writes them; gives its URL.

    Args:
        warning: the channel of the warnings; empty: a receiver without any.
        route: what else their route has.
    """

    def receiver(name: str, channel: str) -> dict[str, object]:
        title = "{{ .Status }} {{ .CommonLabels.alertname }}"
        webhook = {"api_url": f"http://127.0.0.1:{slack.server_port}/{channel}", "title": title, "send_resolved": True}
        return {"name": f"shop/scrap/{name}", "slack_configs": [webhook] if channel else []}

    at_once = {"group_wait": "0s", "group_interval": "1s"}
    routes = [
        {"receiver": f"shop/scrap/{severity}", "matchers": [f'severity="{severity}"'], **at_once, **more}
        for severity, more in (("critical", {}), ("warning", route))
    ]
    ours = {"receiver": "shop/scrap/nobody", "matchers": ['namespace="shop"'], "routes": routes}
    configuration = {
        "route": {"receiver": "null", "routes": [ours]},
        "receivers": [
            {"name": "null"},
            {"name": "shop/scrap/nobody"},
            receiver("critical", "critical"),
            receiver("warning", warning),
        ],
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity="warning"'],
                "equal": ["namespace", "alertname"],
            }
        ],
        "time_intervals": [{"name": "long-ago", "time_intervals": [{"years": ["1999"]}]}],
    }
    (folder / "alertmanager.yaml").write_text(json.dumps(configuration))
    program = tool("alertmanager")
    assert program
    command = [program, "--config.file=alertmanager.yaml", "--storage.path=data", "--cluster.listen-address="]
    with subprocess.Popen(
        [*command, "--web.listen-address=127.0.0.1:0"], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        try:
            listening = (re.search(r"Listening on.* address=(\S+)", line) for line in process.stderr)
            yield next(f"http://{found[1]}" for found in listening if found)
        finally:
            process.terminate()


def test_each_severity_is_delivered_and_resolved(
    tmp_path: Path, slack: FakeSlack, capsys: pytest.CaptureFixture[str]
) -> None:
    with alertmanager(tmp_path, slack) as url:
        assert send(url, "shop", ["critical", "warning"], 20)
        deadline = time.monotonic() + 20
        while len(slack.taken) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert sorted(slack.taken) == [
        ("critical", "firing ScrapTestCritical"),
        ("critical", "resolved ScrapTestCritical"),
        ("warning", "firing ScrapTestWarning"),
        ("warning", "resolved ScrapTestWarning"),
    ]
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" after ")[0] for line in lines] == [
        "critical  goes to shop/scrap/critical: delivered by slack",
        "warning   goes to shop/scrap/warning: delivered by slack",
    ]


class FakePrometheus(ThreadingHTTPServer):
    """Knows one Alertmanager, as Prometheus' API has it; or none."""

    def __init__(self, alertmanager: str) -> None:
        super().__init__(("127.0.0.1", 0), _Alertmanagers)
        self.active = [{"url": f"{alertmanager}/api/v2/alerts"}] if alertmanager else []


class _Alertmanagers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, FakePrometheus)
        assert self.path == "/api/v1/alertmanagers"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": {"activeAlertmanagers": self.server.active}}).encode())

    def log_message(self, *_: object) -> None:
        pass


def in_a_pod(**environment: str) -> subprocess.CompletedProcess[str]:
    """The script as the pod of `helm test` runs it: its text, and its variables."""
    script = (CHART / "files" / "test_alerts.py").read_text()
    given = {
        "ALERTMANAGER": "",
        "PROMETHEUS": "",
        "NAMESPACE": "shop",
        "WAIT": "20",
        "PAGE": "https://example.org/s.md",
    }
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, env={**os.environ, **given, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("by", ["ALERTMANAGER", "PROMETHEUS"])
def test_the_pod_of_helm_test_gives_the_same_verdicts(by: str, tmp_path: Path, slack: FakeSlack) -> None:
    with alertmanager(tmp_path, slack, warning="revoked") as url, FakePrometheus(url) as prometheus:
        threading.Thread(target=prometheus.serve_forever).start()
        found = {"ALERTMANAGER": url, "PROMETHEUS": f"http://127.0.0.1:{prometheus.server_port}"}
        done = in_a_pod(**{by: found[by]}, SEVERITIES="critical,warning,info")
        prometheus.shutdown()
    assert done.returncode == 1, done.stderr
    critical, warning, info = done.stdout.splitlines()
    assert "critical: delivered by slack" in critical
    assert "warning: REFUSED by slack" in warning
    assert "NO RECEIVER" in info


def test_the_pod_of_helm_test_passes_where_all_are_delivered(tmp_path: Path, slack: FakeSlack) -> None:
    with alertmanager(tmp_path, slack) as url:
        done = in_a_pod(ALERTMANAGER=url, SEVERITIES="critical")
    assert done.returncode == 0, done.stderr


def test_the_pod_of_helm_test_says_that_there_is_no_alertmanager() -> None:
    with FakePrometheus("") as prometheus:
        threading.Thread(target=prometheus.serve_forever).start()
        done = in_a_pod(PROMETHEUS=f"http://127.0.0.1:{prometheus.server_port}", SEVERITIES="critical")
        prometheus.shutdown()
    assert done.returncode == 1
    assert "set tests.alerts.alertmanagerUrl" in done.stderr


def test_one_dead_channel_of_two_is_not_well(
    tmp_path: Path, slack: FakeSlack, capsys: pytest.CaptureFixture[str]
) -> None:
    with alertmanager(tmp_path, slack, warning="revoked") as url:
        assert not send(url, "shop", ["critical", "warning"], 20)
    good, bad = capsys.readouterr().out.splitlines()
    assert "critical: delivered by slack" in good
    assert "warning: REFUSED by slack" in bad


@pytest.mark.parametrize("severity", ["info", "warning"])
def test_nobody_is_nobody(severity: str, tmp_path: Path, slack: FakeSlack, capsys: pytest.CaptureFixture[str]) -> None:
    with alertmanager(tmp_path, slack, warning="") as url:
        assert not send(url, "shop", [severity], 20)
    assert "NO RECEIVER: " in capsys.readouterr().out
    assert slack.taken == []


def test_another_namespace_has_no_route(tmp_path: Path, slack: FakeSlack, capsys: pytest.CaptureFixture[str]) -> None:
    with alertmanager(tmp_path, slack) as url:
        assert not send(url, "elsewhere", ["critical"], 20)
    assert capsys.readouterr().out.startswith("critical  goes to NO RECEIVER: no route matches it")


def test_what_is_held_back_is_said_to_be(tmp_path: Path, slack: FakeSlack, capsys: pytest.CaptureFixture[str]) -> None:
    with alertmanager(tmp_path, slack, active_time_intervals=["long-ago"]) as url:
        assert not send(url, "shop", ["warning"], 20)
    assert capsys.readouterr().out == "warning   goes to shop/scrap/warning: MUTED: outside its hours long-ago\n"


def test_what_does_not_arrive_in_time_is_not_well(
    tmp_path: Path, slack: FakeSlack, capsys: pytest.CaptureFixture[str]
) -> None:
    with alertmanager(tmp_path, slack, group_wait="1m") as url:
        assert not send(url, "shop", ["warning"], 1)
    assert "NOT DELIVERED within 1 s. " in capsys.readouterr().out
