"""The per-host limit: so many fetches of one host at once (`FetchLimits.per_host`)."""

import asyncio

from scrap.errors import Overloaded, Reason
from scrap.fetch.limits import FetchLimits


class PerHostLimit:
    """Slots for simultaneous fetches from one host; a host without a fetch takes no memory."""

    def __init__(self, limits: FetchLimits) -> None:
        self._per_host = limits.per_host
        self._waiting = limits.per_host_waiting
        self._hosts: dict[str, tuple[asyncio.Semaphore, int]] = {}  # with how many have a slot or wait for one

    async def take(self, host: str) -> None:
        """Takes a slot, or waits for one; it must be given back. Raises Overloaded where too many wait already."""
        slots, fetches = self._hosts.get(host) or (asyncio.Semaphore(self._per_host), 0)
        if fetches >= self._per_host + self._waiting:
            raise Overloaded(Reason.FULL, f"{self._waiting} already wait for the host")
        self._hosts[host] = slots, fetches + 1
        try:
            await slots.acquire()
        except asyncio.CancelledError:
            self._leave(host)
            raise

    def give_back(self, host: str) -> None:
        """Gives a slot to the fetch that waits longest, or frees it."""
        self._leave(host).release()

    def _leave(self, host: str) -> asyncio.Semaphore:
        slots, fetches = self._hosts.pop(host)
        if fetches > 1:
            self._hosts[host] = slots, fetches - 1
        return slots
