"""New connections where the event loop is busy, and where there is no file descriptor for them."""

import asyncio
import contextlib
import itertools
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from scrap.api import ConnectionLimits, Server, ServerLimits, listen, management_app
from scrap.clients import NO_CLIENTS
from scrap.events import ignore
from tests import client, running
from tests.waiting import eventually

CLIENTS = 128


async def iterations(limits: ServerLimits) -> int:
    """How many iterations of the event loop pass until connections that wait in the kernel are accepted."""
    loop = asyncio.get_running_loop()
    app = management_app(stopping=asyncio.Event(), exposition=lambda _: (b"", ""), top_clients=bytes)
    listener = listen("127.0.0.1", 0, limits=limits)
    passed = 0

    def count() -> None:
        nonlocal passed
        passed += 1
        if len(server.server_state.connections) < CLIENTS:
            loop.call_soon(count)  # in the next iteration
        else:
            accepted.set_result(passed)

    server = Server(app, limits=limits, connections=ConnectionLimits(), emit=ignore, clients=NO_CLIENTS)
    address = listener.getsockname()
    async with server.running(listener):
        while not server.started:
            await asyncio.sleep(0)
        with contextlib.ExitStack() as stack:
            for _ in range(CLIENTS):  # the loop does not run meanwhile
                stack.enter_context(socket.create_connection(address, timeout=10))
            accepted: asyncio.Future[int] = loop.create_future()
            loop.call_soon(count)
            await accepted
    with pytest.raises(ConnectionRefusedError):  # no duplicate of the socket is left
        socket.create_connection(address, timeout=10)
    return accepted.result()


def test_connections_that_wait_are_accepted_within_a_few_iterations() -> None:
    limits = ServerLimits()
    assert uvloop.run(iterations(limits)) <= CLIENTS / limits.accepts + 2
    assert uvloop.run(iterations(ServerLimits(accepts=1))) >= CLIENTS  # what a handle accepts, and why there are more


def descriptors(service: running.Service) -> set[int]:
    """The file descriptors that the service has open."""
    return {int(entry.name) for entry in Path(f"/proc/{service.process.pid}/fd").iterdir()}


def is_closed(connection: socket.socket) -> bool:
    """Whether the service has closed a connection that nothing was sent on."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@contextlib.contextmanager
def few_descriptors(service: running.Service, more: int) -> Iterator[None]:
    """Lets the service open only so many more."""
    process, taken = service.process.pid, descriptors(service)
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    limit = next(n for n in itertools.count() if n - sum(number < n for number in taken) == more)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)


def test_a_connection_that_gets_no_descriptor_is_closed_and_does_not_wait() -> None:
    with running.service() as service, contextlib.ExitStack() as stack:
        assert client.request(service.url, "/openapi.json").status == 200  # all that it opens at its start is open
        before = descriptors(service)
        stack.enter_context(few_descriptors(service, 4))
        connections = [stack.enter_context(client.connect(service.url)) for _ in range(60)]
        # 4 are accepted, and one more, at any time, where the connection of the request above is closed late.
        eventually(lambda: sum(map(is_closed, connections)) >= 55)
        for connection in connections:
            connection.close()
        eventually(lambda: len(descriptors(service)) <= len(before))
        assert client.request(service.url, "/openapi.json").status == 200
