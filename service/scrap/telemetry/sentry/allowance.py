"""How many reports of one error are enough."""

import time
from collections import deque
from collections.abc import Callable, Hashable


class Allowance:
    """Lets so many of a kind through in any stretch of time, and so many of all kinds.

    A fault that fails every call must not become as many reports as there are calls.

    Args:
        each: of one kind in a window.
        overall: of all kinds in a window.
        window: its length, in seconds, wherever it begins.
        clock: a monotonic clock.
    """

    def __init__(
        self, *, each: int = 5, overall: int = 30, window: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each = each
        self._overall = overall
        self._window = window
        self._clock = clock
        self._passed: deque[tuple[float, Hashable]] = deque()  # within the last window: when, and of what kind
        self.suppressed = 0  # since the last that was let through

    def take(self, kind: Hashable) -> bool:
        """Whether one more of this kind may pass."""
        now = self._clock()
        while self._passed and self._passed[0][0] <= now - self._window:
            self._passed.popleft()
        alike = sum(passed == kind for _, passed in self._passed)
        if len(self._passed) >= self._overall or alike >= self._each:
            self.suppressed += 1
            return False
        self._passed.append((now, kind))
        return True
