"""A server for each test that wants one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cache.redis_server import RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that runs."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")  # .ci/run installs it, and fails where anything is skipped
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
