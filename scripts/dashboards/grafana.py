"""Asks a Grafana whether every panel of a release's dashboards has data: `make dashboards-check`.

    GRAFANA_PASSWORD=… python -m scripts.dashboards.grafana --url http://127.0.0.1:3000 --namespace scrap --job scrap

It reads the dashboards from Grafana, not from the files: that Grafana's sidecar found them and that their queries go
through Grafana's data source is part of the check. It waits until every panel has data, except those that may be empty.
"""

import argparse
import base64
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from scripts.dashboards.reading import Panel, View, panels

RANGE = 900  # seconds
STEP = 15  # seconds between two points


class GrafanaError(Exception):
    """Grafana refuses a request, or has no such dashboard; the message says which."""


class Grafana:
    """Its HTTP API.

    Args:
        url: where it is, without /api.
        user: a user who may read dashboards and query data sources, and their password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._credentials = base64.b64encode(f"{user}:{password}".encode()).decode()

    def ask(self, path: str, body: object = None) -> Any:
        """The JSON of a response.

        Raises:
            GrafanaError: it refuses.
            OSError: it does not respond.
        """
        headers = {"Authorization": f"Basic {self._credentials}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self._url}/api/{path}", data=data, headers=headers)  # noqa: S310 - the user's own
        try:
            with urlopen(request, timeout=30) as response:  # noqa: S310 - the user's own
                return json.load(response)
        except HTTPError as error:
            raise GrafanaError(f"{path}: {error.code} {error.read().decode()}") from None

    def dashboards(self, namespace: str, job: str) -> list[Mapping[str, Any]]:
        """The dashboards of a release, by the title that the chart gives them.

        Raises:
            GrafanaError: there are none.
        """
        found = [item for item in self.ask("search?type=dash-db") if item["title"].endswith(f"({namespace}/{job})")]
        if not found:
            raise GrafanaError(f"there is no dashboard of release {namespace}/{job}")
        return [self.ask(f"dashboards/uid/{item['uid']}")["dashboard"] for item in found]

    def prometheus(self) -> str:
        """The uid of the default data source of type Prometheus.

        Raises:
            GrafanaError: there is none.
        """
        sources = [source for source in self.ask("datasources") if source["type"] == "prometheus"]
        sources.sort(key=lambda source: not source["isDefault"])
        if not sources:
            raise GrafanaError("there is no data source of type Prometheus")
        uid: str = sources[0]["uid"]
        return uid

    def has_data(self, source: str, view: View, panel: Panel) -> bool:
        """Whether a query of a panel gives a number.

        Raises:
            GrafanaError: a query fails.
        """
        queries = [
            {
                "refId": target.ref,
                "datasource": {"uid": source},
                "expr": view.fill(target.expression),
                "instant": target.instant,
                "range": not target.instant,
                "intervalMs": 1000 * STEP,
                "maxDataPoints": RANGE // STEP,
            }
            for target in panel.targets
        ]
        milliseconds = {"from": str(int(1000 * view.start)), "to": str(int(1000 * view.end))}
        results = self.ask("ds/query", {"queries": queries, **milliseconds})["results"]
        for ref, result in results.items():
            if error := result.get("error"):
                raise GrafanaError(f"{panel.title} {ref}: {error}")
        return any(
            value is not None
            for result in results.values()
            for frame in result.get("frames", [])
            for column in frame["data"]["values"][1:]
            for value in column
        )


@dataclass(frozen=True)
class Empty:
    """A panel without data."""

    dashboard: str
    panel: str


def variables(board: Mapping[str, Any]) -> dict[str, str]:
    """The values of a dashboard's variables when it is opened."""
    found = {}
    for each in board["templating"]["list"]:
        value = str(each.get("current", {}).get("value") or each.get("query", ""))
        found[each["name"]] = each.get("allValue", "") if value == "$__all" else value
    return found


def empty(grafana: Grafana, boards: list[Mapping[str, Any]], source: str, now: float) -> Iterator[Empty]:
    """Yields every panel without data. Raises as `Grafana.has_data` does."""
    for board in boards:
        view = View(variables(board), now - RANGE, now, step=STEP)
        for panel in panels(board):
            if panel.targets and not grafana.has_data(source, view, panel):
                yield Empty(board["title"], panel.title)


def check(grafana: Grafana, namespace: str, job: str, may_be_empty: list[str], wait: float) -> bool:
    """Prints the panels that have no data, and returns whether all others have some within this many seconds.

    Raises:
        GrafanaError: Grafana refuses, or has no dashboard of the release within that time.
        OSError: it does not respond within that time.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            boards = grafana.dashboards(namespace, job)
            left = list(empty(grafana, boards, grafana.prometheus(), time.time()))
        except (GrafanaError, OSError):
            if time.monotonic() > deadline:
                raise
        else:
            missing = [one for one in left if one.panel not in may_be_empty]
            if not missing or time.monotonic() > deadline:
                for one in left:
                    word = "NO DATA" if one in missing else "no data, as it may"
                    sys.stdout.write(f"{word}: {one.dashboard}: {one.panel}\n")
                sys.stdout.write(f"{len(boards)} dashboards, {len(missing)} panels without data\n")
                return not missing
        time.sleep(min(5, wait / 10))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="dashboards-check", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="Grafana's (%(default)s)")
    parser.add_argument("--user", default="admin", help="(%(default)s); the password is in GRAFANA_PASSWORD")
    parser.add_argument("--namespace", default="scrap", help="the release's (%(default)s)")
    parser.add_argument("--job", default="scrap", help="the release's (%(default)s)")
    parser.add_argument("--may-be-empty", action="append", default=[], help="title of a panel that may have no data")
    parser.add_argument("--wait", type=float, default=300, help="seconds (%(default)s)")
    options = parser.parse_args()
    grafana = Grafana(options.url, options.user, os.environ.get("GRAFANA_PASSWORD", ""))
    try:
        well = check(grafana, options.namespace, options.job, options.may_be_empty, options.wait)
    except (GrafanaError, OSError) as error:
        sys.exit(f"dashboards-check: {error}")
    sys.exit(not well)


if __name__ == "__main__":
    main()
