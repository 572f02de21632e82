"""Answers that are kept: in this process, and on a server that replicas share.

`Cache` holds both levels; `freshness` decides for how long, `entry` is what is kept, `flight` makes simultaneous calls
one piece of work, `headers` and `etag` speak HTTP to our own callers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from scrap.cache.entry import Entry, EntryState, settle
from scrap.cache.memory import Memory
from scrap.cache.remote import Remote
from scrap.events import Emit

if TYPE_CHECKING:
    from scrap.cache.shared import Shared

# What a look-up found, in words: the level, and the state there.
Lookup = tuple[str, ...]
_MEMORY: dict[EntryState | None, Lookup] = {
    EntryState.FRESH: ("memory", "fresh"),
    EntryState.STALE: ("memory", "stale"),
    EntryState.HELD: ("memory", "stale"),
    None: ("memory", "miss"),
}
_SHARED: dict[EntryState | None, Lookup] = {
    EntryState.FRESH: ("shared", "fresh"),
    EntryState.STALE: ("shared", "stale"),
    EntryState.HELD: ("shared", "stale"),
    None: ("shared", "miss"),
}


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much is kept in this process."""

    # Bytes of memory for answers, overhead included. A preview takes about 2 KB; more: fewer fetches, a larger process.
    memory: int = 32 * 1024 * 1024


class Hit(NamedTuple):
    """An entry, and what may be done with it; with no state it can only stand in for a failure."""

    entry: Entry
    state: EntryState | None


@dataclass(frozen=True, slots=True)
class Stats:
    """How full the cache is."""

    entries: int
    used: int  # bytes
    bound: int  # bytes
    evicted: int  # entries that had to go for others, ever
    shared_up: bool | None  # None: there is no shared level


class Cache:
    """Two levels of entries, keyed by normalized URL.

    Args:
        limits: how much is kept in this process.
        remote: the shared level; without a URL there is none, and redis-py is not imported.
        emit: told of the shared level's troubles.
        clock: seconds since the epoch.

    Attributes:
        lookups: how many there were, by what they found. No event tells of them: every hit would have one, and they
            would differ in nothing.

    Raises:
        ValueError: `remote.url` is not understood.
    """

    def __init__(
        self,
        limits: CacheLimits,
        remote: Remote,
        *,
        emit: Emit,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._memory = Memory(limits.memory)
        self._shared = _connect(remote, emit) if remote.url else None
        self._clock = clock
        self.lookups = dict.fromkeys((*_MEMORY.values(), *_SHARED.values()), 0)

    def start(self) -> None:
        """Begins to use the shared level, where there is one; needs a running loop."""
        if self._shared is not None:
            self._shared.start()

    async def aclose(self) -> None:
        """Lets the shared level go."""
        if self._shared is not None:
            await self._shared.aclose()

    def peek(self, key: str) -> Hit | None:
        """What this process can answer at once. The hot path: no I/O, about a microsecond."""
        entry = self._memory.get(key)
        state = None if entry is None else entry.state(self._clock())
        self.lookups[_MEMORY[state]] += 1
        return None if entry is None or state is None else Hit(entry, state)

    def has(self, key: str) -> bool:
        """Whether `peek` would find something; nobody is told."""
        entry = self._memory.get(key)
        return entry is not None and entry.state(self._clock()) is not None

    async def get(self, key: str) -> Hit | None:
        """What the shared level has; it is kept here from then on."""
        if self._shared is None or not self._shared.up:
            return None
        entry = await self._shared.get(key)
        state = None if entry is None else entry.state(self._clock())
        self.lookups[_SHARED[state]] += 1
        if entry is None:
            return None
        held = self._memory.get(key)
        if held is None or (held.stored, held.held_until) < (entry.stored, entry.held_until):
            self._memory.put(key, entry)
        return Hit(entry, state)

    def put(self, key: str, entry: Entry) -> None:
        """Keeps an entry in both levels, in the shared one soon or never; one of no use any more is not kept."""
        left = entry.useful_until - self._clock()
        if left <= 0:
            return
        self._memory.put(key, entry)
        if self._shared is not None:
            self._shared.put(key, entry, left)

    def fail(self, key: str, failed: Entry, *, spare: Entry | None = None) -> Entry:
        """Keeps a failure, or the stale preview that stands in for it, and returns which is the answer.

        Args:
            spare: what `get` gave, where this process's memory has no room for it.
        """
        now = self._clock()
        answer = settle(failed, self._memory.get(key) or spare, now)
        if now < failed.fresh_until:
            self.put(key, answer)
        return answer

    def stats(self) -> Stats:
        """How full it is now."""
        return Stats(
            entries=len(self._memory),
            used=self._memory.used,
            bound=self._memory.bound,
            evicted=self._memory.evicted,
            shared_up=None if self._shared is None else self._shared.up,
        )


def _connect(remote: Remote, emit: Emit) -> "Shared":
    from scrap.cache.shared import Shared  # noqa: PLC0415 - redis-py costs a start without a shared level nothing

    return Shared(remote, emit=emit)
