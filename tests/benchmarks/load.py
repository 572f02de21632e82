"""What benchmarks of whole servers share: a server on a core of its own, and wrk on the other."""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LoadFigures:
    """What wrk measured in one run."""

    per_second: float
    errors: int


def require_wrk() -> None:
    """Ends with a clear line where there is no wrk (Debian: apt install wrk)."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt install wrk")


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Running:
    """A server that runs on core 0.

    Attributes:
        url: where.
        management: the service's management port; empty for another server.
        pid: its process.
        log: its output.
    """

    url: str
    management: str
    pid: int
    log: Path

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        return cpu(self.pid)

    def rss(self, which: str = "VmRSS") -> float:
        """MB of resident memory; with "VmHWM" the most there was."""
        found = re.search(rf"{which}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def errors(self) -> list[str]:
        """The lines of its own failures."""
        with self.log.open() as lines:
            return [line for line in lines if '"level":"error"' in line or line.startswith("Traceback")]


OURS = r"serving on (http://\S+?), management on (http://[^\s\"]+)"


@contextlib.contextmanager
def running(command: Sequence[str], environment: dict[str, str], ready: str = OURS) -> Iterator[Running]:
    """Runs a server on core 0 until its output matches `ready`: its address, and its management port's."""
    pinned = ["taskset", "-c", "0", *command]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as out, subprocess.Popen(pinned, env=environment, stdout=out, stderr=out) as process:
            try:
                while not (found := re.search(ready, log.read_text())):
                    if process.poll() is not None:
                        raise RuntimeError(f"{command} did not start:\n{log.read_text()}")
                    time.sleep(0.05)
                yield Running(found[1], found[2] if found.re.groups > 1 else "", process.pid, log)
            finally:
                process.terminate()
                process.wait(60)


@contextlib.contextmanager
def server(command: Sequence[str], environment: dict[str, str], ready: str) -> Iterator[str]:
    """Runs a server on core 0; gives its address."""
    with running(command, environment, ready) as it:
        yield it.url


def wrk(url: str, *, seconds: float, connections: int = 32) -> LoadFigures:
    """Requests a URL for a while, from core 1."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", text)
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    assert per_second, text
    return LoadFigures(float(per_second[1]), int(errors[1]) if errors else 0)


def spread(values: Sequence[float], unit: str = "") -> str:
    """Median, and the least and the most beside it."""
    return f"{statistics.median(values):,.2f}{unit} ({min(values):,.2f} to {max(values):,.2f})"


def met(bars: Sequence[tuple[bool, str]]) -> bool:
    """Prints of each bar whether it is met; returns whether all are."""
    for is_met, bar in bars:
        print(f"{'met   ' if is_met else 'BROKEN'}  {bar}")
    return all(is_met for is_met, _ in bars)
