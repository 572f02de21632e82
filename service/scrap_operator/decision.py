"""How many replicas, and why: a pure function of spec, target, observation, memory and time.

The first row that applies decides; a failed poll never counts as "no alerts".

    | when                                               | then           | reason                       |
    |----------------------------------------------------|----------------|------------------------------|
    | the mode is Suspended                              | stay           | SUSPENDED                    |
    | the target has no scale to read                    | stay           | TARGET_NOT_FOUND             |
    | something else scales the target                   | stay           | CONFLICT                     |
    | the target was set to 0 by hand                    | stay           | SCALED_TO_ZERO               |
    | fewer replicas than the minimum                    | to the minimum | BELOW_MINIMUM                |
    | more than the maximum                              | to the maximum | ABOVE_MAXIMUM                |
    | a poll failed, fewer in a row than the threshold   | stay           | SOURCE_FAILING               |
    | a ScaleUp rule fires                               | up, limited    | SCALE_UP                     |
    | source or heartbeat gone for the warm-up, and      | up to it,      | FALLBACK                     |
    |   fewer replicas than the fallback                 |   limited      |                              |
    | as many polls as the threshold failed              | stay           | SOURCE_UNAVAILABLE           |
    | the heartbeat does not fire, or its sender is late | stay           | HEARTBEAT_MISSING            |
    | source and heartbeat are back, but still warm up   | stay           | WARMING_UP                   |
    | a Hold rule fires                                  | stay           | HELD                         |
    | there are ScaleDown rules and none fires           | stay           | STEADY                       |
    | a ScaleDown rule fires, or nothing does            | down, limited  | SCALE_DOWN                   |

These limit a change, in this order:

    | when                                               | then           | reason                       |
    |----------------------------------------------------|----------------|------------------------------|
    | the target is at the bound already                 | stay           | AT_MAXIMUM, AT_MINIMUM       |
    | `behavior` disables the direction                  | stay           | DISABLED                     |
    | requested for less than the stabilization window   | stay           | STABILIZING                  |
    | the last change's period is not over               | stay           | RATE_LIMITED                 |
    | the change is larger than a policy or bound allows | cut            | SCALE_UP, SCALE_DOWN         |

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
    Mode,
    Observation,
    Observations,
    PendingDirection,
    PolicyType,
    PollFailed,
    Rule,
    ScaleTarget,
    ScalingPolicy,
    Select,
    Source,
    Spec,
)


class ScalingReason(StrEnum):
    """Why the replicas are to be what they are: a stable value in status, events, metrics and logs."""

    SUSPENDED = "Suspended"
    TARGET_NOT_FOUND = "TargetNotFound"
    CONFLICT = "Conflict"
    SCALED_TO_ZERO = "ScaledToZero"
    BELOW_MINIMUM = "BelowMinimum"
    ABOVE_MAXIMUM = "AboveMaximum"
    SOURCE_FAILING = "SourceFailing"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    HEARTBEAT_MISSING = "HeartbeatMissing"
    FALLBACK = "Fallback"
    WARMING_UP = "Settling"
    SCALE_UP = "ScaleUp"
    SCALE_DOWN = "ScaleDown"
    HELD = "Held"
    STEADY = "Steady"
    AT_MAXIMUM = "AtMaximum"
    AT_MINIMUM = "AtMinimum"
    DISABLED = "Disabled"
    STABILIZING = "Stabilizing"
    RATE_LIMITED = "RateLimited"


_GONE = {ScalingReason.SOURCE_UNAVAILABLE, ScalingReason.HEARTBEAT_MISSING}


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
        inconclusive: why alerts that do not fire mean nothing just now; None where they mean that nothing is wrong.
        firing: the names of the rules that fire.
        memory: what the next decision needs.
    """

    current: int | None
    desired: int | None
    writes: bool
    reason: ScalingReason
    sentence: str
    limited: bool
    inconclusive: RuleOutcome | None
    firing: tuple[str, ...]
    memory: Observations


def decide(spec: Spec, target: ScaleTarget, observation: Observation, memory: Observations, now: int) -> Decision:
    """Decides how many replicas the target should have.

    Args:
        spec: what the AlertScaler asks for.
        target: what is known of its target.
        observation: the result of the poll just made.
        memory: of the decision before; an empty one the first time.
        now: seconds since the epoch; may jump.
    """
    memory = record_replicas(memory, target.replicas, now)
    was_available = memory.available_since is not None
    memory = _record_poll(spec.source, observation, memory, now)
    firing = _firing(spec, observation)
    inconclusive = _inconclusive(spec.source, observation, memory, now)
    fallback = _fallback(spec, target, inconclusive)
    if fallback and was_available:  # an outage begins: what a rule requested before is not the fallback's
        memory = replace(memory, pending=None)
    memory = replace(memory, pending=_pending_direction(spec, firing, inconclusive, memory, now, fallback=fallback))
    verdict = _unscalable(spec, target)
    if verdict is None:
        assert target.replicas is not None  # noqa: S101 - else _unscalable returned a reason
        verdict = _enforce_bounds(spec, target.replicas) or _follow_alerts(
            spec, target.replicas, memory, now, firing, inconclusive=inconclusive, fallback=fallback
        )
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
        inconclusive=inconclusive,
        firing=tuple(rule.name for rule in firing),
        memory=memory,
    )


def record_replicas(memory: Observations, replicas: int | None, now: int) -> Observations:
    """Records the target's replicas, and that they changed, by whichever client: windows and periods start anew."""
    up, down = _not_after(now, memory.scaled_up), _not_after(now, memory.scaled_down)
    if replicas is not None and memory.replicas is not None:
        up = now if replicas > memory.replicas else up
        down = now if replicas < memory.replicas else down
    return replace(memory, replicas=replicas, scaled_up=up, scaled_down=down)


def _not_after(now: int, time: int | None) -> int | None:
    """A time as it is, or now where a clock that jumped back put it into the future."""
    return time if time is None else min(time, now)


# The source.


def _record_poll(source: Source, observation: Observation, memory: Observations, now: int) -> Observations:
    """Records whether source and heartbeat are there; after a gap in the polls longer than `warm_up`, neither is."""
    if memory.polled is None or not 0 <= now - memory.polled <= source.warm_up:
        memory = replace(memory, available_since=None, pending=None)
    memory = replace(memory, polled=now)
    if isinstance(observation, PollFailed):
        failures = min(memory.failures + 1, source.failure_threshold)
        gone = failures == source.failure_threshold
        return replace(memory, failures=failures, available_since=None if gone else memory.available_since)
    if not any(alert.fresh for alert in _carrying(source.heartbeat, observation.alerts)):
        return replace(memory, failures=0, available_since=None)
    since = now if memory.available_since is None else memory.available_since
    # A source that restarted between two polls has lost its alerts, though no poll failed.
    return replace(memory, failures=0, available_since=max(since, now - observation.uptime))


def _inconclusive(source: Source, observation: Observation, memory: Observations, now: int) -> RuleOutcome | None:
    """Why alerts that do not fire mean nothing just now; None where they mean that nothing is wrong."""
    if isinstance(observation, PollFailed):
        if memory.failures < source.failure_threshold:
            count = f"{memory.failures} of {source.failure_threshold}"
            return RuleOutcome(ScalingReason.SOURCE_FAILING, f"Poll {count} failed: {observation.problem}.")
        return RuleOutcome(ScalingReason.SOURCE_UNAVAILABLE, f"{source.kind} does not respond: {observation.problem}.")
    if memory.available_since is None:
        heartbeat = ", ".join(f'{name}="{value}"' for name, value in source.heartbeat.items())
        return RuleOutcome(ScalingReason.HEARTBEAT_MISSING, f"The heartbeat {heartbeat} does not fire or is late.")
    if now - memory.available_since < source.warm_up:
        return RuleOutcome(
            ScalingReason.WARMING_UP,
            f"No scale-in until source and heartbeat have been available for {source.warm_up} s.",
        )
    return None


def _firing(spec: Spec, observation: Observation) -> tuple[Rule, ...]:
    if isinstance(observation, PollFailed):
        return ()
    heeded = [alert for alert in observation.alerts if not (alert.silenced and spec.source.heed_silences)]
    return tuple(rule for rule in spec.rules if _carrying(rule.matchers, heeded))


def _carrying(labels: Labels, alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts that carry all the labels with exactly these values."""
    return [alert for alert in alerts if labels.items() <= alert.labels.items()]


def _fallback(spec: Spec, target: ScaleTarget, inconclusive: RuleOutcome | None) -> int | None:
    """The replicas to fall back to; None where there are as many, or the alerts are known."""
    replicas = min(spec.fallback, spec.maximum)
    gone = inconclusive is not None and inconclusive.reason in _GONE
    return replicas if gone and target.replicas is not None and target.replicas < replicas else None


def _pending_direction(
    spec: Spec,
    firing: Sequence[Rule],
    inconclusive: RuleOutcome | None,
    memory: Observations,
    now: int,
    *,
    fallback: int | None,
) -> PendingDirection | None:
    """The direction that alerts or fallback request, and since when without a break; one failed poll is no break."""
    if inconclusive and inconclusive.reason is ScalingReason.SOURCE_FAILING:
        return memory.pending
    direction = Direction.UP if fallback else _direction(spec, {rule.effect for rule in firing}, inconclusive)
    if direction is None:
        return None
    if memory.pending and memory.pending.direction is direction:
        return memory.pending
    return PendingDirection(direction, now)


def _direction(spec: Spec, effects: set[Effect], inconclusive: RuleOutcome | None) -> Direction | None:
    if Effect.SCALE_UP in effects:
        return Direction.UP
    if inconclusive or Effect.HOLD in effects:
        return None
    if Effect.SCALE_DOWN not in effects and any(rule.effect is Effect.SCALE_DOWN for rule in spec.rules):
        return None
    return Direction.DOWN


# The rows of the table.


def _unscalable(spec: Spec, target: ScaleTarget) -> RuleOutcome | None:
    if spec.mode is Mode.SUSPENDED:
        return RuleOutcome(ScalingReason.SUSPENDED, "The mode is Suspended.")
    if target.replicas is None:
        return RuleOutcome(ScalingReason.TARGET_NOT_FOUND, f"{spec.target} does not exist or has no scale.")
    if target.conflicting:
        return RuleOutcome(
            ScalingReason.CONFLICT, f"{', '.join(target.conflicting)} scales {spec.target}, too: remove one of them."
        )
    if target.replicas == 0:
        return RuleOutcome(
            ScalingReason.SCALED_TO_ZERO, f"{spec.target} was set to 0 replicas by hand, and stays there."
        )
    return None


def _enforce_bounds(spec: Spec, current: int) -> RuleOutcome | None:
    """The bounds need no alerts: they hold at once, whatever the source's state."""
    if current < spec.minimum:
        return RuleOutcome(ScalingReason.BELOW_MINIMUM, f"{_change(current, spec.minimum)}: the minimum.", spec.minimum)
    if current > spec.maximum:
        return RuleOutcome(ScalingReason.ABOVE_MAXIMUM, f"{_change(current, spec.maximum)}: the maximum.", spec.maximum)
    return None


def _follow_alerts(
    spec: Spec,
    current: int,
    memory: Observations,
    now: int,
    firing: Sequence[Rule],
    *,
    inconclusive: RuleOutcome | None,
    fallback: int | None,
) -> RuleOutcome:
    """The change that the alerts request. A ScaleUp rule that fires counts even where the others are inconclusive."""
    if ups := [rule for rule in firing if rule.effect is Effect.SCALE_UP]:
        return _scale_up(spec, current, memory, now, ups)
    if inconclusive:
        return _fall_back(spec, current, memory, now, inconclusive, fallback) if fallback else inconclusive
    if holds := [rule for rule in firing if rule.effect is Effect.HOLD]:
        return RuleOutcome(ScalingReason.HELD, f"{_names(holds)}: no fewer than {current} replicas.")
    if memory.pending is None:
        return RuleOutcome(ScalingReason.STEADY, "No rule fires.")
    downs = [rule for rule in firing if rule.effect is Effect.SCALE_DOWN]
    return _scale_down(spec, current, memory, now, downs)


def _scale_up(spec: Spec, current: int, memory: Observations, now: int, ups: Sequence[Rule]) -> RuleOutcome:
    cause = _names(ups)
    if current == spec.maximum:
        return RuleOutcome(ScalingReason.AT_MAXIMUM, f"{cause}, but {current} replicas are the maximum.", limited=True)
    if wait := _wait(spec.up, memory, memory.scaled_up, now):
        return replace(wait, sentence=f"{cause}. {wait.sentence}")
    requested = current + max(rule.step for rule in ups)
    granted = min(requested, current + _allowance(spec.up, current, memory.scaled_up, now), spec.maximum)
    return RuleOutcome(
        ScalingReason.SCALE_UP, f"{_change(current, granted)}: {cause}.", granted, limited=granted < requested
    )


def _fall_back(
    spec: Spec, current: int, memory: Observations, now: int, gone: RuleOutcome, fallback: int
) -> RuleOutcome:
    """Out to the fallback, once source or heartbeat have been gone for the warm-up."""
    assert memory.pending is not None  # noqa: S101 - the fallback is requested
    if now < memory.pending.since + spec.source.warm_up:
        sentence = f"{gone.sentence} After {spec.source.warm_up} s of this: {_change(current, fallback)}."
        return replace(gone, sentence=sentence)
    if wait := _wait(spec.up, memory, memory.scaled_up, now):
        return replace(wait, sentence=f"{gone.sentence} {wait.sentence}")
    granted = min(fallback, current + _allowance(spec.up, current, memory.scaled_up, now))
    return RuleOutcome(
        ScalingReason.FALLBACK,
        f"{_change(current, granted)}: the fallback. {gone.sentence}",
        granted,
        limited=granted < fallback,
    )


def _scale_down(spec: Spec, current: int, memory: Observations, now: int, downs: Sequence[Rule]) -> RuleOutcome:
    cause = _names(downs) if downs else "Nothing fires"
    if current == spec.minimum:
        return RuleOutcome(
            ScalingReason.AT_MINIMUM, f"{cause}, and {current} replicas are the minimum.", limited=bool(downs)
        )
    if wait := _wait(spec.down, memory, memory.scaled_down, now):
        return replace(wait, sentence=f"{cause}. {wait.sentence}")
    requested = current - min((rule.step for rule in downs), default=1)  # several that fire: the most careful counts
    granted = max(requested, current - _allowance(spec.down, current, memory.scaled_down, now), spec.minimum)
    return RuleOutcome(
        ScalingReason.SCALE_DOWN, f"{_change(current, granted)}: {cause}.", granted, limited=granted > requested
    )


# The limits of a change.


def _wait(behavior: Behavior, memory: Observations, last: int | None, now: int) -> RuleOutcome | None:
    """Why a requested change has to wait; None where it has not."""
    if behavior.select is Select.DISABLED:
        return RuleOutcome(ScalingReason.DISABLED, "The behavior's selectPolicy is Disabled.", limited=True)
    assert memory.pending is not None  # noqa: S101 - else no change were requested
    stable = max(memory.pending.since, memory.scaled_up or 0, memory.scaled_down or 0) + behavior.window
    if now < stable:
        return RuleOutcome(ScalingReason.STABILIZING, f"The stabilization window ends at {_clock(stable)}.")
    ends = [0 if last is None else last + policy.period for policy in behavior.policies]
    earliest = max(ends) if behavior.select is Select.MIN else min(ends)
    if now < earliest:
        return RuleOutcome(
            ScalingReason.RATE_LIMITED, f"The behavior allows the next change at {_clock(earliest)}.", limited=True
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


# Sentences.


def _names(rules: Sequence[Rule]) -> str:
    return f"{', '.join(rule.name for rule in rules)} {'fires' if len(rules) == 1 else 'fire'}"


def _change(current: int, desired: int) -> str:
    return f"{current} → {desired} replicas"


def _clock(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
