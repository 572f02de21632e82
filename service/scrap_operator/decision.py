"""How many replicas, and why: a pure function of spec, target, observation, memory and time.

The first row that applies decides; `unknown` is never `no alerts`.

    | when                                              | then                      | reason            |
    |---------------------------------------------------|---------------------------|-------------------|
    | the mode is Suspended                             | hands off                 | Suspended         |
    | the target has no scale to read                   | hands off                 | TargetNotFound    |
    | something else scales the target                  | hands off                 | Conflict          |
    | the target was set to 0 by hand                   | hands off                 | ScaledToZero      |
    | fewer replicas than the minimum                   | to the minimum            | BelowMinimum      |
    | more than the maximum                             | to the maximum            | AboveMaximum      |
    | the source failed, less often than the threshold  | stay                      | SourceFailing     |
    | it failed that often                              | stay                      | SourceUnavailable |
    | a ScaleUp rule fires                              | up, tempered              | ScaleUp           |
    | the heartbeat does not fire, or its sender is late| stay                      | HeartbeatMissing  |
    | source and heartbeat are back for less than settle| stay                      | Settling          |
    | a Hold rule fires                                 | stay                      | Held              |
    | there are ScaleDown rules and none fires          | stay                      | Steady            |
    | a ScaleDown rule fires, or nothing does           | down, tempered            | ScaleDown         |

A change that is to be tempered meets these, in this order:

    | when                                              | then                      | reason            |
    |---------------------------------------------------|---------------------------|-------------------|
    | it is at the bound already                        | stay                      | AtMaximum, AtMinimum |
    | `behavior` disables the direction                 | stay                      | Disabled          |
    | wished for less long than the stabilization window| stay                      | Stabilizing       |
    | the last change's period is not over              | stay                      | RateLimited       |
    | it is larger than a policy or a bound allows      | cut                       | ScaleUp, ScaleDown|

Where nothing fires the step down is one pod. DryRun decides the same and writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from scrap_operator.model import (
    Alert,
    Behavior,
    Direction,
    Effect,
    Labels,
    Leaning,
    Lost,
    Mode,
    Observation,
    Observations,
    PolicyType,
    Rule,
    ScaleTarget,
    ScalingPolicy,
    Select,
    Source,
    Spec,
)


class ScalingReason(StrEnum):
    """Why the replicas are to be what they are: the word that status, events, metrics and logs share."""

    SUSPENDED = "Suspended"
    TARGET_NOT_FOUND = "TargetNotFound"
    CONFLICT = "Conflict"
    SCALED_TO_ZERO = "ScaledToZero"
    BELOW_MINIMUM = "BelowMinimum"
    ABOVE_MAXIMUM = "AboveMaximum"
    SOURCE_FAILING = "SourceFailing"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    HEARTBEAT_MISSING = "HeartbeatMissing"
    SETTLING = "Settling"
    SCALE_UP = "ScaleUp"
    SCALE_DOWN = "ScaleDown"
    HELD = "Held"
    STEADY = "Steady"
    AT_MAXIMUM = "AtMaximum"
    AT_MINIMUM = "AtMinimum"
    DISABLED = "Disabled"
    STABILIZING = "Stabilizing"
    RATE_LIMITED = "RateLimited"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One row of the table, applied.

    Attributes:
        replicas: how many there should be; None: as many as there are.
        limited: a bound or a policy granted less than a rule asked for.
    """

    reason: ScalingReason
    sentence: str
    replicas: int | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now.

    Attributes:
        current: the target's replicas; None where they cannot be read.
        desired: what they should be; the same as `current` where nothing is to be done.
        writes: `desired` is to be written.
        doubt: why the source's silence is not believed; None where it is.
        firing: the names of the rules that fire.
        memory: what the next decision needs.
    """

    current: int | None
    desired: int | None
    writes: bool
    reason: ScalingReason
    sentence: str
    limited: bool
    doubt: RuleOutcome | None
    firing: tuple[str, ...]
    memory: Observations


def decide(spec: Spec, target: ScaleTarget, observation: Observation, memory: Observations, now: int) -> Decision:
    """Decides how many replicas the target should have.

    Args:
        spec: what the AlertScaler asks for.
        target: what is known of its target.
        observation: what the source just said, or that it did not.
        memory: of the decision before; an empty one the first time.
        now: seconds since the epoch; may jump.
    """
    memory = notice(memory, target.replicas, now)
    memory = _listen(spec.source, observation, memory, now)
    firing = _firing(spec, observation)
    doubt = _doubt(spec.source, observation, memory, now)
    memory = replace(memory, leaning=_lean(spec, firing, doubt, memory, now))
    verdict = _hands_off(spec, target)
    if verdict is None:
        assert target.replicas is not None  # noqa: S101 - or _hands_off had said so
        verdict = _clamp(spec, target.replicas) or _weigh(spec, target.replicas, memory, now, firing, doubt=doubt)
    desired = target.replicas if verdict.replicas is None else verdict.replicas
    changes = desired != target.replicas
    rehearsed = changes and spec.mode is Mode.DRY_RUN
    return Decision(
        current=target.replicas,
        desired=desired,
        writes=changes and not rehearsed,
        reason=verdict.reason,
        sentence=verdict.sentence + (" Not written: the mode is DryRun." if rehearsed else ""),
        limited=verdict.limited,
        doubt=doubt,
        firing=tuple(rule.name for rule in firing),
        memory=memory,
    )


def notice(memory: Observations, replicas: int | None, now: int) -> Observations:
    """Remembers the target's replicas, and that they changed, whoever changed them: windows and periods start anew."""
    up, down = _not_after(now, memory.scaled_up), _not_after(now, memory.scaled_down)
    if replicas is not None and memory.replicas is not None:
        up = now if replicas > memory.replicas else up
        down = now if replicas < memory.replicas else down
    return replace(memory, replicas=replicas, scaled_up=up, scaled_down=down)


def _not_after(now: int, time: int | None) -> int | None:
    """A time as it is, or now where a clock that jumped back put it into the future."""
    return time if time is None else min(time, now)


# What is known of the source.


def _listen(source: Source, observation: Observation, memory: Observations, now: int) -> Observations:
    """Remembers whether source and heartbeat are there. What nobody watched for longer than `settle` is unknown."""
    if memory.polled is None or not 0 <= now - memory.polled <= source.settle:
        memory = replace(memory, heard_since=None, leaning=None)
    memory = replace(memory, polled=now)
    if isinstance(observation, Lost):
        failures = min(memory.failures + 1, source.failure_threshold)
        gone = failures == source.failure_threshold
        return replace(memory, failures=failures, heard_since=None if gone else memory.heard_since)
    if not any(alert.fresh for alert in _carrying(source.heartbeat, observation.alerts)):
        return replace(memory, failures=0, heard_since=None)
    since = now if memory.heard_since is None else memory.heard_since
    # A source that restarted between two polls has forgotten what it knew, though no poll failed.
    return replace(memory, failures=0, heard_since=max(since, now - observation.uptime))


def _doubt(source: Source, observation: Observation, memory: Observations, now: int) -> RuleOutcome | None:
    """Why alerts that do not fire mean nothing just now; None where they mean what they seem to."""
    if isinstance(observation, Lost):
        if memory.failures < source.failure_threshold:
            count = f"{memory.failures} of {source.failure_threshold}"
            return RuleOutcome(ScalingReason.SOURCE_FAILING, f"Poll {count} failed: {observation.problem}.")
        return RuleOutcome(ScalingReason.SOURCE_UNAVAILABLE, f"{source.kind} does not answer: {observation.problem}.")
    if memory.heard_since is None:
        heartbeat = ", ".join(f'{name}="{value}"' for name, value in source.heartbeat.items())
        return RuleOutcome(ScalingReason.HEARTBEAT_MISSING, f"The heartbeat {heartbeat} does not fire or is late.")
    if now - memory.heard_since < source.settle:
        return RuleOutcome(ScalingReason.SETTLING, f"Warm-up until {_clock(memory.heard_since + source.settle)}.")
    return None


def _firing(spec: Spec, observation: Observation) -> tuple[Rule, ...]:
    if isinstance(observation, Lost):
        return ()
    heeded = [alert for alert in observation.alerts if not (alert.silenced and spec.source.heed_silences)]
    return tuple(rule for rule in spec.rules if _carrying(rule.matchers, heeded))


def _carrying(labels: Labels, alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts that carry all the labels with exactly these values."""
    return [alert for alert in alerts if labels.items() <= alert.labels.items()]


def _lean(
    spec: Spec, firing: Sequence[Rule], doubt: RuleOutcome | None, memory: Observations, now: int
) -> Leaning | None:
    """Which way the alerts ask to go, and since when they have without a break; one lost poll is no break."""
    if doubt and doubt.reason is ScalingReason.SOURCE_FAILING:
        return memory.leaning
    direction = _direction(spec, {rule.effect for rule in firing}, doubt)
    if direction is None:
        return None
    if memory.leaning and memory.leaning.direction is direction:
        return memory.leaning
    return Leaning(direction, now)


def _direction(spec: Spec, effects: set[Effect], doubt: RuleOutcome | None) -> Direction | None:
    if Effect.SCALE_UP in effects:
        return Direction.UP
    if doubt or Effect.HOLD in effects:
        return None
    if Effect.SCALE_DOWN not in effects and any(rule.effect is Effect.SCALE_DOWN for rule in spec.rules):
        return None
    return Direction.DOWN


# The rows of the table.


def _hands_off(spec: Spec, target: ScaleTarget) -> RuleOutcome | None:
    if spec.mode is Mode.SUSPENDED:
        return RuleOutcome(ScalingReason.SUSPENDED, "The mode is Suspended.")
    if target.replicas is None:
        return RuleOutcome(ScalingReason.TARGET_NOT_FOUND, f"{spec.target} does not exist or has no scale.")
    if target.rivals:
        return RuleOutcome(
            ScalingReason.CONFLICT, f"{', '.join(target.rivals)} scales {spec.target}, too: remove one of them."
        )
    if target.replicas == 0:
        return RuleOutcome(
            ScalingReason.SCALED_TO_ZERO, f"{spec.target} was set to 0 replicas by hand, and stays there."
        )
    return None


def _clamp(spec: Spec, current: int) -> RuleOutcome | None:
    """The bounds are the user's word and need no alerts: they hold at once, whatever is known of the source."""
    if current < spec.minimum:
        return RuleOutcome(ScalingReason.BELOW_MINIMUM, f"{_change(current, spec.minimum)}: the minimum.", spec.minimum)
    if current > spec.maximum:
        return RuleOutcome(ScalingReason.ABOVE_MAXIMUM, f"{_change(current, spec.maximum)}: the maximum.", spec.maximum)
    return None


def _weigh(
    spec: Spec, current: int, memory: Observations, now: int, firing: Sequence[Rule], *, doubt: RuleOutcome | None
) -> RuleOutcome:
    """What the alerts say. A rule that fires may be believed while silence is not."""
    if ups := [rule for rule in firing if rule.effect is Effect.SCALE_UP]:
        return _grow(spec, current, memory, now, ups)
    if doubt:
        return doubt
    if holds := [rule for rule in firing if rule.effect is Effect.HOLD]:
        return RuleOutcome(ScalingReason.HELD, f"{_names(holds)}: no fewer than {current} replicas.")
    if memory.leaning is None:
        return RuleOutcome(ScalingReason.STEADY, "No rule fires.")
    downs = [rule for rule in firing if rule.effect is Effect.SCALE_DOWN]
    return _shrink(spec, current, memory, now, downs)


def _grow(spec: Spec, current: int, memory: Observations, now: int, ups: Sequence[Rule]) -> RuleOutcome:
    cause = _names(ups)
    if current == spec.maximum:
        return RuleOutcome(ScalingReason.AT_MAXIMUM, f"{cause}, but {current} replicas are the maximum.", limited=True)
    if wait := _wait(spec.up, memory, memory.scaled_up, now):
        return replace(wait, sentence=f"{cause}. {wait.sentence}")
    wish = current + max(rule.step for rule in ups)
    granted = min(wish, current + _allowance(spec.up, current, memory.scaled_up, now), spec.maximum)
    return RuleOutcome(
        ScalingReason.SCALE_UP, f"{_change(current, granted)}: {cause}.", granted, limited=granted < wish
    )


def _shrink(spec: Spec, current: int, memory: Observations, now: int, downs: Sequence[Rule]) -> RuleOutcome:
    cause = _names(downs) if downs else "Nothing fires"
    if current == spec.minimum:
        return RuleOutcome(
            ScalingReason.AT_MINIMUM, f"{cause}, and {current} replicas are the minimum.", limited=bool(downs)
        )
    if wait := _wait(spec.down, memory, memory.scaled_down, now):
        return replace(wait, sentence=f"{cause}. {wait.sentence}")
    wish = current - min((rule.step for rule in downs), default=1)  # several that fire: the most careful counts
    granted = max(wish, current - _allowance(spec.down, current, memory.scaled_down, now), spec.minimum)
    return RuleOutcome(
        ScalingReason.SCALE_DOWN, f"{_change(current, granted)}: {cause}.", granted, limited=granted > wish
    )


# Tempering.


def _wait(behavior: Behavior, memory: Observations, last: int | None, now: int) -> RuleOutcome | None:
    """Why a change that is wished for may not come yet; None where it may."""
    if behavior.select is Select.DISABLED:
        return RuleOutcome(ScalingReason.DISABLED, "The behavior's selectPolicy is Disabled.", limited=True)
    assert memory.leaning is not None  # noqa: S101 - or nothing were wished for
    ripe = max(memory.leaning.since, memory.scaled_up or 0, memory.scaled_down or 0) + behavior.window
    if now < ripe:
        return RuleOutcome(ScalingReason.STABILIZING, f"Stabilizing until {_clock(ripe)}.")
    free = [0 if last is None else last + policy.period for policy in behavior.policies]
    earliest = max(free) if behavior.select is Select.MIN else min(free)
    if now < earliest:
        return RuleOutcome(
            ScalingReason.RATE_LIMITED, f"The last change's period lasts until {_clock(earliest)}.", limited=True
        )
    return None


def _allowance(behavior: Behavior, current: int, last: int | None, now: int) -> int:
    """How many pods may come or go at once, by the policies whose period is over."""
    open_policies = [policy for policy in behavior.policies if last is None or now >= last + policy.period]
    select = min if behavior.select is Select.MIN else max
    return select(_pods(policy, current) for policy in open_policies)


def _pods(policy: ScalingPolicy, current: int) -> int:
    if policy.type is PolicyType.PODS:
        return policy.value
    return -(-current * policy.value // 100)  # rounded up, as the HPA does either way


# Words.


def _names(rules: Sequence[Rule]) -> str:
    return f"{', '.join(rule.name for rule in rules)} {'fires' if len(rules) == 1 else 'fire'}"


def _change(current: int, desired: int) -> str:
    return f"{current} → {desired} replicas"


def _clock(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
