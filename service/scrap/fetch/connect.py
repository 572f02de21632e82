"""Connections to addresses that were checked; never to a name."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch import exhaustion
from scrap.fetch.addresses import Address
from scrap.fetch.response import UpstreamResponse
from scrap.fetch.socket_reader import ConnectionResources
from scrap.fetch.tls_connection import TLSConnection
from scrap.fetch.tls_sessions import TLSSessions
from scrap.urls import Target


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens connections: there is no pool that could mix two origins up."""

    resources: ConnectionResources
    context: ssl.SSLContext  # verifies the host's name, whatever address was connected to
    sessions: TLSSessions = field(default_factory=TLSSessions)

    async def send(self, request: bytes, target: Target, addresses: Sequence[Address]) -> UpstreamResponse:
        """Sends a request's head, once, to the first checked address of its target that accepts a connection.

        While one does not answer, the next is tried beside it (RFC 8305). Raises UpstreamError (CONNECT_FAILED or
        TLS_FAILED) for the last one that failed, and Overloaded (EXHAUSTED) where there was no socket for one of them.
        """
        if len(addresses) == 1:
            return await self._connect(target, addresses[0], request)
        limits = self.resources.limits
        waiting = list(reversed(addresses[: limits.addresses]))
        attempts: set[asyncio.Task[UpstreamResponse]] = set()
        failure: BaseException | None = None  # the last one, and a local one before any other
        try:
            while waiting or attempts:
                if waiting:
                    attempts.add(asyncio.create_task(self._connect(target, waiting.pop())))
                patience = limits.address_delay if waiting else None
                done, _ = await asyncio.wait(attempts, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for attempt in done:
                    attempts.discard(attempt)
                    failed = attempt.exception()
                    if failed is None:
                        response = attempt.result()
                        response.send(request)
                        return response
                    failure = failure if isinstance(failure, Overloaded) else failed
        finally:
            for attempt in attempts:
                attempt.add_done_callback(_discard)
                attempt.cancel()
        raise failure or UpstreamError(Reason.CONNECT_FAILED, "no address")

    async def _connect(self, target: Target, address: Address, request: bytes = b"") -> UpstreamResponse:
        response = UpstreamResponse(target, self.resources, request)
        is_tls = target.scheme == "https"
        tls = TLSConnection(response, self.context, self.sessions, self.resources) if is_tls else None
        try:
            await asyncio.get_running_loop().create_connection(lambda: tls or response, str(address), target.port)
            if tls is not None:
                await tls.handshake()
        except BaseException as error:
            if tls is not None:
                tls.abort()
            response.abort()
            if isinstance(error, OSError):
                raise exhaustion.blame(error, Reason.CONNECT_FAILED, f"{address}: {error}", address) from None
            raise
        return response


def _discard(attempt: asyncio.Task[UpstreamResponse]) -> None:
    """Closes what connected after all, between the race's end and its own cancellation."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().abort()
