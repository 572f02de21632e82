"""How much of its core the process uses: one event loop cannot use another."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

_SAMPLES = 5


class CPUUsage:
    """The share of one core that this process used in the last five to six seconds, 0.0 to 1.0."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._used = used
        self._samples = deque([(clock(), used())], maxlen=_SAMPLES + 1)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def share(self) -> float:
        since, used = self._samples[0]
        seconds = self._clock() - since
        return min(1.0, (self._used() - used) / seconds) if seconds > 0 else 0.0

    def start(self) -> None:
        """Takes a sample each second, on the running loop."""
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(1.0, self._sample)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _sample(self) -> None:
        self._samples.append((self._clock(), self._used()))
        self.start()
