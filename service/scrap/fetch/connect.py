"""Connections to addresses that were checked; never to a name."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch import exhaustion
from scrap.fetch.addresses import Address
from scrap.fetch.exchange import READ_BYTES, Exchange
from scrap.fetch.limits import FetchLimits
from scrap.fetch.secure import TLSConnection
from scrap.turns import Turns
from scrap.urls import Target


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens a connection of its own for every request: there is no pool that could mix two origins up.

    Args:
        context: verifies the host's name, whatever address was connected to.
    """

    limits: FetchLimits
    context: ssl.SSLContext
    turns: Turns
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(READ_BYTES)))
    wire: memoryview = field(default_factory=lambda: memoryview(bytearray(READ_BYTES)))  # of what is TLS

    async def send(self, request: bytes, target: Target, addresses: Sequence[Address]) -> Exchange:
        """Sends a request to the first address that takes a connection.

        The addresses are tried in order; while one does not answer, the next is tried beside it (RFC 8305).

        Args:
            request: the request's head; it is sent once.
            target: gives the port, and the name that TLS is verified against.
            addresses: where the target is, all of them checked; the first `limits.addresses` are tried.

        Raises:
            UpstreamError: CONNECT_FAILED or TLS_FAILED, for the last address that failed.
            Overloaded: EXHAUSTED; there was no socket for one of them.
        """
        tried = addresses[: self.limits.addresses]
        if len(tried) == 1:
            return await self._connect(request, target, tried[0], eager=True)
        exchange = await self._race(request, target, tried)
        exchange.begin()
        return exchange

    async def _race(self, request: bytes, target: Target, addresses: Sequence[Address]) -> Exchange:
        waiting = list(reversed(addresses))
        attempts: set[asyncio.Task[Exchange]] = set()
        failure: BaseException | None = None  # the last one, and one of ours before any other
        try:
            while waiting or attempts:
                if waiting:
                    attempts.add(asyncio.create_task(self._connect(request, target, waiting.pop(), eager=False)))
                patience = self.limits.address_delay if waiting else None
                done, _ = await asyncio.wait(attempts, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for attempt in done:
                    attempts.discard(attempt)
                    failed = attempt.exception()
                    if failed is None:
                        return attempt.result()
                    failure = failure if isinstance(failure, Overloaded) else failed
        finally:
            for attempt in attempts:
                attempt.add_done_callback(_discard)
                attempt.cancel()
        raise failure or UpstreamError(Reason.CONNECT_FAILED, "no address")

    async def _connect(self, request: bytes, target: Target, address: Address, *, eager: bool) -> Exchange:
        exchange = Exchange(request, self.limits, self.buffer, self.turns, eager=eager)
        if target.scheme == "https":
            tls = TLSConnection(
                exchange, self.context, target.host, self.limits, self.turns, wire=self.wire, plain=self.buffer
            )
            try:
                await self._open(tls, target, address)
                await tls.handshake()
            except BaseException:
                tls.abort()
                exchange.abort()
                raise
        else:
            await self._open(exchange, target, address)
        return exchange

    async def _open(self, protocol: asyncio.BufferedProtocol, target: Target, address: Address) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: protocol, str(address), target.port)
        except OSError as error:
            raise exhaustion.blame(error, Reason.CONNECT_FAILED, f"{address}: {error}", address) from None


def _discard(attempt: asyncio.Task[Exchange]) -> None:
    """Closes what connected after all, between the race's end and its own cancellation."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().abort()
