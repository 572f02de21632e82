"""scrap beside its peers, on the same pages and the same core, in one run, by the benchmark kit (KIT, ../shared/kit).

    python -m tests.benchmarks.bench_peers           measures; forty minutes
    python -m tests.benchmarks.bench_peers --quick   fewer rounds of the slow peers, shorter ones of all; ten minutes
    python -m tests.benchmarks.bench_peers --write   writes what was measured last to docs/benchmarks.md

The kit brings the peers, the pages, an origin (nginx) and wrk's script. In each round every peer is started again, and
they take turns in every mode; one that does not have its turn is stopped (SIGSTOP). The peer has core 0, wrk and the
origin core 1; 32 requests are in flight, every URL is new. All figures are in .cache/peers/peers.json.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests import corpus
from tests.benchmarks.bench_gate import cpu
from tests.benchmarks.openloop import LoadGenerator

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".cache/peers/peers.json"
KIT = Path(os.environ.get("KIT", "../shared/kit")).absolute()
HOME = Path(os.environ.get("KIT_HOME", "~/.cache/scrap-kit")).expanduser()
CORPUS = Path(os.environ.get("KIT_CORPUS", KIT.parent / "corpus"))
SHM = Path("/dev/shm/scrap-origin")  # noqa: S108 - where the kit's origin keeps its pages and certificates
ORIGIN = "http://127.0.0.1:9080"
MODES = {"p": "whole pages", "s": "chunked", "g": "gzip", "t": "TLS"}
PATH = "/api/v1/scrap?url="
PORT = 9131  # of scrap
NONE = "-"
IN_FLIGHT = 32
UNIQUE = 50_000  # pages for the figure of memory
SETTINGS = {
    "SCRAP_PORT": str(PORT),
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    # All pages have one host.
    "SCRAP_MAX_PER_HOST": "1000",
    "SCRAP_MAX_WAITING_PER_HOST": "1000",
}


@dataclass(frozen=True)
class BenchPeer:
    """One of the services.

    Attributes:
        name: its name in the kit.
        label: what it is.
        port: where it listens.
        fields: where its JSON has og:title and og:description.
        is_slow: whether it takes more than 20 ms a page.
    """

    name: str
    label: str
    port: int
    fields: tuple[str, ...] = ()
    is_slow: bool = False


SCRAP, UNFURL, BARE = "scrap", "unfurl", "fetch-aiohttp"
PEERS = [
    BenchPeer(BARE, "aiohttp, whole pages fetched, nothing parsed", 9123),
    BenchPeer(SCRAP, "**scrap**", PORT, ("title", "description")),
    BenchPeer("lexbor-aiohttp", "lexbor on aiohttp", 9114, ("og.og:title.0", "og.og:description.0")),
    BenchPeer(UNFURL, "unfurl.js", 9104, ("open_graph.title", "open_graph.description")),
    BenchPeer("linkpreview", "link-preview-js", 9103, ("title", "description"), is_slow=True),
    BenchPeer("metascraper", "metascraper", 9102, ("title", "description"), is_slow=True),
    BenchPeer("fastapi-bs4", "the course's original", 9111, ("scrap.title", "scrap.description"), is_slow=True),
    BenchPeer("ogs", "open-graph-scraper", 9101, ("ogTitle", "ogDescription"), is_slow=True),
]


@dataclass(frozen=True)
class PeerRow:
    """One run of wrk.

    Attributes:
        per_second: pages a second.
        p50, p99: latency in ms.
        cpu: µs of the peer's CPU a page.
        rss: MiB of resident memory, the maximum since the peer's start.
        errors: responses other than 2xx, and none.
    """

    round: int
    mode: str
    peer: str
    per_second: float
    p50: float
    p99: float
    cpu: float
    rss: float
    errors: int


@dataclass
class Results:
    """All that was measured.

    Attributes:
        right: pages with the right title and description, and pages that have any, by peer.
        half: under a load of requests that come at their times: peer, requests a second, sent, answered 200, p99 in ms.
        memory: pages so far, and MiB of resident memory.
    """

    machine: str
    date: str
    commit: str
    seconds: int
    rows: list[PeerRow] = field(default_factory=list)
    right: dict[str, tuple[int, int]] = field(default_factory=dict)
    half: list[tuple[str, float, int, int, float]] = field(default_factory=list)
    memory: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> "Results":
        """Reads them again."""
        found = json.loads(file.read_text())
        return cls(**found | {"rows": [PeerRow(**row) for row in found["rows"]]})

    def write(self, file: Path) -> None:
        """Keeps them in a file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1))

    def median(self, peer: str, what: str, mode: str = "p") -> float:
        """The median of a figure over the rounds; nan where there are none."""
        values = [getattr(row, what) for row in self.rows if (row.peer, row.mode) == (peer, mode)]
        return statistics.median(values) if values else float("nan")

    def ratios(self, peer: str, mode: str) -> list[float]:
        """scrap's throughput in terms of a peer's, of each round."""
        by_round: dict[int, dict[str, float]] = defaultdict(dict)
        for row in self.rows:
            if row.mode == mode:
                by_round[row.round][row.peer] = row.per_second
        return [found[SCRAP] / found[peer] for found in by_round.values() if {SCRAP, peer} <= found.keys()]


# The report.


def _number(value: float, digits: int = 0) -> str:
    return NONE if math.isnan(value) else f"{value:,.{digits}f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def table(results: Results) -> str:
    """Every peer on whole pages: medians of the rounds."""
    rows = []
    for peer in PEERS:
        throughput, p50, p99, microseconds = (
            results.median(peer.name, what) for what in ("per_second", "p50", "p99", "cpu")
        )
        rss = max((row.rss for row in results.rows if row.peer == peer.name), default=float("nan"))
        right, of = results.right.get(peer.name, (0, 0))
        rows.append(
            [
                peer.label,
                _number(throughput, 0 if throughput >= 100 else 1),
                *(_number(value) for value in (p50, p99, microseconds, rss)),
                f"{right} of {of}" if of else NONE,
            ]
        )
    head = ["", "pages a second", "p50 ms", "p99 ms", "CPU µs a page", "RSS MiB, at most", "right answers"]
    return _table(head, rows)


def modes(results: Results) -> str:
    """Throughput in every mode, and scrap's in terms of the best peer's and of a bare fetch."""
    rows = [
        [peer.label] + [_number(value, 0 if value >= 100 else 1) for value in values]
        for peer in PEERS
        if (values := [results.median(peer.name, "per_second", mode) for mode in MODES])
    ]
    for peer, label in ((UNFURL, "scrap / unfurl.js"), (BARE, "scrap / aiohttp")):
        found = [results.ratios(peer, mode) for mode in MODES]
        rows.append(
            [label]
            + [
                f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})" if each else NONE
                for each in found
            ]
        )
    return _table(["pages a second", *MODES.values()], rows)


def half(results: Results) -> str:
    """Latency under the load of half a capacity."""
    labels = {peer.name: peer.label for peer in PEERS}
    rows = [
        [labels[peer], _number(rate), _number(sent), _number(answered), _number(p99, 1)]
        for peer, rate, sent, answered, p99 in results.half
    ]
    return _table(["", "requests a second", "sent", "answered 200", "p99 ms"], rows)


def memory(results: Results) -> str:
    """Resident memory after so many unique pages: at every tenth thousand."""
    marks = range(0, UNIQUE + 1, UNIQUE // 5)
    found = [next((mib for pages, mib in results.memory if pages >= mark), float("nan")) for mark in marks]
    return _table(["unique pages", *(f"{mark:,}" for mark in marks)], [["RSS MiB", *(_number(mib) for mib in found)]])


def report(results: Results) -> str:
    """The section of docs/benchmarks.md that is made from the figures."""
    rounds = [len([row for row in results.rows if (row.peer, row.mode) == (name, "p")]) for name in (SCRAP, "ogs")]
    slow = f" ({rounds[1]} for those below 100 pages a second)" if rounds[1] != rounds[0] else ""
    errors = Counter[str]()
    for row in results.rows:
        errors[row.peer] += row.errors
    failed = ", ".join(f"{peer} {count:,}" for peer, count in errors.items() if count)
    about = (
        f"{results.machine}, {results.date}, commit {results.commit},\n"
        f"{rounds[0]} rounds{slow} of {results.seconds} s. Errors: {failed or 'none'}.\n\n"
        "![Pages a second and CPU a page of each service](images/peers.svg)"
    )
    return "\n\n".join((about, table(results), modes(results), half(results), memory(results)))


BEGIN, END = "<!-- bench-peers: begin -->", "<!-- bench-peers: end -->"


def written(document: str, text: str) -> str:
    """A document with the part between its two marks replaced."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


# The kit.


def missing(kit: Path = KIT, home: Path = HOME) -> str:
    """What this needs and does not find, in one sentence; empty where all is there."""
    if not (kit / "bench.lua").is_file():
        return f"The benchmark kit is not in {kit}: set KIT to its folder."
    tools = [tool for tool in ("wrk", "nginx", "node", "taskset") if shutil.which(tool) is None]
    if tools:
        return f"The benchmark kit needs {', '.join(tools)}: run {kit}/setup."
    if not (home / "venv/bin/python").exists() or not (home / "node/node_modules").is_dir():
        return f"The peers are not installed in {home}: run {kit}/setup."
    if not (CORPUS / "index.json").is_file():
        return f"The pages are not in {CORPUS}: set KIT_CORPUS to their folder."
    return ""


def _answers(url: str, seconds: float = 20) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=seconds) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def origin() -> Iterator[None]:
    """The kit's origin: the one that runs, or one for this run."""
    if _answers(f"{ORIGIN}/g/4", 2):
        yield
        return
    subprocess.run([KIT / "origin/start.sh"], env=os.environ | {"WITH_GZIP": "1"}, check=True)
    try:
        yield
    finally:
        subprocess.run([KIT / "origin/stop.sh"], env=os.environ | {"RMDATA": "1"}, check=True)


def base(mode: str) -> str:
    """The address of a mode's pages."""
    return "https://127.0.0.1:9443/p/" if mode == "t" else f"{ORIGIN}/{mode}/"


@dataclass(frozen=True)
class BenchTarget:
    """A peer that runs; it is stopped except for its turn."""

    peer: BenchPeer
    pid: int

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Lets it run, until it has finished what it was given."""
        os.kill(self.pid, signal.SIGCONT)
        yield
        for _ in range(50):
            before = cpu(self.pid)
            time.sleep(0.2)
            if cpu(self.pid) - before < 0.02:
                break
        os.kill(self.pid, signal.SIGSTOP)

    def rss(self, which: str = "VmRSS") -> float:
        """MiB of resident memory; VmHWM: the maximum so far."""
        found = re.search(rf"{which}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def get(self, url: str) -> Any:
        """Its JSON for a page; None for an error."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.peer.port}{PATH}{quote(url, safe='')}") as response:
                return json.load(response)
        except urllib.error.HTTPError:
            return None


@contextlib.contextmanager
def running(peer: BenchPeer) -> Iterator[BenchTarget]:
    """Starts a peer on core 0."""
    environment = os.environ | {"SSL_CERT_FILE": str(SHM / "ca.pem"), "NODE_EXTRA_CA_CERTS": str(SHM / "ca.pem")}
    if peer.name == SCRAP:
        command, environment = ["taskset", "-c", "0", sys.executable, "-m", "scrap", "serve"], environment | SETTINGS
    else:
        command = [str(KIT / "peers/run.sh"), peer.name]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            probe = f"http://127.0.0.1:{peer.port}{PATH}{quote(base('p') + '4?probe', safe='')}"
            while not _answers(probe):
                if process.poll() is not None:
                    raise RuntimeError(f"{peer.name} ended")
                time.sleep(0.1)
            yield BenchTarget(peer, process.pid)
        finally:
            process.kill()


# The load.


@dataclass(frozen=True)
class PeerLoad:
    """What wrk measured; latencies in ms."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int


def parse_wrk(output: str) -> PeerLoad:
    """Reads the line that the kit's script makes wrk print."""
    found = re.search(r"^KIT (\{.*\})$", output, re.MULTILINE)
    if not found:
        raise ValueError(f"wrk did not report:\n{output}")
    line = json.loads(found[1])
    errors = sum(count for name, count in line.items() if name.startswith("e_"))
    return PeerLoad(line["requests"], line["us"] / 1e6, line["p50"] / 1000, line["p99"] / 1000, errors)


TAGS = itertools.count()  # every URL is new


def wrk(target: BenchTarget, mode: str, seconds: float) -> PeerLoad:
    """Loads a peer from core 1."""
    environment = {
        "KIT_TAG": f"{os.getpid()}-{next(TAGS)}-",
        "KIT_PATH": PATH,
        "KIT_LIST": str(RESULTS.parent / "pages.txt"),
        "KIT_BASE": quote(base(mode), safe=""),
    }
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{IN_FLIGHT}", f"-d{seconds}s", "--timeout", "60s", "--latency"]
    command += ["-s", str(KIT / "bench.lua"), f"http://127.0.0.1:{target.peer.port}"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return parse_wrk(done.stdout)


def run(target: BenchTarget, mode: str, seconds: float, number: int) -> PeerRow:
    """One run."""
    with target.turn():
        before = cpu(target.pid)
        load = wrk(target, mode, seconds)
        spent = cpu(target.pid) - before
        good = load.requests - load.errors
        return PeerRow(
            round=number,
            mode=mode,
            peer=target.peer.name,
            per_second=good / load.seconds,
            p50=load.p50,
            p99=load.p99,
            cpu=spent / max(good, 1) * 1e6,
            rss=target.rss("VmHWM"),
            errors=load.errors,
        )


def one_round(results: Results, peers: Sequence[BenchPeer], chosen: Sequence[str], number: int, *, warm: float) -> None:
    """Every peer in every mode; the order alternates."""
    order = peers if number % 2 else peers[::-1]
    with contextlib.ExitStack() as stack:
        targets = []
        for peer in order:
            target = stack.enter_context(running(peer))
            with target.turn():
                wrk(target, chosen[0], warm)
            targets.append(target)
        for mode, target in itertools.product(chosen, targets):
            row = run(target, mode, results.seconds, number)
            results.rows.append(row)
            print(
                f"{number} {MODES[mode]:12}{row.peer:15}{row.per_second:8.1f} /s  p50 {row.p50:7.1f}  "
                f"p99 {row.p99:7.1f} ms  CPU {row.cpu:7.0f} µs  RSS {row.rss:4.0f} MiB  errors {row.errors}",
                flush=True,
            )


# What is right.


def at(document: Any, path: str) -> str:
    """The text at a path of keys and indices; empty where there is none."""
    for key in path.split("."):
        try:
            document = document[int(key) if isinstance(document, list) else key]
        except (KeyError, IndexError, TypeError):
            return ""
    return document if isinstance(document, str) else ""


def is_right(found: Any, fields: Sequence[str], pairs: Sequence[Sequence[str | None]]) -> bool | None:
    """Whether a response has the page's og:title and og:description but for white space; None where it has neither."""
    expected = []
    for name in ("og:title", "og:description"):
        texts = {" ".join(pair[1].split()) for pair in pairs if pair[0] == name and pair[1]}
        expected.append(texts - {""})
    if not any(expected):
        return None
    values = (" ".join(at(found, path).split()) for path in fields)
    return all(not texts or value in texts for value, texts in zip(values, expected, strict=True))


def right_answers(peer: BenchPeer, numbers: Sequence[int]) -> tuple[int, int]:
    """How many of the pages that have any a peer reads as html5lib does, by the kit's oracle."""
    pairs = corpus.expected()
    with running(peer) as target:
        verdicts = [is_right(target.get(f"{base('p')}{number}"), peer.fields, pairs[number]) for number in numbers]
    return verdicts.count(True), len(verdicts) - verdicts.count(None)


# Latency at half of the capacity; memory.


def at_rate(peer: BenchPeer, pages: Sequence[int], rate: float, seconds: float) -> tuple[str, float, int, int, float]:
    """Requests that come at their times, a Poisson process, whatever became of those before."""
    urls = (f"{base('p')}{page}?half{number}" for number, page in enumerate(itertools.cycle(pages)))
    with running(peer) as target:
        wrk(target, "p", 2)
        found = asyncio.run(
            LoadGenerator(f"http://127.0.0.1:{peer.port}", lambda: PATH + quote(next(urls), safe="")).at(
                rate, seconds, warm=1
            )
        )
    counted = len(found.times.get(200, []))
    return peer.name, rate, found.sent, counted, found.percentile(99)


def halves(results: Results, pages: Sequence[int], seconds: float) -> None:
    """scrap and unfurl.js at half of scrap's capacity, and at half of unfurl.js's."""
    by_name = {peer.name: peer for peer in PEERS}
    for whose, name in itertools.product((SCRAP, UNFURL), (SCRAP, UNFURL)):
        rate = results.median(whose, "per_second") / 2
        results.half.append(at_rate(by_name[name], pages, rate, seconds))
        print(results.half[-1], flush=True)


def grow(results: Results) -> None:
    """The memory of scrap over many unique pages."""
    with running(next(peer for peer in PEERS if peer.name == SCRAP)) as target:
        pages = 0
        results.memory.append((0, target.rss()))
        while pages < UNIQUE:
            pages += wrk(target, "p", 4).requests
            results.memory.append((pages, target.rss()))
            print(results.memory[-1], flush=True)


# The command.


def machine() -> str:
    """What this runs on."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    is_optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = f"{platform.python_version()} ({'optimized by profile' if is_optimized else 'not optimized by profile'})"
    return f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores, Python {build}"


def main(arguments: list[str]) -> int:
    """Returns the exit code: 2 where the kit is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    given = parser.parse_args(arguments)
    if given.write and not RESULTS.exists():
        sys.exit(f"{RESULTS} is missing: run make bench-peers first")
    if given.write:
        document = ROOT / "docs/benchmarks.md"
        document.write_text(written(document.read_text(), report(Results.read(RESULTS))))
        return 0
    if sentence := missing():
        print(sentence, file=sys.stderr)
        return 2
    rounds = given.rounds or (5 if given.quick else 7)
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=9"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    seconds = given.seconds or (3 if given.quick else 6)
    results = Results(machine(), time.strftime("%Y-%m-%d"), commit, seconds)
    index = json.loads((CORPUS / "index.json").read_text())
    pages = index["bench"]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    (RESULTS.parent / "pages.txt").write_text("\n".join(map(str, pages)) + "\n")
    os.sched_setaffinity(0, {1})
    fast, slow = [peer for peer in PEERS if not peer.is_slow], [peer for peer in PEERS if peer.is_slow]
    with origin():
        for number in range(rounds):
            one_round(results, fast if given.quick else PEERS, list(MODES), number, warm=2 if given.quick else 3)
            if given.quick and number < 3:
                one_round(results, slow, ["p"], number, warm=1)
        for peer in PEERS:
            if peer.fields:
                results.right[peer.name] = right_answers(
                    peer, pages if given.quick else [page["n"] for page in index["pages"]]
                )
        halves(results, pages, 5 if given.quick else 20)
        grow(results)
    results.write(RESULTS)
    print(f"\n{report(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
