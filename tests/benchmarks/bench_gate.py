"""The regression gate: CPU a page of this checkout beside the commit before, in one run; ends with 1 above 1.10.

    python -m tests.benchmarks.bench_gate                        this checkout against GATE_BASE, by default HEAD^
    python -m tests.benchmarks.bench_gate --checkouts BASE MINE  two folders
    python -m tests.benchmarks.bench_gate --noise 10             this checkout against itself, so many times

GATE_PAGES=corpus takes real pages, which are not in the repository, instead of those of tests/varied_pages.py.

Both services run on one core, the load and the origin (bench_gate_origin) on another. They take turns: each pair is the
same pages for both, and its ratio is that of their CPU times, which other processes disturb far less than time on the
clock. Memory layout differs from process to process, so each repetition starts both services again. The gate
compares the median of the repetitions' medians with its limit, so that two disturbed repetitions of five change little.
"""

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import trustme

from tests.varied_pages import PAGES

ROOT = Path(__file__).parents[2]
LIMIT = 1.10
REPETITIONS = 5
ROUNDS = {"http": 12, "https": 6}  # pairs a repetition
CONNECTIONS = 4
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    "SCRAP_MAX_PER_HOST": "1000",  # all pages have one host
    "SCRAP_MAX_WAIT": "30",  # nothing is rejected, however little of the core other processes leave
    "SCRAP_DEADLINE": "60",
    "PYTHONHASHSEED": "0",
}
_SERVING = re.compile(r"serving on http://[^:]+:(\d+)")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Checkout:
    """A tree of the repository, and the Python that has what it needs."""

    folder: Path
    python: str = sys.executable


@dataclass(frozen=True)
class GateResult:
    """One scheme: CPU of `mine` in terms of `base`, of each pair, by repetition; and µs of CPU a page of either."""

    ratios: list[list[float]]
    base: float
    mine: float

    @property
    def medians(self) -> list[float]:
        """The median of each repetition."""
        return [statistics.median(pairs) for pairs in self.ratios]

    @property
    def ratio(self) -> float:
        """The median of these."""
        return statistics.median(self.medians)

    @property
    def is_slower(self) -> bool:
        """Whether the gate fails."""
        return self.ratio > LIMIT


# Which commit to compare with.


def run_git(*arguments: str) -> str | None:
    """What git prints; None where it fails or is not installed."""
    try:
        return subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def find_base(ref: str, git: Callable[..., str | None] = run_git) -> tuple[str, str]:
    """The commit to compare with; or "", and one sentence that says why there is nothing to compare."""
    if git("rev-parse", "--git-dir") is None:
        return "", "this folder is no git repository, or git is not installed"
    commit = git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if not commit:
        return "", f"{ref} is not in this repository; a shallow clone has no commit before its own"
    if git("diff", "--quiet", commit, "--", "service", "uv.lock") is not None:
        return "", f"neither the service nor uv.lock differs from {ref}"
    return commit, ""


@contextlib.contextmanager
def checkout(commit: str) -> Iterator[Checkout]:
    """A commit in a temporary folder, with this environment if its lock file is the same, else with its own."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "base"
        worktree = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*worktree, "add", "--quiet", "--detach", str(folder), commit], check=True)
        try:
            if (folder / "uv.lock").read_bytes() == (ROOT / "uv.lock").read_bytes():
                yield Checkout(folder)
            else:
                uv = [str(ROOT / ".uv/bin/uv"), "sync", "--frozen", "--no-dev", "--quiet", "--python", sys.executable]
                environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
                subprocess.run(uv, cwd=folder, env=environment, check=True)
                yield Checkout(folder, str(folder / ".venv/bin/python"))
        finally:
            subprocess.run([*worktree, "remove", "--force", str(folder)], check=False)


# The processes.


def cores() -> tuple[int, int]:
    """The core of the services, and that of load and origin; the same where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, to the nanosecond (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


@contextlib.contextmanager
def process(
    command: list[str], core: int, said: re.Pattern[str], *, cwd: Path, env: dict[str, str] | None = None
) -> Iterator[tuple[int, re.Match[str]]]:
    """Runs a command on a core; gives its pid, and what it said when it was ready."""
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary) / "log"
        with (
            log.open("w") as out,
            subprocess.Popen(["taskset", "-c", str(core), *command], stdout=out, stderr=out, cwd=cwd, env=env) as child,
        ):
            try:
                while not (found := said.search(log.read_text())):
                    if child.poll() is not None:
                        raise RuntimeError(f"{command} did not start:\n{log.read_text()}")
                    time.sleep(0.02)
                yield child.pid, found
            finally:
                child.kill()


@contextlib.contextmanager
def service(tree: Checkout, core: int, trust: Path) -> Iterator[tuple[int, int]]:
    """Runs a checkout's service; gives its pid and port."""
    source = str(tree.folder / "service")
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": source, "SSL_CERT_FILE": str(trust)}
    where = [tree.python, "-c", "import scrap; print(scrap.__file__)"]
    imported = subprocess.run(
        where, cwd=tree.folder, env=environment, capture_output=True, text=True, check=True
    ).stdout
    if not imported.startswith(source):
        raise RuntimeError(f"{tree.folder} would run {imported}")
    with process([tree.python, "-m", "scrap", "serve"], core, _SERVING, cwd=tree.folder, env=environment) as (
        pid,
        said,
    ):
        yield pid, int(said[1])


@contextlib.contextmanager
def origin(core: int, certificate: Path) -> Iterator[dict[str, str]]:
    """Runs the origin; gives its address by scheme."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_gate_origin", str(certificate)]
    with process(command, core, re.compile(r"(\d+) (\d+)\n"), cwd=ROOT) as (_, ports):
        yield {"http": f"http://127.0.0.1:{ports[1]}", "https": f"https://127.0.0.1:{ports[2]}"}


async def _client(port: int, urls: Iterator[str], statuses: Counter[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for url in urls:
        writer.write(f"GET /api/v1/scrap?url={quote(url, safe='')} HTTP/1.1\r\nHost: gate\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length, head
        await reader.readexactly(int(length[1]))
        statuses[int(head[9:12])] += 1
    writer.close()


async def _load(port: int, base: str, tag: str) -> None:
    """Asks for every page once, under a URL that was not asked for before."""
    urls = (f"{base}/{number}?{tag}" for number in range(PAGES))
    statuses: Counter[int] = Counter()
    await asyncio.gather(*(_client(port, urls, statuses) for _ in range(CONNECTIONS)))
    if statuses != {200: PAGES}:
        raise RuntimeError(f"not every page was answered with 200: {dict(statuses)}")


def cost(pid: int, port: int, base: str, tag: str) -> float:
    """µs of CPU a page."""
    before = cpu(pid)
    asyncio.run(_load(port, base, tag))
    return (cpu(pid) - before) / PAGES * 1e6


def measure(
    base: Checkout, mine: Checkout, *, repetitions: int = REPETITIONS, rounds: dict[str, int] = ROUNDS
) -> dict[str, GateResult]:
    """Compares two checkouts, by scheme."""
    services_core, load_core = cores()
    before = os.sched_getaffinity(0)
    pairs: dict[str, list[list[tuple[float, float]]]] = {scheme: [] for scheme in rounds}
    with tempfile.TemporaryDirectory() as temporary:
        trust, certificate = Path(temporary) / "ca.pem", Path(temporary) / "origin.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(trust))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        os.sched_setaffinity(0, {load_core})
        try:
            for repetition in range(repetitions):
                with (
                    origin(load_core, certificate) as bases,
                    service(base, services_core, trust) as first,
                    service(mine, services_core, trust) as second,
                ):
                    for scheme, count in rounds.items():
                        found = [
                            _pair(first, second, bases[scheme], repetition + number) for number in range(-2, count)
                        ]
                        pairs[scheme].append(found[2:])
        finally:
            os.sched_setaffinity(0, before)
    return {scheme: _measured(found) for scheme, found in pairs.items()}


def _pair(base: tuple[int, int], mine: tuple[int, int], url: str, number: int) -> tuple[float, float]:
    """What a page costs either, in an order that alternates."""
    order = [base, mine] if number % 2 else [mine, base]
    costs = {side: cost(*side, url, str(number)) for side in order}
    return costs[base], costs[mine]


def _measured(pairs: list[list[tuple[float, float]]]) -> GateResult:
    every = [pair for repetition in pairs for pair in repetition]
    base, mine = (statistics.median(side) for side in zip(*every, strict=True))
    return GateResult([[mine / base for base, mine in repetition] for repetition in pairs], base, mine)


def report(found: dict[str, GateResult]) -> bool:
    """Prints the result; returns whether no scheme is slower."""
    for scheme, measured in found.items():
        medians = " ".join(f"{median:.3f}" for median in measured.medians)
        print(
            f"{scheme:5}  {measured.base:5.0f} -> {measured.mine:5.0f} µs of CPU a page, ratio {measured.ratio:.3f}"
            f" (repetitions {medians}){'  SLOWER' if measured.is_slower else ''}",
            flush=True,
        )
    return not any(measured.is_slower for measured in found.values())


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkouts", nargs=2, type=Path, metavar=("BASE", "MINE"))
    parser.add_argument("--noise", type=int, metavar="RUNS")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    given = parser.parse_args(arguments)
    mine = Checkout(ROOT)
    if given.noise:
        return sum([not report(measure(mine, mine, repetitions=given.repetitions)) for _ in range(given.noise)])
    if given.checkouts:
        base, mine = (Checkout(folder.resolve()) for folder in given.checkouts)
        return not report(measure(base, mine, repetitions=given.repetitions))
    ref = os.environ.get("GATE_BASE") or "HEAD^"
    commit, reason = find_base(ref)
    if reason:
        print(f"No regression can be measured: {reason}.")
        return 0
    with checkout(commit) as before:
        print(f"CPU a page of this checkout beside {ref} ({commit[:9]}); the limit is {LIMIT}")
        return not report(measure(before, mine, repetitions=given.repetitions))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
