"""The programs of docs/clients.md, as they are there but for their addresses, against the real service."""

import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import client, running
from tests.documents import block
from tests.integration.test_caching import figure
from tests.waiting import eventually

TITLE = 'The "Open Graph" protocol'
PAGE = f"<meta property='og:title' content='{TITLE}'><meta property='og:image:title' content='Of the image'>".encode()
# The command that runs a file, its name, and what in it is the timeout, then half a second.
CLIENTS = {
    "bash": (["bash"], "preview.sh", "--max-time 10", "--max-time 0.5"),
    "python": ([sys.executable], "preview.py", "timeout=10", "timeout=0.5"),
    "js": (["node"], "preview.mjs", "10_000", "500"),
    "go": (["go"], "preview.go", "10 * time.Second", "500 * time.Millisecond"),
}
BESIDE = {"bash": ["curl", "jq"]}  # programs that a client runs
LANGUAGES = [
    pytest.param(
        language,
        marks=pytest.mark.skipif(  # .ci/run installs them, and beside ../shared fails where anything is skipped
            not all(map(shutil.which, [command[0], *BESIDE.get(language, [])])),
            reason=f"{command[0]}, or what it runs, is not installed",
        ),
    )
    for language, (command, *_) in CLIENTS.items()
]


class HeldPage(running.Answer):
    """Responds at once, but to /held when the test releases it."""

    released = threading.Event()

    def do_GET(self) -> None:
        """Serves the page."""
        assert self.path != "/held" or self.released.wait(30)
        self.answer(200, PAGE, {"Content-Type": "text/html"})


@pytest.fixture
def held() -> Iterator[running.Origin]:
    """An origin with a page that is held."""
    HeldPage.released = threading.Event()
    with running.origin(HeldPage) as origin:
        yield origin
        HeldPage.released.set()


def program(language: str, folder: Path, service: str, page: str, *, is_patient: bool = True) -> list[str | Path]:
    """A client of the document, ready to be started."""
    command, name, timeout, impatient = CLIENTS[language]
    code = block("docs/clients.md", language)
    changes = [
        ("http://127.0.0.1:8080", service),
        ("https://ogp.me/", page),
        (timeout, timeout if is_patient else impatient),
    ]
    for old, new in changes:
        assert code.count(old) == 1
        code = code.replace(old, new)
    (folder / name).write_text(code)
    arguments: list[str | Path] = [*command, folder / name]
    if language == "go":
        arguments = [folder / "preview"]
        subprocess.run(["go", "build", "-o", *arguments, folder / name], check=True)
    return arguments


def started(arguments: list[str | Path]) -> subprocess.Popen[str]:
    """Starts a client."""
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )


def test_every_language_is_run() -> None:
    text = (Path(__file__).parents[2] / "docs/clients.md").read_text()
    assert [line.removeprefix("```") for line in text.splitlines() if line.startswith("```")][::2] == list(CLIENTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_waits_for_retry_after(language: str, held: running.Origin, tmp_path: Path) -> None:
    """The only slot is taken while the client sends its first request, and free when it sends its second."""
    settings = {"SCRAP_MAX_FETCHES": "1", "SCRAP_MAX_WAITING": "1", "SCRAP_MAX_WAIT": "0.1"}
    settings |= {"SCRAP_DEADLINE": "60", "SCRAP_FIRST_BYTE_SECONDS": "60"}
    with running.service(settings) as service, ThreadPoolExecutor(1) as other:
        arguments = program(language, tmp_path, service.url, f"{held.url}/page")
        first = other.submit(client.scrap, service.url, f"{held.url}/held")
        eventually(lambda: figure(service, "scrap_admission_in_flight") == 1)
        with started(arguments) as running_client:
            eventually(lambda: figure(service, 'scrap_failures_total{fault="service",outcome="shed",reason="full"}'))
            HeldPage.released.set()
            output, errors = running_client.communicate(timeout=60)
        assert running_client.returncode == 0, errors
        assert output == f"{TITLE}\n"
        assert first.result().status == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_reports_other_errors(
    language: str, service: running.Service, origin: running.Origin, tmp_path: Path
) -> None:
    with started(program(language, tmp_path, service.url, f"{origin.url}/missing.html")) as running_client:
        output, errors = running_client.communicate(timeout=60)
    assert running_client.returncode != 0
    assert not output
    assert "502" in errors


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_does_not_wait_for_ever(language: str, tmp_path: Path) -> None:
    """The service's port accepts connections and nothing else; the documented 10 s are half a second here."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with started(program(language, tmp_path, address, "https://ogp.me/", is_patient=False)) as running_client:
            _, errors = running_client.communicate(timeout=60)
    assert running_client.returncode != 0
    assert re.search("timed out|timeout|Timeout", errors)
