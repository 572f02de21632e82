"""The most frequent keys of a stream, in bounded memory. No I/O."""

from dataclasses import dataclass


@dataclass(slots=True)
class ClientCounter:
    """Counts of one client since its counter began."""

    upper_bound: int = 0  # of its requests, those before included
    requests: int = 0
    failures: int = 0  # rejected and blocked requests included
    rejections: int = 0
    blocked: int = 0
    user_agent: bytes = b""  # of the last request; as bytes, for one emoji makes a text four times as large


class SpaceSaving:
    """Counts keys with at most 2k counters (Metwally, Agrawal, El Abbadi: Space-Saving, 2005), pruned k at a time.

    Of N requests, every key with more than N/k has a counter; its `requests` is too low by at most `missed`, which is
    at most N/k. A new counter begins with `missed`, the most that a pruned one may have had. Each pruned one takes at
    least what a new one brought: the sum of `upper_bound` is never more than N when k are left, and none of these k is
    less than the next `missed`.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self.total = 0
        self.missed = 0  # requests of a key that has no counter, at most
        self.counters: dict[str, ClientCounter] = {}

    def count(self, key: str) -> ClientCounter:
        """Counts a request; returns the key's counter."""
        self.total += 1
        counter = self.counters.get(key)
        if counter is None:
            if len(self.counters) == 2 * self._k:
                self._prune()
            counter = self.counters[key] = ClientCounter(self.missed)
        counter.upper_bound += 1
        counter.requests += 1
        return counter

    def _prune(self) -> None:
        ranked = sorted(self.counters.items(), key=lambda item: item[1].upper_bound, reverse=True)
        self.counters = dict(ranked[: self._k])
        self.missed = ranked[self._k][1].upper_bound
