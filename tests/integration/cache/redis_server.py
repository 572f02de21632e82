"""A real redis-server that a test may kill, freeze and bring back."""

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from tests.freezing import freeze, thaw

DEADLINE = 10.0  # seconds until something that must happen has failed to


class RedisServer:
    """A redis-server on a loopback port of its own, without persistence."""

    def __init__(self, directory: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.secure_url = ""  # where it speaks TLS
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def admin(self) -> "Redis":
        """A client for what the test does behind the cache's back."""
        return Redis(port=self.port, protocol=2, retry=Retry(NoBackoff(), 0))

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._directory)]
        with (self._directory / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(["redis-server", *arguments, *self._options], stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                self.admin.ping()
            except AuthenticationError:
                return
            except RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Leaves the server hung: it accepts connections and says nothing."""
        assert self._process is not None
        freeze(self._process)

    def thaw(self) -> None:
        assert self._process is not None
        thaw(self._process)


async def received(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What a fake server receives, until its client goes, however it goes: a cut with replies unread is a reset."""
    with contextlib.suppress(ConnectionResetError):
        while data := await reader.read(65536):
            yield data


async def until(condition: Callable[[], object]) -> None:
    """Waits for something that happens in a task of its own or in another process."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.002)
