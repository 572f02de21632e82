"""One hop, from a URL to an answer's head: judged, looked up once, checked, connected to what was checked."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, time

from scrap.errors import Blocked, DeadlineExceeded, Reason, ScrapError, UpstreamError
from scrap.events import Emit, HopEnded, TargetBlocked, Timings
from scrap.fetch import exhaustion, guard
from scrap.fetch.addresses import Address
from scrap.fetch.coding import ACCEPTED
from scrap.fetch.connect import Connector
from scrap.fetch.exchange import Exchange
from scrap.fetch.fields import Fields
from scrap.fetch.host_limits import HostSlots
from scrap.fetch.limits import FetchLimits
from scrap.fetch.policy import EgressPolicy
from scrap.fetch.resolver import Resolve
from scrap.fetch.verdict import GuardVerdict
from scrap.turns import Turns
from scrap.urls import Target

_ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hop's host said: the head, and the exchange that its body comes over.

    Whoever has it must close it: the connection ends at once, and the host's place is given back.
    """

    target: Target
    status: int
    fields: Fields
    exchange: Exchange
    places: HostSlots

    def close(self) -> None:
        self.exchange.abort()
        self.places.give_back(self.target.host)


class Hops:
    """Sends requests to public addresses and to what the policy allows; there is no other way out."""

    def __init__(
        self,
        *,
        limits: FetchLimits,
        policy: EgressPolicy,
        emit: Emit,
        turns: Turns,
        resolve: Resolve,
        ssl_context: ssl.SSLContext,
    ) -> None:
        self._limits = limits
        self._policy = policy
        self._emit = emit
        self._resolve = resolve
        self._connector = Connector(limits, ssl_context, turns)
        self._places = HostSlots(limits)
        self._fields = (
            f"User-Agent: {policy.user_agent}\r\nAccept: {_ACCEPT}\r\nAccept-Language: {policy.accept_language}\r\n"
            f"Accept-Encoding: {ACCEPTED}\r\nConnection: close\r\n"
        ).encode("ascii")

    async def get(self, target: Target, cookie: bytes, timings: Timings) -> Answer:
        """Sends one GET and returns its answer as soon as the head is there.

        Args:
            cookie: the Cookie header's value; empty for none.
            timings: the hop's are added to it.

        Raises:
            Blocked: the guard refuses the target; nothing was sent.
            UpstreamError: the host has no address, or gives no answer.
            DeadlineExceeded: TIMEOUT_CONNECT or TIMEOUT_FIRST_BYTE.
            Overloaded: FULL, too many wait for this host, or EXHAUSTED.
        """
        started = perf_counter()
        try:
            await self._places.take(target.host)
        finally:
            timings.wait += perf_counter() - started
        try:
            exchange = await self._told(target, self._head(target, cookie), timings)
        except BaseException:
            self._places.give_back(target.host)
            raise
        return Answer(target, exchange.status, exchange.fields, exchange, self._places)

    async def _told(self, target: Target, request: bytes, timings: Timings) -> Exchange:
        """Tells how the hop went, however it ends; one that the guard refused was none."""
        began, started = time(), perf_counter()
        hop = Timings()

        def tell(status: int | None, reason: Reason | None) -> None:
            self._emit(
                HopEnded(
                    host=target.host,
                    port=target.port,
                    url=target.href,
                    started=began,
                    seconds=perf_counter() - started,
                    dns=hop.dns,
                    connect=hop.connect,
                    first_byte=hop.first_byte,
                    status=status,
                    reason=reason,
                )
            )

        try:
            exchange = await self._exchange(target, request, hop)
            tell(exchange.status, None)
        except Blocked:
            raise
        except ScrapError as error:
            tell(None, error.reason)
            raise
        except asyncio.CancelledError:
            tell(None, None)
            raise
        finally:
            timings.dns += hop.dns
            timings.connect += hop.connect
            timings.first_byte += hop.first_byte
        return exchange

    async def _exchange(self, target: Target, request: bytes, hop: Timings) -> Exchange:
        late = Reason.TIMEOUT_CONNECT
        exchange: Exchange | None = None
        try:
            async with asyncio.timeout(self._limits.connect_seconds) as limit:
                addresses = await self._addresses(target, hop)
                started = perf_counter()
                try:
                    exchange = await self._connector.send(request, target, addresses)
                finally:
                    connected = perf_counter()
                    hop.connect = connected - started
                late = Reason.TIMEOUT_FIRST_BYTE
                limit.reschedule(asyncio.get_running_loop().time() + self._limits.first_byte_seconds)
                try:
                    await exchange.answer()
                finally:
                    hop.first_byte = exchange.first_byte or perf_counter() - connected
                return exchange
        except BaseException as error:
            if exchange is not None:
                exchange.abort()
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(late) from None
            raise

    async def _addresses(self, target: Target, hop: Timings) -> Sequence[Address]:
        """Judges the target and, after one look-up, every address: one that is not public refuses the name."""
        self._act(guard.judge_port(target.port, self._policy), f"{target.host} port {target.port}")
        written = guard.literal(target.host)
        if written is not None:
            self._act(guard.judge_address(written, self._policy), target.host)
            return (written,)
        self._act(guard.judge_name(target.host, self._policy), target.host)
        started = perf_counter()
        try:
            found = await self._resolve(target.host)
        except OSError as error:
            raise exhaustion.blame(error, Reason.DNS_FAILED, str(error)) from None
        finally:
            hop.dns = perf_counter() - started
        if not found:
            raise UpstreamError(Reason.DNS_FAILED, "no address")
        return [self._checked(text, target) for text in found]

    def _checked(self, text: str, target: Target) -> Address:
        address = guard.literal(text)
        if address is None:
            raise self._refusal(GuardVerdict.UNREADABLE, f"{target.host} is {text}")
        self._act(guard.judge_address(address, self._policy), f"{target.host} is {address}")
        return address

    def _act(self, verdict: GuardVerdict, internal: str) -> None:
        if verdict.reason is not None:
            raise self._refusal(verdict, internal)

    def _refusal(self, verdict: GuardVerdict, internal: str) -> Blocked:
        self._emit(TargetBlocked(verdict.value))
        return Blocked(verdict.reason or Reason.BLOCKED_ADDRESS, f"{verdict}: {internal}")

    def _head(self, target: Target, cookie: bytes) -> bytes:
        """Writes a request's head (RFC 9112, section 3)."""
        first = f"GET {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n".encode("ascii")
        return first + self._fields + (b"Cookie: %b\r\n\r\n" % cookie if cookie else b"\r\n")
