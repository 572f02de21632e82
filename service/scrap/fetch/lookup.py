"""The addresses of a target: it is judged, looked up once, and every address checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from scrap.errors import Blocked, Reason, UpstreamError
from scrap.events import Emit, Hop, TargetBlocked
from scrap.fetch import exhaustion, guard
from scrap.fetch.addresses import Address
from scrap.fetch.egress_policy import EgressPolicy
from scrap.fetch.resolver import Resolve
from scrap.fetch.verdict import GuardVerdict
from scrap.urls import Target


@dataclass(frozen=True, slots=True)
class AddressLookup:
    """Finds public addresses and those that the policy allows; there is no other way out."""

    policy: EgressPolicy
    emit: Emit
    resolve: Resolve

    async def addresses(self, target: Target, hop: Hop) -> Sequence[Address]:
        """Judges the target and, after one look-up, every address: one that is not public blocks the name.

        Raises Blocked, UpstreamError (DNS_FAILED), and Overloaded as the resolver does.
        """
        if target.port not in self.policy.ports:
            raise self._block(GuardVerdict.PORT, target, f"port {target.port}")
        literal = guard.literal(target.host)
        if literal is not None:
            return [self._checked(literal, target)]
        verdict = guard.judge_name(target.host, self.policy)
        if verdict.reason is not None:
            raise self._block(verdict, target)
        started = perf_counter()
        try:
            found = await self.resolve(target.host)
        except OSError as error:
            raise exhaustion.blame(error, Reason.DNS_FAILED, str(error)) from None
        finally:
            hop.dns = perf_counter() - started
        if not found:
            raise UpstreamError(Reason.DNS_FAILED, "no address")
        return [self._checked(guard.literal(text), target, text) for text in found]

    def _checked(self, address: Address | None, target: Target, detail: str = "") -> Address:
        verdict = GuardVerdict.UNREADABLE if address is None else guard.judge_address(address, self.policy)
        if address is None or verdict.reason is not None:
            raise self._block(verdict, target, detail)
        return address

    def _block(self, verdict: GuardVerdict, target: Target, detail: str = "") -> Blocked:
        self.emit(TargetBlocked(verdict.value))
        return Blocked(verdict.reason or Reason.BLOCKED_ADDRESS, f"{verdict}: {target.host} {detail}".rstrip())
