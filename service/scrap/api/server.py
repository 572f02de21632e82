"""One listening port: a socket, and uvicorn with every limit chosen on purpose."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextvars import Context
from dataclasses import dataclass
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from scrap.api.connection import ConnectionConfig, ConnectionLimits
from scrap.api.request_context import rejection
from scrap.clients import ClientReader
from scrap.events import Emit


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """How long a port waits for its clients."""

    # Connections that the kernel holds until they are accepted; others try again, about a second later.
    backlog: int = 256
    # Connections accepted in one iteration of the event loop, 0.1 ms each. Fewer: a new connection waits for many
    # iterations. More: a flood of connections makes iterations long, and each costs 2 µs a connection.
    accepts: int = 16
    # Seconds that an idle connection is kept. Longer than most clients keep theirs: a server that closes first may meet
    # a request on its way.
    keep_alive: int = 75
    # Seconds after SIGTERM until what is under way is cancelled, on both ports together. The process ends a few seconds
    # later at most: telemetry is sent for two, and a thread may finish its page or its look-up.
    shutdown: int = 25
    # Seconds for which a client may leave what was sent unread; then the kernel drops the connection.
    write: float = 10.0


class Server(uvicorn.Server):
    """A uvicorn server that its owner stops, not a signal."""

    def __init__(
        self, app: ASGIApp, *, limits: ServerLimits, connections: ConnectionLimits, emit: Emit, clients: ClientReader
    ) -> None:
        # When what is under way is cancelled, in the event loop's time; None: `limits.shutdown` after `running`.
        self.deadline: float | None = None
        self._accepts = limits.accepts
        super().__init__(
            ConnectionConfig(
                app=app,
                limits=connections,
                reject=partial(Context().run, partial(rejection, emit=emit, clients=clients)),  # its own context
                loop="none",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,  # `RequestEnded` has its own line
                proxy_headers=False,  # `ClientReader` reads them
                server_header=False,
                backlog=limits.backlog,
                timeout_keep_alive=limits.keep_alive,
                timeout_graceful_shutdown=limits.shutdown,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @contextlib.asynccontextmanager
    async def running(self, listener: socket.socket) -> AsyncIterator["Server"]:
        """Serves on a socket; at the end refuses new connections and sends the last responses."""
        # uvloop accepts one connection in an iteration for each handle that listens: a duplicate of the socket is a
        # handle of its own for the same queue in the kernel. uvicorn closes them all.
        listeners = [listener, *(listener.dup() for _ in range(1, self._accepts))]
        served = asyncio.create_task(self.serve(listeners))
        try:
            yield self
        finally:
            self.should_exit = True
            if self.deadline is not None:
                # With 0, uvicorn would report a timeout although nothing is left to wait for.
                left = max(0.01, self.deadline - asyncio.get_running_loop().time())
                self.config.timeout_graceful_shutdown = left  # type: ignore[assignment]  # any number of seconds will do
            await served

    async def drain(self, *, linger: float, deadline: float) -> None:
        """Lets what is under way end; new requests are served as well, but no connection is kept.

        Args:
            linger: seconds to go on at least, for clients that still send requests here.
            deadline: when it ends at the latest, by the event loop's clock; `running` ends what is left then.
        """
        self.deadline = deadline
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)  # from the next tick on
        self.server_state.default_headers = [*self.server_state.default_headers, close]  # and at once
        under_way = [*self.server_state.tasks, asyncio.create_task(asyncio.sleep(linger))]
        await asyncio.wait(under_way, timeout=deadline - asyncio.get_running_loop().time())


def stop_signal() -> asyncio.Event:
    """Creates an event that SIGTERM and SIGINT set: readiness fails at once, and the drain begins."""
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    return event


def listen(host: str, port: int, *, limits: ServerLimits) -> socket.socket:
    """Opens a listening socket; raises OSError where the address is in use or is none."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
    except (OSError, TypeError) as error:  # the latter of a host that cannot be any
        raise OSError(f"cannot listen on {host} port {port}: {getattr(error, 'strerror', '') or error}") from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux; connections inherit it (tcp(7))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.write * 1000))
    return listener
