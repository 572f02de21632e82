"""What the operator's tests against a real Alertmanager share."""

import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from scrap_operator import source
from tests.integration.operator.alertmanager import Alertmanager, binary


@pytest.fixture(scope="module")
def shared_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """One for the tests that only send it alerts of their own names."""
    yield from _running(tmp_path_factory.mktemp("alertmanager"))


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    """One that a test may hurt."""
    yield from _running(tmp_path)


def _running(directory: Path) -> Iterator[Alertmanager]:
    program = binary("alertmanager")
    if program is None:
        pytest.skip("no alertmanager on PATH or in the cluster's tools: ../shared/cluster/setup tools builds it")
    running = Alertmanager(program, directory)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """What a client makes for itself, each time, in several times the time of a poll."""
    return ssl.create_default_context()


@pytest.fixture
async def client(tls: ssl.SSLContext) -> AsyncIterator[httpx2.AsyncClient]:
    """The operator's own, for polls."""
    async with source.new_client(tls) as opened:
        yield opened
