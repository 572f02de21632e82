"""How much of its CPU the process uses: one core, for one event loop cannot use another, or less by a limit."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from scrap.admission.cpu_limit import CPUAllowance

_SAMPLES = 5


class CPUUsage:
    """The share of its CPU that this process used in the last five to six seconds, 0.0 to 1.0.

    Time for which the kernel throttled it counts as well: then it waits, though the mean may be below the limit.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
        limit: Callable[[], CPUAllowance] = CPUAllowance,
    ) -> None:
        self._clock = clock
        self._used = used
        self._limit = limit
        self._samples = deque([(clock(), used(), limit().throttled)], maxlen=_SAMPLES + 1)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def cores(self) -> float:
        """Cores that the process may use: 1.0, or less where its limit is lower."""
        return min(1.0, self._limit().cores)

    @property
    def share(self) -> float:
        since, used, throttled = self._samples[0]
        seconds = self._clock() - since
        busy = max((self._used() - used) / self.cores, self._limit().throttled - throttled)
        return min(1.0, busy / seconds) if seconds > 0 else 0.0

    def start(self) -> None:
        """Takes a sample each second, on the running loop."""
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(1.0, self._sample)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _sample(self) -> None:
        self._samples.append((self._clock(), self._used(), self._limit().throttled))
        self.start()
