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
        self._clock, self._used, self._limit = clock, used, limit
        self._samples = deque([self._now()], maxlen=_SAMPLES + 1)

    @property
    def cores(self) -> float:
        """Cores that the process may use: 1.0, or less where its limit is lower."""
        return min(1.0, self._limit().cores)

    @property
    def share(self) -> float:
        seconds, used, throttled = (now - then for now, then in zip(self._now(), self._samples[0], strict=True))
        return min(1.0, max(used / self.cores, throttled) / seconds) if seconds > 0 else 0.0

    async def keep_sampling(self) -> None:
        """Takes a sample each second until it is cancelled."""
        while True:
            await asyncio.sleep(1.0)
            self.sample()

    def sample(self) -> None:
        self._samples.append(self._now())

    def _now(self) -> tuple[float, float, float]:
        return self._clock(), self._used(), self._limit().throttled
