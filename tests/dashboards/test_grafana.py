"""`make dashboards-check`, at a fake Grafana that has the chart's own dashboards."""

import json
import os
import re
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scripts.dashboards.grafana import Grafana, GrafanaError, check
from scripts.dashboards.reading import panels
from tests.chart.rendering import NAMESPACE, ROOT, Object, render

pytestmark = pytest.mark.needs("helm")


class FakeGrafana(ThreadingHTTPServer):
    """Has these dashboards and a data source; a query has a number unless it contains a word of `empty`.

    Attributes:
        empty: words of queries without data.
        broken: the error of every query; empty: none.
        queries: every query that was asked.
    """

    def __init__(self, boards: list[Object], empty: tuple[str, ...] = (), broken: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _GrafanaApi)
        self.boards = {board["uid"]: board for board in boards}
        self.empty = empty
        self.broken = broken
        self.queries: list[Object] = []

    @property
    def client(self) -> Grafana:
        """A client of it."""
        return Grafana(f"http://127.0.0.1:{self.server_port}/", "admin", "secret")

    def result(self, query: Object) -> Object:
        """What a data source gives for a query, in Grafana's frames."""
        self.queries.append(query)
        if self.broken:
            return {"error": self.broken}
        if any(word in query["expr"] for word in self.empty):
            return {"frames": []}
        times, values = [int(query["intervalMs"]), 2 * int(query["intervalMs"])], [None, 1.5]
        return {"frames": [{"data": {"values": [times, values]}}]}


class _GrafanaApi(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._respond(None)

    def do_POST(self) -> None:
        self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _respond(self, body: Any) -> None:
        assert isinstance(self.server, FakeGrafana)
        found: Any = None
        if b64decode(self.headers["Authorization"].removeprefix("Basic ")) == b"admin:secret":
            found = self._found(self.server, body)
        self.send_response(401 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def _found(self, server: FakeGrafana, body: Any) -> Any:
        match self.path.removeprefix("/api/").split("?")[0].split("/"):
            case ["search"]:
                other = {"uid": "other", "title": "Of the stack"}
                return [other, *({"uid": uid, "title": board["title"]} for uid, board in server.boards.items())]
            case ["dashboards", "uid", uid]:
                return {"dashboard": server.boards[uid]}
            case ["datasources"]:
                return [
                    {"type": "alertmanager", "uid": "alertmanager", "isDefault": False},
                    {"type": "prometheus", "uid": "second", "isDefault": False},
                    {"type": "prometheus", "uid": "prometheus", "isDefault": True},
                ]
            case ["ds", "query"]:
                assert int(body["from"]) < int(body["to"])
                return {"results": {query["refId"]: server.result(query) for query in body["queries"]}}
        return None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def boards() -> list[Object]:
    """The chart's dashboards, as the sidecar gives them to Grafana."""
    objects = render({"monitoring": {"dashboards": {"enabled": True}}})
    files = [item["data"] for item in objects if item["metadata"]["name"].startswith("scrap-dashboard-")]
    return [json.loads(text) for data in files for text in data.values()]


@pytest.fixture
def grafana(request: pytest.FixtureRequest, boards: list[Object]) -> Iterator[FakeGrafana]:
    """One with all of them, by the mark's arguments."""
    with FakeGrafana(boards, **getattr(request, "param", {})) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server
        server.shutdown()


def test_every_panel_is_asked_for(grafana: FakeGrafana, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(grafana.client, NAMESPACE, "scrap", [], 0)
    assert capsys.readouterr().out == "3 dashboards, 0 panels without data\n"
    expected = sum(len(panel.targets) for board in grafana.boards.values() for panel in panels(board))
    assert len(grafana.queries) == expected > 100
    for query in grafana.queries:
        assert not re.search(r"\$[a-z_]", query["expr"]), "every variable has its value"
        assert query["datasource"] == {"uid": "prometheus"}
        assert query["instant"] is not query["range"]
    assert any(f'namespace="{NAMESPACE}"' in query["expr"] for query in grafana.queries)


@pytest.mark.parametrize("grafana", [{"empty": ("ALERTS{",)}], indirect=True)
@pytest.mark.parametrize("may_be", [[], ["Firing alerts", "Alerts for a person"]])
def test_a_panel_without_data_is_named(
    may_be: list[str], grafana: FakeGrafana, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(grafana.client, NAMESPACE, "scrap", may_be, 0) is bool(may_be)
    line = f"scrap / Overview ({NAMESPACE}/scrap): Firing alerts"
    assert f"{'no data, as it may' if may_be else 'NO DATA'}: {line}" in capsys.readouterr().out


@pytest.mark.parametrize("grafana", [{"broken": "parse error"}], indirect=True)
def test_a_query_that_fails_is_an_error(grafana: FakeGrafana) -> None:
    with pytest.raises(GrafanaError, match="parse error"):
        check(grafana.client, NAMESPACE, "scrap", [], 0)


def test_a_release_without_dashboards_is_an_error(grafana: FakeGrafana) -> None:
    with pytest.raises(GrafanaError, match="no dashboard of release other/scrap"):
        check(grafana.client, "other", "scrap", [], 0)


@pytest.mark.parametrize(("password", "code"), [("secret", 0), ("wrong", 1)])
def test_the_command(password: str, code: int, grafana: FakeGrafana) -> None:
    flags = ["--url", f"http://127.0.0.1:{grafana.server_port}", "--namespace", NAMESPACE, "--wait", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.dashboards.grafana", *flags],
        cwd=ROOT,
        env={**os.environ, "GRAFANA_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("401" in done.stderr) is bool(code)
