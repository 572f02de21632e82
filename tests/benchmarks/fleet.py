"""A fleet of pods behind one Service: how often is a page fetched? As a simulation, and as a model for larger fleets.

Requests are a Poisson process. Page k of N is requested with the probability ln(1 + 1/k) / ln(N + 1), a Zipf
distribution of exponent 1. A preview is fresh for `ttl` seconds after a fetch of `fetch` seconds. Every pod keeps
`entries` of them, the least recently used is evicted first, and it fetches a page once at a time (single flight). A
shared cache keeps all. Five arrangements:

- `MEMORY`: each pod has its memory alone;
- `SHARED`: and all have the shared cache;
- `LOCK`: a pod that finds a page in flight elsewhere waits for it, by a lock in the shared cache;
- `HASHING`: memory alone, but the requests for a page go to one pod;
- `HASHING_SHARED`: the same with the shared cache.

Stale responses are left out: they change what a client waits for, not how often a page is fetched.
"""

import math
import random
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum


class Arrangement(Enum):
    """What the pods have in common."""

    MEMORY = "memory of each pod"
    SHARED = "shared cache"
    LOCK = "shared cache and lock"
    HASHING = "consistent hashing"
    HASHING_SHARED = "consistent hashing and shared cache"


@dataclass(frozen=True)
class Fleet:
    """A fleet and its load.

    Attributes:
        rate: requests a second, of all pods.
        pages: how many there are.
        ttl: seconds that a preview is fresh (`SCRAP_CACHE_DEFAULT`).
        fetch: seconds that a fetch takes.
        entries: previews in the memory of one pod (`SCRAP_CACHE_BYTES`, 32 MiB, of 2 KB and 640 bytes each).
    """

    pods: int
    rate: float
    pages: int
    arrangement: Arrangement
    ttl: float = 600.0
    fetch: float = 0.5
    entries: int = 12_000

    @property
    def is_shared(self) -> bool:
        """Whether there is a shared cache."""
        return self.arrangement not in (Arrangement.MEMORY, Arrangement.HASHING)

    @property
    def is_hashed(self) -> bool:
        """Whether the requests for a page go to one pod."""
        return self.arrangement in (Arrangement.HASHING, Arrangement.HASHING_SHARED)


@dataclass(frozen=True)
class FleetTraffic:
    """What the requests of a second come to.

    Attributes:
        fetches: pages fetched.
        duplicates: of these, begun while another pod was fetching the same page.
        reads: look-ups in the shared cache.
        busiest: requests of the busiest pod in terms of the mean.
    """

    fetches: float
    duplicates: float
    reads: float
    busiest: float


def simulate(fleet: Fleet, seconds: float, seed: int = 1) -> FleetTraffic:
    """Request by request; counts `seconds` after one `ttl`."""
    rng = random.Random(seed)  # noqa: S311 - the same requests every time
    # Entries are (available, fresh until): before the first, the page is in flight.
    memories: list[OrderedDict[int, tuple[float, float]]] = [OrderedDict() for _ in range(fleet.pods)]
    shared: dict[int, tuple[float, float]] = {}
    requests = [0] * fleet.pods
    fetches = duplicates = reads = 0
    is_counted, now = False, 0.0
    while now < fleet.ttl + seconds:
        now += rng.expovariate(fleet.rate)
        if not is_counted and now >= fleet.ttl:
            is_counted, fetches, duplicates, reads, requests = True, 0, 0, 0, [0] * fleet.pods
        page = int((fleet.pages + 1) ** rng.random())
        pod = page % fleet.pods if fleet.is_hashed else rng.randrange(fleet.pods)
        requests[pod] += 1
        memory = memories[pod]
        entry = memory.get(page)
        if entry and now < entry[1]:
            memory.move_to_end(page)
            continue
        entry = None
        if fleet.is_shared:
            reads += 1
            entry = shared.get(page)
        is_fresh = entry is not None and now < entry[1]
        is_in_flight = is_fresh and entry is not None and now < entry[0]
        if not is_fresh or (is_in_flight and fleet.arrangement is not Arrangement.LOCK):
            fetches += 1
            duplicates += is_in_flight
            made = (now + fleet.fetch, now + fleet.fetch + fleet.ttl)
            if fleet.is_shared and not is_in_flight:
                shared[page] = made
            entry = made
        assert entry
        memory[page] = entry
        memory.move_to_end(page)
        if len(memory) > fleet.entries:
            memory.popitem(last=False)
    busiest = max(requests) / (sum(requests) / fleet.pods)
    return FleetTraffic(fetches / seconds, duplicates / seconds, reads / seconds, busiest)


def model(fleet: Fleet) -> FleetTraffic:
    """The same in closed form, page by page."""
    pods = 1 if fleet.is_hashed else fleet.pods
    kept = fleet.entries * fleet.pods // pods
    evicted_after = _characteristic_time(fleet, pods, kept)
    fetches = duplicates = reads = 0.0
    for count, rate in groups(fleet):
        of_pod = rate / pods
        if not fleet.is_shared:
            lifetime = _lifetime(of_pod, evicted_after, fleet.ttl)
            fetches += count * pods / (fleet.fetch + lifetime + 1 / of_pod)
            continue
        cycle = fleet.fetch + fleet.ttl + 1 / rate
        others = (pods - 1) * -math.expm1(-of_pod * fleet.fetch) if fleet.arrangement is Arrangement.SHARED else 0.0
        fetches += count * (1 + others) / cycle
        duplicates += count * others / cycle
        readers = 1 + (pods - 1) * -math.expm1(-of_pod * (fleet.fetch + fleet.ttl))  # pods that read it once a cycle
        is_first = readers / (rate * cycle)  # of a request, in its pod and cycle
        reads += count * rate * (1 + math.expm1(-of_pod * evicted_after) * (1 - is_first))
    most = math.log(2) / math.log(fleet.pages + 1)
    busiest = fleet.pods * most + (1 - most) if fleet.is_hashed else 1.0
    return FleetTraffic(fetches, duplicates, reads, busiest)


def groups(fleet: Fleet) -> Iterator[tuple[int, float]]:
    """Pages that are nearly as popular as each other: how many, and the requests a second for each."""
    first = 1
    while first <= fleet.pages:
        last = min(max(first, int(first * 1.02)), fleet.pages)
        count = last - first + 1
        yield count, fleet.rate * math.log((last + 1) / first) / math.log(fleet.pages + 1) / count
        first = last + 1


def reused(rate: float, hosts: int, idle: float) -> float:
    """The share of a pod's fetches that would find a connection to their host, kept for `idle` seconds after another.

    Args:
        rate: fetches a second.
        hosts: how many there are, as popular among fetches as pages are among requests (a Zipf distribution).
    """
    found = groups(Fleet(1, rate, hosts, Arrangement.MEMORY))
    return sum(count * of_host * -math.expm1(-of_host * idle) for count, of_host in found) / rate


def _characteristic_time(fleet: Fleet, pods: int, kept: int) -> float:
    """Seconds without a request after which a page is evicted (Che's approximation of LRU); inf: it never is."""
    if kept >= fleet.pages:
        return math.inf
    found = list(groups(fleet))
    return _solve(lambda seconds: sum(n * -math.expm1(-rate / pods * seconds) for n, rate in found), kept)


def _solve(growing: Callable[[float], float], target: float) -> float:
    low, high = 0.0, 1.0
    while growing(high) < target:
        low, high = high, high * 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if growing(middle) < target else (low, middle)
    return high


def _lifetime(rate: float, evicted_after: float, ttl: float) -> float:
    """Seconds that an entry is of use on average: until it is stale, or nobody asks for `evicted_after` seconds.

    The time until the first such gap has the mean (e^(rate * gap) - 1) / rate and is at least the gap; what is beyond
    is taken as exponential.
    """
    if ttl <= evicted_after:
        return ttl
    beyond = (math.exp(min(rate * evicted_after, 700)) - 1) / rate - evicted_after
    return evicted_after + beyond * -math.expm1(-(ttl - evicted_after) / beyond)
