"""The first level: this process's memory, limited in bytes."""

from collections import OrderedDict

from scrap.cache.entry import Entry


class Memory:
    """The entries used last, as many as fit into `bound` bytes with their keys and overhead; 0 keeps nothing.

    Every operation takes constant time, but for each entry that it evicts.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.used = 0
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        """The entry, which counts as used now."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keeps an entry in place of the key's former one; if it is larger than the bound, neither is kept."""
        self.drop(key)
        weight = _weight(key, entry)
        if weight > self.bound:
            return
        self._entries[key] = entry
        self.used += weight
        while self.used > self.bound:
            oldest, out = self._entries.popitem(last=False)
            self.used -= _weight(oldest, out)

    def drop(self, key: str) -> bool:
        """Keeps a key's entry no longer; returns whether there was one."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used -= _weight(key, entry)
        return entry is not None


def _weight(key: str, entry: Entry) -> int:
    """Bytes that an entry takes; keys are ASCII, a byte a character (urls.Target.key)."""
    return len(key) + entry.size
