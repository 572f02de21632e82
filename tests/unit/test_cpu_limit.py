"""The limit on the CPU, from files as the kernel writes them."""

from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

from scrap.admission import CPUAllowance, cpu_limit

STAT = "nr_periods 90\nnr_throttled 30\n"


def limit(folder: Path, membership: str, files: dict[str, str]) -> Callable[[], CPUAllowance]:
    """The limit where the file system has these files."""
    for name, text in files.items():
        (path := folder / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "membership").write_text(membership)
    return cpu_limit(folder / "membership", folder / "root")


@pytest.mark.parametrize(
    ("membership", "files", "allowed"),
    [
        ("0::/\n", {"cpu.max": "5000 100000\n", "cpu.stat": STAT}, CPUAllowance(0.05, 3.0)),
        ("0::/\n", {"cpu.max": "max 100000\n", "cpu.stat": STAT}, CPUAllowance()),
        ("0::/\n", {"cpu.stat": STAT}, CPUAllowance()),
        (
            "0::/pods/pod/box\n",
            {
                "pods/pod/box/cpu.max": "max 100000\n",
                "pods/pod/box/cpu.stat": STAT,
                "pods/pod/cpu.max": "20000 50000\n",
                "pods/pod/cpu.stat": STAT,
                "pods/cpu.max": "400000 100000\n",
                "pods/cpu.stat": STAT,
            },
            CPUAllowance(0.4, 1.5),
        ),
        # Version 1, in a container: the path is the node's.
        (
            "4:memory:/pods/box\n2:cpu,cpuacct:/pods/box\n",
            {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n", "cpu/cpu.stat": STAT},
            CPUAllowance(0.5, 3.0),
        ),
        (
            "1:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n", "cpu/cpu.stat": STAT},
            CPUAllowance(),
        ),
        ("0::/\n", {"cpu.max": "", "cpu.stat": STAT}, CPUAllowance()),
        ("0::/\n", {"cpu.max": "5000 100000\n", "cpu.stat": "nr_periods 90\n"}, CPUAllowance()),
        ("", {}, CPUAllowance()),
    ],
)
def test_the_lowest_limit_counts(tmp_path: Path, membership: str, files: dict[str, str], allowed: CPUAllowance) -> None:
    assert limit(tmp_path, membership, files)() == allowed


def test_what_is_changed_later_counts(tmp_path: Path) -> None:
    found = limit(tmp_path, "0::/\n", {"cpu.max": "max 100000\n", "cpu.stat": STAT})
    assert found().cores == inf
    (tmp_path / "root" / "cpu.max").write_text("25000 100000\n")
    assert found().cores == 0.25


def test_there_are_no_control_groups(tmp_path: Path) -> None:
    assert cpu_limit(tmp_path / "none", tmp_path)() == CPUAllowance()
