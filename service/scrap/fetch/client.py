"""Requests to public addresses: each target is judged, looked up once, checked, and connected to what was checked."""

import ssl
from collections.abc import Sequence
from time import perf_counter, time

from scrap.errors import Blocked, Reason, ScrapError, UpstreamError
from scrap.events import Emit, FetchEnded, Hop, TargetBlocked
from scrap.fetch import exhaustion, guard
from scrap.fetch.addresses import Address
from scrap.fetch.connect import Connector
from scrap.fetch.deadline import Deadline
from scrap.fetch.egress_policy import EgressPolicy
from scrap.fetch.host_limits import HostSlots
from scrap.fetch.limits import FetchLimits
from scrap.fetch.request_headers import request_headers
from scrap.fetch.resolver import Resolve
from scrap.fetch.response import UpstreamResponse
from scrap.fetch.verdict import GuardVerdict
from scrap.turns import Turns
from scrap.urls import Target


class HTTPClient:
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
        self._slots = HostSlots(limits)
        self._headers = request_headers(policy.user_agent)

    async def get(self, target: Target, cookie: bytes, summary: FetchEnded, deadline: Deadline) -> UpstreamResponse:
        """Sends one GET and returns its response as soon as the head is there. It must be given to `close`.

        The arguments but for `cookie`, the header's value, and what it raises are those of `Fetcher.open`.
        """
        timings, started = summary.timings, perf_counter()
        try:
            await self._slots.take(target.host)
        finally:
            timings.wait += perf_counter() - started
        hop = Hop(target.host, target.port, target.href, time())
        response: UpstreamResponse | None = None
        began, resolved, connected = perf_counter(), 0.0, 0.0
        try:
            deadline.begin(Reason.TIMEOUT_CONNECT, self._limits.connect_seconds)
            addresses = await self._addresses(target, hop)
            resolved = perf_counter()
            response = await self._connector.send(self._head(target, cookie), target, addresses)
            connected = perf_counter()
            deadline.begin(Reason.TIMEOUT_FIRST_BYTE, self._limits.first_byte_seconds)
            await response.head()
            deadline.end_phase()
            hop.status = response.status
            summary.hops.append(hop)
            return response
        except BaseException as error:
            if response is not None:
                response.abort()
            self._slots.give_back(target.host)
            hop.reason = error.reason if isinstance(error, ScrapError) else deadline.exceeded_phase
            if not isinstance(error, Blocked):
                summary.hops.append(hop)
            raise
        finally:
            ended = perf_counter()
            hop.seconds = ended - began
            if resolved:
                hop.connect = (connected or ended) - resolved
            if response is not None:
                hop.first_byte = response.first_byte or ended - connected
            timings.dns += hop.dns
            timings.connect += hop.connect
            timings.first_byte += hop.first_byte

    def close(self, response: UpstreamResponse) -> None:
        """Ends a response's connection at once, and gives the host's slot back."""
        response.abort()
        self._slots.give_back(response.target.host)

    async def _addresses(self, target: Target, hop: Hop) -> Sequence[Address]:
        """Judges the target and, after one look-up, every address: one that is not public blocks the name."""
        if target.port not in self._policy.ports:
            raise self._block(GuardVerdict.PORT, target, f"port {target.port}")
        literal = guard.literal(target.host)
        if literal is not None:
            return [self._checked(literal, target)]
        verdict = guard.judge_name(target.host, self._policy)
        if verdict.reason is not None:
            raise self._block(verdict, target)
        started = perf_counter()
        try:
            found = await self._resolve(target.host)
        except OSError as error:
            raise exhaustion.blame(error, Reason.DNS_FAILED, str(error)) from None
        finally:
            hop.dns = perf_counter() - started
        if not found:
            raise UpstreamError(Reason.DNS_FAILED, "no address")
        return [self._checked(guard.literal(text), target, text) for text in found]

    def _checked(self, address: Address | None, target: Target, detail: str = "") -> Address:
        verdict = GuardVerdict.UNREADABLE if address is None else guard.judge_address(address, self._policy)
        if address is None or verdict.reason is not None:
            raise self._block(verdict, target, detail)
        return address

    def _block(self, verdict: GuardVerdict, target: Target, detail: str = "") -> Blocked:
        self._emit(TargetBlocked(verdict.value))
        return Blocked(verdict.reason or Reason.BLOCKED_ADDRESS, f"{verdict}: {target.host} {detail}".rstrip())

    def _head(self, target: Target, cookie: bytes) -> bytes:
        """Writes a request's head (RFC 9112, section 3)."""
        languages = target.languages or self._policy.accept_language
        first = f"GET {target.path} HTTP/1.1\r\nHost: {target.authority}\r\nAccept-Language: {languages}\r\n"
        return first.encode("ascii") + self._headers + (b"Cookie: %b\r\n\r\n" % cookie if cookie else b"\r\n")
