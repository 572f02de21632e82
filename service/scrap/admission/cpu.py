"""How much of its CPU the process uses: one core, for one event loop cannot use another, or less by a limit."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import NamedTuple


class CPUAllowance(NamedTuple):
    """What a limit allows, and what it took."""

    cores: float = inf  # infinite without a limit
    throttled: float = 0.0  # seconds so far of the periods in which the process used up its quota and had to wait


def cpu_limit(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Callable[[], CPUAllowance]:
    """What reads, in some 50 µs, the lowest limit of this process's control group and of those above it.

    Only Linux has one (Documentation/admin-guide/cgroup-v2.rst; for version 1 Documentation/scheduler/sched-bwc.rst).
    """
    groups = [folder for folder in _groups(membership, root) if (folder / "cpu.stat").exists()]
    return lambda: min(map(_allowance, groups), default=CPUAllowance())


def _groups(membership: Path, root: Path) -> Iterator[Path]:
    """Yields the folders that may have a limit; in a container the root is its own group, whatever its path says."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            mount = root / "cpu" if controllers else root
            group = mount / path.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(mount))


def _allowance(group: Path) -> CPUAllowance:
    try:
        if (both := group / "cpu.max").exists():
            quota, period = both.read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        counts = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        cores = int(quota) / int(period)  # "max" is no number
        return CPUAllowance(cores, int(counts["nr_throttled"]) * int(period) / 1e6) if cores > 0 else CPUAllowance()
    except (OSError, ValueError, KeyError):
        return CPUAllowance()


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
        self._samples = deque([self._now()], maxlen=6)

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
