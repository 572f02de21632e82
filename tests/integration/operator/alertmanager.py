"""A real Alertmanager on the loopback, to be hurt."""

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.waiting import eventually

CACHE = Path(os.environ.get("SCRAP_CLUSTER_CACHE", Path.home() / ".cache/scrap-cluster"))
CONFIG = """
route: {receiver: none}
receivers: [{name: none}]
inhibit_rules:
  - source_matchers: [alertname="Inhibitor"]
    target_matchers: [severity="none"]
"""


def binary(name: str) -> str | None:
    """Where a tool is: on PATH, or where the cluster's set-up put it."""
    return shutil.which(name) or shutil.which(name, path=CACHE / "bin")


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Alertmanager:
    """One process at a time; `restart` gives the next one nothing to remember.

    Args:
        program: the binary.
        directory: for its configuration and data.
    """

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._lives = 0
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (directory / "config.yml").write_text(CONFIG)
        self.start()

    def start(self) -> None:
        """With an empty memory."""
        self._lives += 1
        self.process = subprocess.Popen(
            [
                self._program,
                f"--config.file={self._directory / 'config.yml'}",
                f"--storage.path={self._directory / f'life-{self._lives}'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
                "--log.level=error",
            ]
        )
        eventually(self._ready)

    def stop(self) -> None:
        """At once; nothing is saved."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Forgets everything."""
        self.stop()
        self.start()

    def send(self, *names: str, ends_in: float = 3600, **labels: str) -> None:
        """Sends alerts as Prometheus does, vouched for for `ends_in` seconds; not above 0 resolves them."""
        ends = datetime.now(UTC) + timedelta(seconds=ends_in)
        starts = min(ends, datetime.now(UTC)) - timedelta(minutes=1)
        self._request(
            "/api/v2/alerts",
            [
                {
                    "labels": {"alertname": name, "severity": "none", **labels},
                    "startsAt": starts.isoformat(),
                    "endsAt": ends.isoformat(),
                }
                for name in names
            ],
        )

    def resolve(self, *names: str) -> None:
        """Ends alerts."""
        self.send(*names, ends_in=-0.001)

    def silence(self, name: str) -> None:
        """Mutes an alert for an hour."""
        now = datetime.now(UTC)
        matcher = {"name": "alertname", "value": name, "isRegex": False, "isEqual": True}
        silence = {
            "matchers": [matcher],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "test",
            "comment": "test",
        }
        self._request("/api/v2/silences", silence)

    def state(self, name: str) -> dict[str, Any]:
        """An alert's state, or {} where it does not fire."""
        alerts = self._request("/api/v2/alerts")
        found: dict[str, Any] = next((a["status"] for a in alerts if a["labels"]["alertname"] == name), {})
        return found

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def _request(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None
