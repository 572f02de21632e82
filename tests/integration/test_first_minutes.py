"""The commands of README.md and docs/start.md, word by word in a fresh clone, but for addresses and ports.

The clone is one of this repository's last commit. The page behind https://ogp.me/ is one on loopback, with the
properties of README.md's example. Not run here: what needs docker and kind (`NOT_RUN`); tests/cluster installs the
chart on a real cluster, with other commands.
"""

import html
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import running
from tests.documents import ROOT, block, commands

NOT_RUN = {
    "kind create cluster --config k8s/kind.yaml": "needs docker",
    "make image && kind load docker-image localhost/scrap:dev": "needs docker",
    "make image": "needs docker",
    "docker run --rm --read-only -p 8080:8080 localhost/scrap:dev": "needs docker",
    "helm install scrap charts/scrap --namespace scrap --create-namespace --wait": "needs that cluster",
    "helm test scrap --namespace scrap": "needs that cluster",
}
OF_OTHERS = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"}  # of the make that runs tests


@dataclass(frozen=True)
class Folder:
    """A clone with a service that runs in it.

    Attributes:
        path: its folder.
        environment: of every command.
        addresses: what the documents have in place of the service's addresses, and of the page's.
    """

    path: Path
    environment: dict[str, str]
    addresses: dict[str, str]

    def run(self, command: str) -> str:
        """The output of a documented command."""
        for documented, real in self.addresses.items():
            command = command.replace(documented, real)
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.path, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class OgpPage(running.Answer):
    """Serves the page that README.md has the response of."""

    def do_GET(self) -> None:
        """Serves it at every path."""
        properties = json.loads(block("README.md", "json"))["properties"]
        metas = (f'<meta property="{name}" content="{html.escape(text)}">' for name, text in properties)
        self.answer(200, ("<!doctype html><head>" + "".join(metas)).encode(), {"Content-Type": "text/html"})


def documented(document: str) -> list[tuple[str, str]]:
    """The commands of a document that are run here, each with its output."""
    return [(command, output) for command, output in commands(document) if command not in NOT_RUN]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A fresh clone and its service, by the first two commands of docs/start.md."""
    folder = tmp_path_factory.mktemp("first")
    environment = {name: value for name, value in os.environ.items() if name not in OF_OTHERS} | {
        "SCRAP_PORT": "0",
        "SCRAP_MANAGEMENT_PORT": "0",
        "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SCRAP_ALLOWED_PORTS": "1-65535",
    }
    (clone, _), (run, _), *_ = documented("docs/start.md")
    Folder(folder, environment, {"https://github.com/OWNER/REPO": f"file://{ROOT}"}).run(clone)
    with (
        running.origin(OgpPage) as origin,
        subprocess.Popen(
            run.split(), cwd=folder / "scrap", env=environment, stdout=subprocess.PIPE, text=True, process_group=0
        ) as service,
    ):
        assert service.stdout
        found = None
        for line in service.stdout:
            if found := re.search(r"serving on http://(\S+?), management on http://([^\s\"]+)", line):
                break
        assert found, "make run did not serve"
        addresses = {"127.0.0.1:8080": found[1], "127.0.0.1:8081": found[2], "https://ogp.me/": f"{origin.url}/"}
        yield Folder(folder / "scrap", environment, addresses)
        os.killpg(service.pid, signal.SIGTERM)
        service.stdout.read()


@pytest.mark.parametrize(("document", "before"), [("docs/start.md", 2), ("README.md", 1)])
def test_the_commands_do_what_the_document_says(document: str, before: int, clone: Folder) -> None:
    """Those before have made the clone, and serve."""
    assert documented(document)[before - 1][0] == "make run"
    for command, expected in documented(document)[before:]:
        pattern = ".*".join(map(re.escape, (expected.strip() or "…").split("…")))
        assert re.fullmatch(pattern, clone.run(command).strip(), re.DOTALL), command


def test_what_is_not_run_is_documented() -> None:
    written = {command for document in ("docs/start.md", "README.md") for command, _ in commands(document)}
    assert written >= set(NOT_RUN)


def test_the_korean_page_has_the_same_commands() -> None:
    assert commands("docs/ko/start.md") == commands("docs/start.md")
