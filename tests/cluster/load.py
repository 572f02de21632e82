"""A bounded load, as real clients make it: connections that are kept, requests at a steady rate, nothing tried twice.

Whatever is not the expected answer is a lost request: a connection that is refused or cut, a status that is not 200,
an answer that is not there in time.
"""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.cluster.clusters import until

TIMEOUT = 20.0  # seconds for one answer; more than the service's own deadline
REQUESTS = 100  # that a connection is kept for, so that new pods get their share as well


@dataclass
class Seen:
    """What became of the requests.

    Attributes:
        answered: how many were answered as expected.
        lost: how many were not, by what happened instead.
        connections: how many connections were opened.
        slowest: seconds of the slowest answer.
    """

    answered: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    slowest: float = 0.0


class LoadClient:
    """One client with one connection, which it keeps for a while or until the service says otherwise."""

    def __init__(self, host: str, port: int, targets: Iterator[str], seen: Seen) -> None:
        self._address = host, port
        self._targets = targets
        self._seen = seen
        self._left = REQUESTS
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self) -> None:
        """Sends one request and notes what came back."""
        started = time.monotonic()
        is_fresh = self._writer is None
        try:
            async with asyncio.timeout(TIMEOUT):
                status, is_kept = await self._exchange()
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            when = "a new connection" if is_fresh else "a kept connection"
            self._seen.lost[f"{type(error).__name__} on {when}"] += 1
            self.close()
            return
        if status == 200:
            self._seen.answered += 1
        else:
            self._seen.lost[f"status {status}"] += 1
        self._seen.slowest = max(self._seen.slowest, time.monotonic() - started)
        self._left -= 1
        if not is_kept or not self._left:
            self.close()

    async def _exchange(self) -> tuple[int, bool]:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
            self._seen.connections += 1
            self._left = REQUESTS
        self._writer.write(f"GET {next(self._targets)} HTTP/1.1\r\nHost: {self._address[0]}\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in head[1:] if line)
        await self._reader.readexactly(int(fields[b"content-length"]))
        return int(head[0].split()[1]), fields.get(b"connection") != b"close"

    def close(self) -> None:
        """Drops the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def _run(clients: list[LoadClient], rate: float, stop: threading.Event) -> None:
    pause = len(clients) / rate

    async def work(client: LoadClient, delay: float) -> None:
        due = time.monotonic() + delay
        while not stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await client.call()
            due = max(due + pause, time.monotonic() - 1)  # after a pause of the machine: no burst to make up for it
        client.close()

    async with asyncio.TaskGroup() as group:
        for index, client in enumerate(clients):
            group.create_task(work(client, pause * index / len(clients)))


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def load(host: str, port: int, targets: list[Iterator[str]], rate: float = 400.0) -> Iterator[Seen]:
    """Calls a service for as long as the block runs, once it accepts connections.

    `helm install --wait` waits for pods; a node gets a new Service's endpoints up to some seconds later.

    Args:
        host: its address.
        port: its port.
        targets: for each client the paths, with their queries, that it asks for one after the other.
        rate: requests a second, all clients together.
    """
    until(f"{host} accepts connections", lambda: _accepts(host, port))
    seen, stop = Seen(), threading.Event()
    clients = [LoadClient(host, port, paths, seen) for paths in targets]
    thread = threading.Thread(target=lambda: asyncio.run(_run(clients, rate, stop)))
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
