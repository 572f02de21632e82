"""The fleet's simulation and model agree; docs/capacity.md has the tables that the constants give."""

import math
import random

import pytest

from tests.benchmarks import capacity
from tests.benchmarks.capacity import RATES, TABLES, hottest, plan, pods_for, text, written
from tests.benchmarks.fleet import Arrangement, Fleet, groups, model, reused, simulate

# Small, with memories that are too small, and with fetches that take long, so that pods duplicate them.
FLEETS = {
    "small": {"pods": 2, "rate": 10, "pages": 1_000, "ttl": 60},
    "evicting": {"pods": 4, "rate": 100, "pages": 5_000, "ttl": 60, "entries": 300},
    "duplicating": {"pods": 20, "rate": 200, "pages": 200, "ttl": 20, "fetch": 2.0},
}


def fleet(name: str, arrangement: Arrangement) -> Fleet:
    return Fleet(arrangement=arrangement, **FLEETS[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("arrangement", Arrangement)
@pytest.mark.parametrize("name", FLEETS)
def test_the_model_agrees_with_the_simulation(name: str, arrangement: Arrangement) -> None:
    simulated, modelled = (run for run in (simulate(fleet(name, arrangement), 300), model(fleet(name, arrangement))))
    assert modelled.fetches == pytest.approx(simulated.fetches, rel=0.1)
    assert modelled.duplicates == pytest.approx(simulated.duplicates, rel=0.15, abs=0.1)
    assert modelled.reads == pytest.approx(simulated.reads, rel=0.2)
    assert modelled.busiest == pytest.approx(simulated.busiest, rel=0.2)


def test_the_same_seed_gives_the_same_requests() -> None:
    small = fleet("small", Arrangement.SHARED)
    assert simulate(small, 60, seed=3) == simulate(small, 60, seed=3) != simulate(small, 60, seed=4)


def test_the_groups_of_pages_are_all_pages_and_all_requests() -> None:
    found = list(groups(Fleet(1, 100, 12_345, Arrangement.MEMORY)))
    assert sum(count for count, _ in found) == 12_345
    assert math.isclose(sum(count * rate for count, rate in found), 100)
    assert [rate for _, rate in found] == sorted((rate for _, rate in found), reverse=True)


def test_a_lock_and_hashing_fetch_a_page_once() -> None:
    for arrangement in (Arrangement.LOCK, Arrangement.HASHING, Arrangement.HASHING_SHARED):
        assert simulate(fleet("duplicating", arrangement), 60).duplicates == 0
        assert hottest(fleet("duplicating", arrangement)) == 1
    assert hottest(fleet("duplicating", Arrangement.SHARED)) > 10


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("arrangement", [Arrangement.MEMORY, Arrangement.SHARED])
def test_a_plan_has_enough_pods_and_one_to_spare(rate: int, arrangement: Arrangement) -> None:
    found = plan(rate, arrangement)
    assert found.fleet.pods >= max(2, pods_for(found.cores))
    assert found.cores / (found.fleet.pods - 1) <= capacity.UTILISATION


def test_the_share_of_kept_connections_is_that_of_fetches_one_by_one() -> None:
    rng, rate, hosts, idle = random.Random(1), 20.0, 1_000, 5.0  # noqa: S311 - the same fetches every time
    last: dict[int, float] = {}
    now, found, fetches = 0.0, 0, 40_000
    for _ in range(fetches):
        now += rng.expovariate(rate)
        host = int((hosts + 1) ** rng.random())
        found += now - last.get(host, -math.inf) < idle
        last[host] = now
    assert reused(rate, hosts, idle) == pytest.approx(found / fetches, rel=0.03)


def test_the_document_has_the_tables_of_these_constants() -> None:
    document = capacity.DOCUMENT.read_text()
    assert written(document, {name: text(make()) for name, make in TABLES.items()}) == document, "run `make capacity`"


def test_a_document_without_the_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="pods: begin"):
        written("# Capacity\n", {"pods": "| |"})
