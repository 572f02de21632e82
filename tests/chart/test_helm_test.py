"""What `helm test` says of the monitoring, by the chart's script and a fake of Prometheus and of Alertmanager."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.chart.rendering import CHART

RECEIVER = "shop/scrap/critical"


class FakeMonitoring(ThreadingHTTPServer):
    """Prometheus with the pods of Alertmanager that a test wants, and the Alertmanagers.

    Attributes:
        pods: of Alertmanager.
        stored: those of them that have storage.
        rules: the names of the PrometheusRule that is loaded, one for each request; the last one stays.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MonitoringHandler)
        self.pods = ["alertmanager-0", "alertmanager-1"]
        self.stored = ["alertmanager-0", "alertmanager-1"]
        self.rules = ["scrap"]

    def answer(self, path: str, expression: str) -> Any:
        """The JSON for a path of either API."""
        if path.endswith("/receivers"):
            return [{"name": RECEIVER}]
        return {"data": self._data(path, expression)}

    def _data(self, path: str, expression: str) -> Any:
        if path.endswith("/alertmanagers"):
            return {"activeAlertmanagers": [{"url": f"http://127.0.0.1:{self.server_port}/api/v2/alerts"}]}
        if path.endswith("/rules"):
            name = self.rules.pop(0) if len(self.rules) > 1 else self.rules[0]
            file = f"/etc/prometheus/rules/shop-{name}-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0.yaml"
            return {"groups": [{"file": file, "rules": [{"health": "ok"}]}]}
        if expression.startswith("up"):
            return {"result": [{"value": [0, "1"]}]}
        assert 'kube_pod_info{pod_ip=~"127.0.0.1"}' in expression
        pods = [pod for pod in self.pods if "unless" not in expression or pod not in self.stored]
        return {"result": [{"metric": {"pod": pod}} for pod in pods]}


class _MonitoringHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, FakeMonitoring)
        url = urlsplit(self.path)
        self.send_response(200)
        self.end_headers()
        expression = parse_qs(url.query).get("query", [""])[0]
        self.wfile.write(json.dumps(self.server.answer(url.path, expression)).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def monitoring() -> Iterator[FakeMonitoring]:
    with FakeMonitoring() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def said(monitoring: FakeMonitoring) -> list[str]:
    """The lines of a test that passes."""
    environment = {
        "PROMETHEUS": f"http://127.0.0.1:{monitoring.server_port}",
        "NAMESPACE": "shop",
        "JOBS": "scrap=127.0.0.1",
        "RULES": "scrap",
        "RECEIVERS": RECEIVER,
        "WEBHOOK": "https://hooks.example/secret",
    }
    command = [sys.executable, str(CHART / "files" / "test_monitoring.py")]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_two_alertmanagers_with_storage_need_no_note(monitoring: FakeMonitoring) -> None:
    lines = said(monitoring)
    assert lines[-1] == f"ok   Alertmanager has {RECEIVER}"
    assert [line for line in lines if line.startswith("NOTE")] == []


def test_a_single_alertmanager_and_one_without_storage_are_notes_and_no_failures(monitoring: FakeMonitoring) -> None:
    monitoring.stored = ["alertmanager-0"]
    assert [line for line in said(monitoring) if line.startswith("NOTE")] == [
        "NOTE Alertmanager has no storage: after a restart it reports no alert as resolved, see docs/slack.md"
    ]
    monitoring.pods = monitoring.stored = ["alertmanager-0"]
    assert [line for line in said(monitoring) if line.startswith("NOTE")] == [
        "NOTE Alertmanager has a single pod: while that is away, nobody is notified, see docs/slack.md"
    ]


def test_rules_of_another_release_are_not_these(monitoring: FakeMonitoring) -> None:
    monitoring.rules = ["scrap-b", "scrap-b", "scrap"]
    assert "ok   the rules are loaded and healthy" in said(monitoring)
    assert monitoring.rules == ["scrap"]


def test_of_an_alertmanager_outside_of_the_cluster_nothing_is_known(monitoring: FakeMonitoring) -> None:
    monitoring.pods = monitoring.stored = []
    assert [line for line in said(monitoring) if line.startswith("NOTE")] == []
