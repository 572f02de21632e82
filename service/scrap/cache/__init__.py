"""Responses that are kept: in this process, and on a server that replicas share.

`Cache` has both levels; `freshness` decides for how long, `entry` is what is kept, `flight` makes simultaneous requests
for a page one fetch.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from scrap.cache.entry import Entry, EntryState, failed_or_stale
from scrap.cache.memory import Memory
from scrap.cache.shared_settings import SharedSettings
from scrap.events import Emit

__all__ = ["Cache", "CacheLimits", "Hit", "SharedSettings"]

# The label value of each state; what stands in for a failure is stale, too.
_STATES = {EntryState.FRESH: "fresh", EntryState.STALE: "stale", EntryState.HELD: "stale", None: "miss"}


@dataclass(frozen=True, slots=True)
class CacheLimits:
    # Bytes of memory, overhead included. A preview takes about 2 KB; more: fewer fetches, a larger process.
    memory: int = 32 * 1024 * 1024


class Hit(NamedTuple):
    """An entry and its state; without one it can only stand in for a failure."""

    entry: Entry
    state: EntryState | None


class Cache:
    """Two levels of entries, keyed by `Target.key`; raises ValueError where `shared.url` cannot be read."""

    def __init__(
        self, limits: CacheLimits, shared: SharedSettings, *, emit: Emit, clock: Callable[[], float] = time.time
    ) -> None:
        self.memory = Memory(limits.memory)
        self._shared = None
        if shared.url:
            from scrap.cache.shared import Shared  # noqa: PLC0415 - redis-py slows down no start without a shared level

            self._shared = Shared(shared, emit=emit)
        # How many entries were sent to the shared level, by result.
        self.shared_writes: Mapping[tuple[str, ...], int] = self._shared.writes if self._shared else {}
        self._clock = clock
        # How many there were, by level and state. Every hit would emit an event otherwise.
        self.lookups: dict[tuple[str, ...], int] = dict.fromkeys(product(("memory", "shared"), _STATES.values()), 0)

    @property
    def shared_up(self) -> bool | None:
        """Whether the shared level is in use; None where there is none."""
        return None if self._shared is None else self._shared.up

    def start(self) -> None:
        if self._shared is not None:
            self._shared.start()

    async def aclose(self) -> None:
        if self._shared is not None:
            await self._shared.aclose()

    def from_memory(self, key: str) -> Hit | None:
        """What the memory has to respond with at once."""
        entry = self.memory.get(key)
        state = None if entry is None else entry.state(self._clock())
        self.lookups["memory", _STATES[state]] += 1
        return None if entry is None or state is None else Hit(entry, state)

    def in_memory(self, key: str) -> bool:
        """Whether `from_memory` would find something; no look-up is counted."""
        entry = self.memory.get(key)
        return entry is not None and entry.state(self._clock()) is not None

    async def from_shared(self, key: str) -> Hit | None:
        """What the shared level has; the memory keeps it from then on."""
        if self._shared is None or not self._shared.up:
            return None
        entry = await self._shared.get(key)
        now = self._clock()
        state = None if entry is None else entry.state(now)
        self.lookups["shared", _STATES[state]] += 1
        if entry is None:
            return None
        kept = self.memory.get(key)
        if kept is None or kept.left(now) <= 0 or (kept.stored, kept.held_until) < (entry.stored, entry.held_until):
            self.memory.put(key, entry)
        return Hit(entry, state)

    def put(self, key: str, entry: Entry) -> None:
        """Keeps an entry in both levels, in the shared one soon or never; of one of no use, and its former, neither."""
        left = entry.left(self._clock())
        if left > 0:
            self.memory.put(key, entry)
        elif not self.memory.drop(key):
            return
        if self._shared is not None:
            self._shared.put(key, entry, left)  # one of no use expires there at once

    def fail(self, key: str, failed: Entry, *, fallback: Entry | None = None, hold: float = 0.0) -> Entry:
        """Keeps a failure, or the stale preview that stands in for it; returns the one to respond with.

        `fallback` is what `from_shared` returned, where the memory has no preview; `hold` is of `failed_or_stale`.
        """
        now = self._clock()
        kept = self.memory.get(key)
        stale = kept if kept is not None and kept.reason is None else fallback
        entry = failed_or_stale(failed, stale, now, hold=hold)
        if now < failed.fresh_until:
            self.put(key, entry)
        return entry
