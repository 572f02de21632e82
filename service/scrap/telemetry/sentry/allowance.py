"""How many reports of one error are enough."""

import time
from collections.abc import Callable, Hashable


class Allowance:
    """Lets so many of a kind through in a window of time, and so many of all kinds.

    A fault that fails every call must not become as many reports as there are calls.

    Args:
        each: of one kind in a window.
        overall: of all kinds in a window.
        window: its length, in seconds.
        clock: a monotonic clock.
    """

    def __init__(
        self, *, each: int = 5, overall: int = 30, window: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each = each
        self._overall = overall
        self._window = window
        self._clock = clock
        self._ends = clock() + window
        self._passed: dict[Hashable, int] = {}
        self._total = 0
        self.suppressed = 0  # since the last that was let through

    def take(self, kind: Hashable) -> bool:
        """Whether one more of this kind may pass."""
        now = self._clock()
        if now >= self._ends:
            self._ends = now + self._window
            self._passed.clear()
            self._total = 0
        passed = self._passed.get(kind, 0)
        if self._total >= self._overall or passed >= self._each:
            self.suppressed += 1
            return False
        self._passed[kind] = passed + 1
        self._total += 1
        return True
