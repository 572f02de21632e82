"""What the operator's tests against a real Alertmanager share."""

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


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """The operator's own, for polls."""
    async with source.new_client() as opened:
        yield opened
