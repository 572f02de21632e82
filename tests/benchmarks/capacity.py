"""The tables of docs/capacity.md: `make capacity` computes them from the constants here and writes them.

Measured constants are of the reference core of docs/benchmarks.md. After a change of speed, change PAGE_US alone.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.benchmarks.fleet import Arrangement, Fleet, FleetTraffic, groups, model, reused, simulate

DOCUMENT = Path(__file__).parents[2] / "docs/capacity.md"

# Measured. µs of CPU.
PAGE_US = 1350  # a page over http, fetched and parsed (`make bench-peers`, CPU a page)
HANDSHAKE_US = 1200  # a TLS handshake beside it
HIT_US = 143  # a response from memory (bench_hit)
CONNECTION_US = {"http": 89, "https": 1244}  # what a fetch on a kept connection saves (bench_redirect)
READ_NS = 1.8  # ns a byte that is read and not parsed (85 µs for 48 KB)
WHOLE_BYTES = 160_000  # of a real page, on average
LOOKUP_US = 195  # a look-up in the shared cache beside it (bench_cache)
REST_MIB, FULL_MIB = 52, 92  # a pod at rest; with its memory level filled
PAGE_BYTES = 48_000  # received for a page: scrap stops where it has seen enough
ENTRY_BYTES = 2_700  # an entry in the shared cache
LOG_BYTES = 400  # a log line
SERIES = 618  # series of a pod's /metrics
TIME_WAIT = 0.5  # of the connections that leave one; the other half is reset
VALKEY = 70_000  # commands a second and core, of 2 KB

# Assumed.
UTILISATION = 0.6  # of a pod's core at the daily maximum; ScrapSaturated fires at 0.8
CORE_HOUR, GIB_HOUR = 0.04, 0.005  # dollars
NAT_GB, LOG_GB = 0.045, 0.50  # dollars: data through a cloud's NAT gateway, lines in a hosted log
PAGES_PER_RATE = 1000  # pages in circulation for each request a second
RATES = (10, 1_000, 100_000)  # previews a second
FETCH_SECONDS = 0.5
IDLE_SECONDS = 5  # that a connection would be kept for the next page of its host
CONNTRACK_TIME_WAIT, CONNTRACK_CLOSE, CONNTRACK_UDP = 120, 10, 30  # seconds, Linux' defaults
CONNTRACK_MAX = 131_072  # entries of a node: kube-proxy's least
NAT_PORTS = 64_512  # of one address, for one destination
BUSY_HOST = 0.1  # of the fetches that go to one address, such as a content delivery network's
COREDNS = 10_000  # queries a second and replica
VALKEY_GB = 16  # memory of one server
NODE_GBIT = 10
SERIES_OF_PROMETHEUS = 2_000_000

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def cores(rate: float, traffic: FleetTraffic) -> float:
    """Cores that are busy with a load over https."""
    page = (PAGE_US + HANDSHAKE_US) * traffic.fetches
    return (page + LOOKUP_US * traffic.reads + HIT_US * (rate - traffic.fetches)) / 1e6


def pods_for(busy: float) -> int:
    """Pods for so many busy cores: at the utilisation, and one that may fail."""
    return math.ceil(busy / UTILISATION) + 1


@dataclass(frozen=True)
class Plan:
    """A load, the pods that it needs, and what they do."""

    rate: int
    fleet: Fleet
    traffic: FleetTraffic

    @property
    def cores(self) -> float:
        """Cores that are busy."""
        return cores(self.rate, self.traffic)


@cache
def plan(rate: int, arrangement: Arrangement) -> Plan:
    """The least number of pods that serves a load: more pods fetch more, so it is found step by step."""
    pods = 2
    while True:
        fleet = Fleet(pods, rate, rate * PAGES_PER_RATE, arrangement)
        found = Plan(rate, fleet, model(fleet))
        needed = pods_for(found.cores)
        if needed <= pods:
            return found
        pods = max(needed, pods + 1)


# The tables.


def one_core() -> Table:
    """Requests a second of one core."""
    costs = {
        "a page over https, a new connection": PAGE_US + HANDSHAKE_US,
        "a page over http": PAGE_US,
        "a response from the shared cache": HIT_US + LOOKUP_US,
        "a response from memory": HIT_US,
    }
    rows = [[name, f"{us:,}", f"{1e6 / us:,.0f}", f"{UTILISATION * 1e6 / us:,.0f}"] for name, us in costs.items()]
    return ["", "CPU µs", "a second, core busy", f"at {UTILISATION:.0%}"], rows


def pods() -> Table:
    """Pods for three loads."""
    rows = []
    for rate in RATES:
        shared, memory = plan(rate, Arrangement.SHARED), plan(rate, Arrangement.MEMORY)
        new = rate * (PAGE_US + HANDSHAKE_US) / 1e6
        rows.append(
            [
                *(f"{count:,}" for count in (rate, pods_for(new), memory.fleet.pods, shared.fleet.pods)),
                *(f"{1 - each.traffic.fetches / rate:.0%}" for each in (memory, shared)),
            ]
        )
    head = ["previews a second", "pods, every page new", "pods, memory of each alone", "pods, shared cache"]
    return [*head, "hit ratio, memory alone", "hit ratio, shared cache"], rows


def costs() -> Table:
    """Dollars for a million previews."""
    mix = plan(1_000, Arrangement.SHARED)
    shares = {"every page new": 1.0, "hit ratio of 1,000 a second": mix.traffic.fetches / mix.rate}
    cpu = {
        "every page new": (PAGE_US + HANDSHAKE_US) / 1e6,
        "hit ratio of 1,000 a second": mix.cores / mix.rate,
    }
    rows = []
    for name, fetched in shares.items():
        hours = 1e6 * cpu[name] / UTILISATION / 3600
        bills = [
            hours * CORE_HOUR,
            hours * FULL_MIB / 1024 * GIB_HOUR,
            1e6 * fetched * PAGE_BYTES / 1e9 * NAT_GB,
            1e6 * LOG_BYTES / 1e9 * LOG_GB,
        ]
        rows.append([name, *(f"{bill:.3f}" for bill in bills), f"{sum(bills):.2f}"])
    return ["$ for 1,000,000 previews", "CPU", "memory", "NAT gateway", "hosted logs", "sum"], rows


def arrangements() -> Table:
    """What each arrangement of the fleet costs, by load."""
    rows = []
    for rate in RATES:
        for arrangement in Arrangement:
            found = plan(rate, arrangement)
            traffic = found.traffic
            rows.append(
                [
                    f"{rate:,}, {found.fleet.pods:,} pods",
                    arrangement.value,
                    f"{traffic.fetches:,.1f}",
                    f"{traffic.duplicates:,.2f}",
                    f"{traffic.reads:,.0f}",
                    f"{found.cores:,.2f}",
                    f"{traffic.busiest:.1f}",
                    f"{hottest(found.fleet):,.0f}",
                ]
            )
    head = [
        "previews a second",
        "arrangement",
        "fetches a second",
        "of these duplicates",
        "look-ups in the shared cache",
    ]
    return [*head, "cores busy", "busiest pod / mean", "fetches of the most popular page for each `ttl`"], rows


def hottest(fleet: Fleet) -> float:
    """Fetches of the most popular page for each time that its preview is stale."""
    if fleet.is_hashed or fleet.arrangement is Arrangement.LOCK:
        return 1.0
    if fleet.arrangement is Arrangement.MEMORY:
        return fleet.pods
    of_pod = fleet.rate * math.log(2) / math.log(fleet.pages + 1) / fleet.pods
    return 1 - (fleet.pods - 1) * math.expm1(-of_pod * fleet.fetch)


def agreement() -> Table:
    """The model beside the simulation, where that can run."""
    rows = []
    for fleet_pods, rate, arrangement in (
        (2, 10, Arrangement.MEMORY),
        (2, 10, Arrangement.SHARED),
        (4, 200, Arrangement.MEMORY),
        (4, 200, Arrangement.SHARED),
        (4, 200, Arrangement.HASHING),
    ):
        fleet = Fleet(fleet_pods, rate, rate * PAGES_PER_RATE, arrangement)
        simulated, modelled = simulate(fleet, 600), model(fleet)
        rows.append(
            [f"{rate}, {fleet_pods} pods", arrangement.value]
            + [f"{getattr(each, what):,.1f}" for what in ("fetches", "reads") for each in (simulated, modelled)]
        )
    head = ["previews a second", "arrangement", "fetches a second, simulated", "modelled"]
    return [*head, "look-ups a second, simulated", "modelled"], rows


def popularity() -> Table:
    """When a lock pays: fewer pages in circulation make more duplicates of fewer fetches."""
    rows = []
    for per_rate in (0.1, 1, 10, 100, 1000):
        rate = RATES[-1]
        fleet = Fleet(plan(rate, Arrangement.SHARED).fleet.pods, rate, int(rate * per_rate), Arrangement.SHARED)
        traffic = model(fleet)
        saved = traffic.duplicates * (PAGE_US + HANDSHAKE_US) / 1e6
        lock = (traffic.fetches - traffic.duplicates) * LOOKUP_US / 1e6
        rows.append(
            [
                *(f"{count:,.0f}" for count in (fleet.pages, traffic.fetches)),
                f"{traffic.duplicates / traffic.fetches:.1%}",
                *(f"{busy:,.2f}" for busy in (saved, lock, cores(rate, traffic))),
            ]
        )
    head = ["pages in circulation", "fetches a second", "duplicates", "cores that a lock saves"]
    return [*head, "cores that it costs", "cores busy in all"], rows


def connections() -> Table:
    """What keeping connections for the next page of a host would save, if every page were read to its end for it."""
    rest = (WHOLE_BYTES - PAGE_BYTES) * READ_NS / 1e3
    rows = []
    for rate, hosts in ((1, 100_000), (10, 100_000), (50, 100_000), (50, 10_000)):
        share = reused(rate, hosts, IDLE_SECONDS)
        saved = (f"{share * CONNECTION_US[scheme] - rest:+,.0f}" for scheme in ("http", "https"))
        rows.append([f"{rate:,}", f"{hosts:,}", f"{share:.0%}", *saved])
    head = ["fetches a second of a pod", "hosts", "on a kept connection"]
    return [*head, "µs of CPU saved a page, http", "https"], rows


def limits() -> Table:
    """What each load demands of what stands around the pods."""
    plans = [plan(rate, Arrangement.SHARED) for rate in RATES]
    fetches = [each.traffic.fetches for each in plans]
    entry_seconds = FETCH_SECONDS + TIME_WAIT * CONNTRACK_TIME_WAIT + (1 - TIME_WAIT) * CONNTRACK_CLOSE + CONNTRACK_UDP
    busy = [BUSY_HOST * each * (FETCH_SECONDS + CONNTRACK_TIME_WAIT) for each in fetches]
    commands = [each.traffic.reads + each.traffic.fetches for each in plans]
    stored = [_day(each.fleet) * ENTRY_BYTES / 1e9 for each in plans]
    demands: list[tuple[str, list[float], float, str]] = [
        ("log, GB a day", [rate * LOG_BYTES * 86_400 / 1e9 for rate in RATES], math.inf, "its price"),
        ("previews of a day, GB in the shared cache", stored, VALKEY_GB, "a server"),
        ("entries in conntrack", [each * entry_seconds for each in fetches], CONNTRACK_MAX, "a node"),
        ("DNS queries a second", [2 * each for each in fetches], COREDNS, "a replica of CoreDNS"),
        ("ports of the NAT to one destination", busy, NAT_PORTS, "an address"),
        ("commands a second, shared cache", commands, VALKEY, "a server"),
        ("received, Gbit/s", [each * PAGE_BYTES * 8 / 1e9 for each in fetches], NODE_GBIT, "a node"),
        ("series of Prometheus", [each.fleet.pods * SERIES for each in plans], SERIES_OF_PROMETHEUS, "a server"),
    ]
    rows = []
    for name, values, limit, one in demands:
        reached = f"{float(f'{RATES[-1] * limit / values[-1]:.1e}'):,.0f}" if limit < math.inf else "-"
        limited = f"{limit:,} {one}" if limit < math.inf else one
        rows.append([name, *(_demand(value, limit) for value in values), limited, reached])
    return ["", *(f"{rate:,} a second" for rate in RATES), "limit of one", "reached at, a second"], rows


def _demand(value: float, limit: float) -> str:
    text = f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return text if value <= limit else f"**{text}** ({math.ceil(value / limit):,} of them)"


def _day(fleet: Fleet) -> float:
    """Pages that are requested within a day, and so kept in the shared cache for stale responses."""
    return sum(count * -math.expm1(-rate * 86_400) for count, rate in groups(fleet))


TABLES = {
    "one-core": one_core,
    "pods": pods,
    "costs": costs,
    "limits": limits,
    "arrangements": arrangements,
    "popularity": popularity,
    "connections": connections,
    "agreement": agreement,
}


def text(table: Table) -> str:
    """A table as Markdown."""
    head, rows = table
    lines = [head, ["---", *(["---:"] * (len(head) - 1))], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def written(document: str, tables: Mapping[str, str]) -> str:
    """A document with each table between its marks."""
    for name, table in tables.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, found, rest = document.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"there is no {begin} … {end}")
        document = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return document


def main() -> None:
    """Prints the tables and writes them to the document."""
    tables = {name: text(make()) for name, make in TABLES.items()}
    for name, table in tables.items():
        sys.stdout.write(f"{name}\n\n{table}\n\n")
    DOCUMENT.write_text(written(DOCUMENT.read_text(), tables))


if __name__ == "__main__":
    main()
