"""The hooks that work on the CRD of AlertScaler: the script of their pods, at a fake API server."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CHART, Object

FILE = CHART / "crds" / "alertscalers.yaml"
CRD: Object = yaml.safe_load(FILE.read_text())
REVISION = "scaling.scrap.dev/revision"
OBJECTS = "/apis/scaling.scrap.dev/v1alpha1/alertscalers?limit=1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/alertscalers.scaling.scrap.dev"

# By revision, what the CRD was: a change of its spec needs a new number, or no upgrade would bring it.
REVISIONS = {"1": "2bef298d834f9e72", "2": "580457fd74323852"}
LATEST = list(REVISIONS)[-1]


class FakeAPIServer(ThreadingHTTPServer):
    """Has a CRD and AlertScalers.

    Attributes:
        crd: the CRD; None: there is none.
        left: the AlertScalers.
        requests: method, path and body of each request.
    """

    def __init__(self, crd: Object | None, left: list[Object]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.crd = crd
        self.left = left
        self.requests: list[tuple[str, str, Object | None]] = []


class _Handler(BaseHTTPRequestHandler):
    def _respond(self) -> None:
        assert isinstance(self.server, FakeAPIServer)
        assert self.headers["Authorization"] == "Bearer token"
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, json.loads(body) if body else None))
        found = {"items": self.server.left} if self.path == OBJECTS else self.server.crd
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def do_GET(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """The files of a pod's service account."""
    (tmp_path / "token").write_text("token")
    return tmp_path


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[FakeAPIServer]:
    """An API server, by the mark's arguments."""
    with FakeAPIServer(*getattr(request, "param", (None, []))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server
        server.shutdown()


def run(command: str, server: FakeAPIServer, account: Path) -> subprocess.CompletedProcess[str]:
    """The hook's script, as its pod runs it."""
    environment = {
        **os.environ,
        "CRD": json.dumps(CRD),
        "API": f"http://127.0.0.1:{server.server_port}",
        "ACCOUNT": str(account),
    }
    script = (CHART / "files" / "crd.py").read_text()
    return subprocess.run(
        [sys.executable, "-c", script, command], env=environment, capture_output=True, text=True, check=False
    )


def crd(**metadata: object) -> Object:
    """A CRD of the cluster, of an earlier chart."""
    return {
        "metadata": {"name": CRD["metadata"]["name"], "resourceVersion": "7", "uid": "u", **metadata},
        "spec": {"group": "old"},
    }


def test_a_changed_crd_has_a_new_revision() -> None:
    spec = hashlib.sha256(json.dumps(CRD["spec"], sort_keys=True).encode()).hexdigest()[:16]
    assert REVISIONS[CRD["metadata"]["annotations"][REVISION]] == spec, "raise its revision, and add it here"
    assert list(REVISIONS) == [str(number) for number in range(1, len(REVISIONS) + 1)]


@pytest.mark.parametrize("server", [(crd(), []), (crd(annotations={REVISION: "0"}, labels={}), [])], indirect=True)
def test_an_older_crd_is_replaced(server: FakeAPIServer, account: Path) -> None:
    done = run("upgrade", server, account)
    assert done.stdout == f"replaced revision 0 of the CRD with {LATEST}\n", done.stderr
    (_, (method, path, body)) = server.requests
    assert (method, path) == ("PUT", CRDS)
    assert body is not None
    assert body["spec"] == CRD["spec"]
    assert body["metadata"]["resourceVersion"] == "7", "a change in between is a conflict, and the Job tries again"


@pytest.mark.parametrize(
    "server", [(crd(labels={"scrap.dev/made-by": "k8s-up"}, annotations={"other": "stays"}), [])], indirect=True
)
def test_what_others_wrote_on_it_stays(server: FakeAPIServer, account: Path) -> None:
    run("upgrade", server, account)
    body = server.requests[-1][2]
    assert body is not None
    assert body["metadata"]["labels"] == {"scrap.dev/made-by": "k8s-up"}
    assert body["metadata"]["annotations"] == {"other": "stays", REVISION: CRD["metadata"]["annotations"][REVISION]}


@pytest.mark.parametrize(
    "server", [(crd(annotations={REVISION: number}), []) for number in (LATEST, "99")], indirect=True
)
def test_a_crd_that_is_as_new_or_newer_stays(server: FakeAPIServer, account: Path) -> None:
    """Two releases of different versions in a cluster share the CRD: the later one's serves both."""
    done = run("upgrade", server, account)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert [method for method, _, _ in server.requests] == ["GET"]


@pytest.mark.parametrize("server", [(None, [])], indirect=True)
def test_without_a_crd_an_upgrade_says_what_to_do(server: FakeAPIServer, account: Path) -> None:
    done = run("upgrade", server, account)
    assert done.returncode == 1
    assert "helm show crds" in done.stderr


@pytest.mark.parametrize("server", [(crd(), [])], indirect=True)
def test_the_last_release_takes_the_crd_away(server: FakeAPIServer, account: Path) -> None:
    assert run("delete", server, account).stdout == "deleted the CRD\n"
    assert [(method, path) for method, path, _ in server.requests] == [("GET", OBJECTS), ("DELETE", CRDS)]


@pytest.mark.parametrize("server", [(crd(), [{"metadata": {"namespace": "b", "name": "other"}}])], indirect=True)
def test_an_alertscaler_of_another_release_keeps_it(server: FakeAPIServer, account: Path) -> None:
    assert run("delete", server, account).stdout == "the CRD stays: there is an AlertScaler b/other\n"
    assert [method for method, _, _ in server.requests] == ["GET"]
