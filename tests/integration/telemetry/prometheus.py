"""A real Prometheus on loopback."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.integration.telemetry.tools import tool
from tests.waiting import eventually


class Prometheus:
    """A running Prometheus that scrapes one target five times a second, as the job scrap."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.otlp = f"{url}/api/v1/otlp/v1/metrics"  # where it receives metrics over OTLP

    def _get(self, path: str, **query: str) -> Any:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{self._url}{path}?{urllib.parse.urlencode(query)}") as answer,
        ):
            return json.load(answer)["data"]
        return None

    def query(self, promql: str) -> dict[frozenset[tuple[str, str]], float]:
        """An instant query's vector, by labels; empty also while Prometheus is still starting."""
        data = self._get("/api/v1/query", query=promql)
        return {frozenset(r["metric"].items()): float(r["value"][1]) for r in data["result"]} if data else {}

    def names(self, labels: str) -> set[str]:
        """The names of our metrics that have series with these labels."""
        series = self.query(f'group by (__name__) ({{__name__=~"scrap_.+",{labels}}})')
        return {dict(labels)["__name__"] for labels in series}

    def number(self, promql: str) -> float | None:
        """The value of a query that has one."""
        return next(iter(self.query(promql).values()), None)

    def value(self, promql: str) -> float:
        """The value of a query that has one, though perhaps not in this moment: after a scrape that was lost, say."""
        found = eventually(lambda: self.query(promql))
        return next(iter(found.values()))

    def comes_to(self, promql: str, value: float) -> bool:
        """Waits until a query has that value."""
        eventually(lambda: self.number(promql) == value)
        return True

    def exemplars(self, promql: str) -> list[dict[str, str]]:
        """The labels of the exemplars that it kept."""
        now = time.time()
        series = self._get("/api/v1/query_exemplars", query=promql, start=str(now - 60), end=str(now + 60))
        return [exemplar["labels"] for one in series or () for exemplar in one["exemplars"]]

    def wait_for_scrapes(self, count: int) -> None:
        """Waits until that many more scrapes are in; a busy machine loses one now and then."""
        scrapes = "sum_over_time(up[10m])"
        already = self.number(scrapes) or 0
        eventually(lambda: (self.number(scrapes) or 0) >= already + count)


@contextlib.contextmanager
def prometheus(target: str, folder: Path) -> Iterator[Prometheus]:
    """Runs a real Prometheus until the end of the block."""
    program = tool("prometheus")
    config = folder / "prometheus.yml"
    job = {"job_name": "scrap", "scrape_interval": "200ms", "static_configs": [{"targets": [target]}]}
    config.write_text(json.dumps({"scrape_configs": [job]}))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        "--web.enable-otlp-receiver",
        "--log.level=error",
    ]
    with subprocess.Popen(command, env=os.environ | {"GOMAXPROCS": "1"}) as process:
        try:
            found = Prometheus(f"http://{address}")
            eventually(lambda: found.number("up"))
            yield found
        finally:
            process.terminate()
