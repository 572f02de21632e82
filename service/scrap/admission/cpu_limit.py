"""The limit that the kernel enforces on this process's CPU: of its control group, version 1 or 2, and those above it.

Linux: Documentation/admin-guide/cgroup-v2.rst, and Documentation/scheduler/sched-bwc.rst for version 1.
"""

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import NamedTuple


class CPUAllowance(NamedTuple):
    """What a limit allows, and what it took."""

    cores: float = inf  # infinite without a limit
    throttled: float = 0.0  # seconds so far of the periods in which the process used up its quota and had to wait


class CPULimit:
    """Reads the lowest limit; without Linux there is none."""

    def __init__(self, membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> None:
        self._groups = [folder for folder in _groups(membership, root) if (folder / "cpu.stat").exists()]

    def read(self) -> CPUAllowance:
        """Reads files, for some 50 µs."""
        return min(map(_allowance, self._groups), default=CPUAllowance())


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
