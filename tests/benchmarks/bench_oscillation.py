"""Four hours of load, scaled from alerts in four ways: how often the replicas change, how long there is overload.

    python -m tests.benchmarks.bench_oscillation

The load is in pods' worth of work. One pod fewer than needed is overload; 80 % of what the pods can do, for a
minute, fires `saturated`. A new pod works 15 s after it was asked for. The ways:

    floor while firing   one up while `saturated` fires, to the minimum when it resolves (OpenFaaS' handler)
    step up and down     two up while it fires, one down when it has been quiet for 5 minutes
    step with Hold       the same, but none down while "it would have been saturated with one pod fewer, within the
                         last 15 minutes": the decision as it is shipped, and all its tempering

A model, and a simple one: it compares the ways, it does not predict production.
"""

import math
import random
import statistics
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from scrap_operator.decision import decide, record_replicas
from scrap_operator.model import Alert, Effect, Observations, PollResult, Reference, Rule, ScaleTarget, Source, Spec

HOURS = 4
TICK = 15  # seconds: polls, and evaluations of the rules
STARTUP = 15  # seconds until a new pod works
FOR = 60  # seconds for which the saturation must last until it fires
SATURATED = 0.8  # of what the pods can do
LOOK_BACK = 900  # seconds that the Hold alert looks back
MINIMUM, MAXIMUM = 2, 10
WATCHDOG = Alert({"alertname": "Watchdog"})

Load = Callable[[int], float]
Way = Callable[[int, int, bool, bool], int]  # (time, replicas, saturated, hold) -> replicas


@dataclass(frozen=True, slots=True)
class Result:
    """What four hours came to."""

    changes: int
    overload: int  # seconds
    pod_hours: float


def simulate(load: Load, way: Way) -> Result:
    """Runs one way of scaling through the hours of one load."""
    replicas, changes, overload, pod_seconds = MINIMUM, 0, 0, 0
    ready_at = [0] * replicas  # when each pod works
    saturated_since: int | None = None
    past: deque[float] = deque(maxlen=LOOK_BACK // TICK)
    for now in range(0, HOURS * 3600, TICK):
        work = load(now)
        working = sum(1 for time in ready_at if time <= now)
        overload += TICK if work > working else 0
        pod_seconds += TICK * replicas
        past.append(work)
        saturated_since = None if work / working <= SATURATED else now if saturated_since is None else saturated_since
        saturated = saturated_since is not None and now - saturated_since >= FOR
        hold = replicas > 1 and max(past) / (replicas - 1) > SATURATED
        wanted = way(now, replicas, saturated, hold)
        changes += wanted != replicas
        ready_at = [*ready_at[:wanted], *[now + STARTUP] * (wanted - replicas)]
        replicas = wanted
    return Result(changes, overload, pod_seconds / 3600)


# The ways.


def floor_while_firing() -> Way:
    """One up while it fires, to the minimum when it does not."""

    def way(now: int, replicas: int, saturated: bool, hold: bool) -> int:
        return min(replicas + 1, MAXIMUM) if saturated else MINIMUM

    return paced(way)


def paced(way: Way) -> Way:
    """A change a minute at the most, as for everyone."""
    last = -60

    def slow(now: int, replicas: int, saturated: bool, hold: bool) -> int:
        nonlocal last
        wanted = way(now, replicas, saturated, hold)
        if wanted == replicas or now - last < 60:
            return replicas
        last = now
        return wanted

    return slow


def shipped(*, with_hold: bool, window: int | None = None) -> Way:
    """The operator's own decision by the chart's rules, with or without Hold; `window`: seconds, if not the default."""
    rules = [Rule("saturated", {"alertname": "Saturated"}, Effect.SCALE_UP, step=2)]
    if with_hold:
        rules.append(Rule("hold", {"alertname": "Hold"}, Effect.HOLD))
    target = Reference("apps/v1", "Deployment", "scrap")
    spec = Spec(target, MINIMUM, MAXIMUM, Source("http://alertmanager.test"), tuple(rules))
    if window is not None:
        spec = replace(spec, down=replace(spec.down, window=window))
    memory = Observations()

    def way(now: int, replicas: int, saturated: bool, hold: bool) -> int:
        nonlocal memory
        alerts = [WATCHDOG]
        alerts += [Alert({"alertname": "Saturated"})] if saturated else []
        alerts += [Alert({"alertname": "Hold"})] if hold else []
        decision = decide(spec, ScaleTarget(replicas), PollResult(tuple(alerts), 86_400), memory, now)
        assert decision.desired is not None
        memory = record_replicas(decision.memory, decision.desired, now)
        return decision.desired

    return way


WAYS: dict[str, Callable[[], Way]] = {
    "floor while firing": floor_while_firing,
    "step up and down": lambda: shipped(with_hold=False),
    "step with Hold": lambda: shipped(with_hold=True),
    "step with Hold, no window": lambda: shipped(with_hold=True, window=0),
}


# The loads.


def steady(now: int) -> float:
    """2.9 pods' worth from the first second on."""
    return 2.9


def noisy(seed: int) -> Load:
    """The same, with noise of up to a tenth either way, correlated over a few minutes."""
    source = random.Random(seed)  # noqa: S311 - a simulation
    level, values = 0.0, {}
    for now in range(0, HOURS * 3600, TICK):
        level = max(-0.1, min(0.1, 0.9 * level + source.uniform(-0.04, 0.04)))
        values[now] = 2.9 * (1 + level)
    return values.__getitem__


def daily(now: int) -> float:
    """A wave from 1 to 7 pods' worth and back, twice in four hours."""
    return 4 - 3 * math.cos(2 * math.pi * now / 7200)


def burst(now: int) -> float:
    """Six pods' worth for ten minutes each hour, one otherwise."""
    return 6.0 if now % 3600 >= 3000 else 1.0


SEEDS = range(20)


def loads() -> Iterator[tuple[str, list[Load]]]:
    """The loads by name; several where there is chance in them."""
    yield "steady", [steady]
    yield "noisy", [noisy(seed) for seed in SEEDS]
    yield "wave", [daily]
    yield "bursts", [burst]


def spread(values: list[int]) -> str:
    """The median, and the extremes where they differ."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):g}" + (f" ({low} to {high})" if low < high else "")


def main() -> None:
    """Prints the table; fails where step with Hold is ever worse than 2 changes / 90 s steady or 3 / 90 noisy."""
    print(f"| {'load':<7} | {'way':<25} | {'replica changes':<16} | {'overload, s':<18} | pod hours |")
    print(f"|{'-' * 9}|{'-' * 27}|{'-' * 18}|{'-' * 20}|{'-' * 11}|")
    worst = {}
    for load, variants in loads():
        for name, way in WAYS.items():
            results = [simulate(variant, way()) for variant in variants]
            changes, overload = [r.changes for r in results], [r.overload for r in results]
            worst[load, name] = max(changes), max(overload)
            hours = statistics.median(r.pod_hours for r in results)
            print(f"| {load:<7} | {name:<25} | {spread(changes):<16} | {spread(overload):<18} | {hours:9.1f} |")
    for load, bound in {"steady": (2, 90), "noisy": (3, 90)}.items():
        changes_and_overload = worst[load, "step with Hold"]
        if any(is_ > most for is_, most in zip(changes_and_overload, bound, strict=True)):
            sys.exit(f"step with Hold, {load}: {changes_and_overload}, worse than {bound}")


if __name__ == "__main__":
    main()
