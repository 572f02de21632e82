"""Every row of the decision's table, by name."""

from dataclasses import replace

import pytest

from scrap_operator.decision import Decision, ScalingReason, decide, record_replicas
from scrap_operator.model import (
    Alert,
    Behavior,
    Direction,
    Effect,
    Mode,
    Observation,
    Observations,
    PendingDirection,
    PolicyType,
    PollFailed,
    PollResult,
    Reference,
    Rule,
    ScaleTarget,
    ScalingPolicy,
    Select,
    Source,
    Spec,
)

NOW = 1_800_000_000
LONG_AGO = NOW - 86_400
LONG_UP = 86_400  # seconds for which the source has been running

SATURATED = Rule("saturated", {"alertname": "ScrapSaturated"}, Effect.SCALE_UP, step=2)
FLOODED = Rule("flooded", {"alertname": "ScrapFlooded"}, Effect.SCALE_UP, step=3)
HOLD = Rule("hold", {"alertname": "ScrapScaleInUnsafe"}, Effect.HOLD)
IDLE = Rule("idle", {"alertname": "ScrapIdle"}, Effect.SCALE_DOWN, step=2)
ASLEEP = Rule("asleep", {"alertname": "ScrapAsleep"}, Effect.SCALE_DOWN, step=3)
WATCHDOG = Alert({"alertname": "Watchdog", "severity": "none"})

SPEC = Spec(
    target=Reference("apps/v1", "Deployment", "scrap"),
    minimum=2,
    maximum=10,
    source=Source("http://alertmanager.test"),
    rules=(SATURATED, FLOODED, HOLD),
    up=Behavior(0, (ScalingPolicy(PolicyType.PODS, 100, 60),)),
    down=Behavior(300, (ScalingPolicy(PolicyType.PODS, 100, 60),)),
)
WITH_SCALE_DOWN = replace(SPEC, rules=(SATURATED, HOLD, IDLE, ASLEEP))
# Available for a day, quiet for a day: everything that time can grant is granted.
CALM = Observations(
    replicas=5, polled=NOW - 15, available_since=LONG_AGO, pending=PendingDirection(Direction.DOWN, LONG_AGO)
)
BUSY = replace(CALM, pending=PendingDirection(Direction.UP, LONG_AGO))
LOST = PollFailed("connection refused")


def seen(*names: str, heartbeat: Alert | None = WATCHDOG, silenced: bool = False, uptime: int = LONG_UP) -> PollResult:
    alerts = tuple(Alert({"alertname": name, "namespace": "shop"}, silenced=silenced) for name in names)
    return PollResult(alerts + ((heartbeat,) if heartbeat else ()), uptime)


def decided(
    observation: Observation,
    *,
    spec: Spec = SPEC,
    memory: Observations = CALM,
    replicas: int | None = 5,
    conflicting: tuple[str, ...] = (),
    now: int = NOW,
) -> Decision:
    if memory.replicas == CALM.replicas:  # unless a test says otherwise, nobody touched the target
        memory = replace(memory, replicas=replicas)
    return decide(spec, ScaleTarget(replicas, conflicting), observation, memory, now)


def stays(decision: Decision, reason: ScalingReason) -> None:
    assert (decision.reason, decision.desired, decision.writes) == (reason, decision.current, False)
    assert decision.sentence.endswith(".")


def goes(decision: Decision, reason: ScalingReason, desired: int) -> None:
    assert (decision.reason, decision.desired, decision.writes) == (reason, desired, True)
    assert f"{decision.current} → {desired}" in decision.sentence


# The rows, in their order.


def test_suspended_keeps_its_hands_off() -> None:
    suspended = replace(SPEC, mode=Mode.SUSPENDED)
    stays(decided(seen("ScrapSaturated"), spec=suspended), ScalingReason.SUSPENDED)
    stays(decided(seen(), spec=suspended, replicas=50), ScalingReason.SUSPENDED)


def test_suspended_still_says_what_fires() -> None:
    assert decided(seen("ScrapSaturated"), spec=replace(SPEC, mode=Mode.SUSPENDED)).firing == ("saturated",)


def test_a_target_that_is_not_there() -> None:
    decision = decided(seen("ScrapSaturated"), replicas=None)
    stays(decision, ScalingReason.TARGET_NOT_FOUND)
    assert decision.desired is None
    assert "Deployment/scrap" in decision.sentence


def test_another_autoscaler_is_a_conflict_and_named() -> None:
    decision = decided(seen("ScrapSaturated"), conflicting=("HorizontalPodAutoscaler/scrap",))
    stays(decision, ScalingReason.CONFLICT)
    assert "HorizontalPodAutoscaler/scrap" in decision.sentence


def test_a_conflict_stops_even_the_clamp() -> None:
    stays(decided(seen(), replicas=50, conflicting=("AlertScaler/other",)), ScalingReason.CONFLICT)


def test_zero_by_hand_stays_zero() -> None:
    stays(decided(seen("ScrapSaturated"), replicas=0), ScalingReason.SCALED_TO_ZERO)


def test_below_the_minimum_goes_to_the_minimum() -> None:
    goes(decided(seen(), replicas=1), ScalingReason.BELOW_MINIMUM, 2)


def test_above_the_maximum_goes_to_the_maximum() -> None:
    goes(decided(seen(), replicas=50), ScalingReason.ABOVE_MAXIMUM, 10)


@pytest.mark.parametrize(("replicas", "bound"), [(1, 2), (50, 10)])
def test_the_bounds_hold_though_the_source_is_gone(replicas: int, bound: int) -> None:
    assert decided(LOST, replicas=replicas).desired == bound


def test_a_lost_poll_changes_nothing() -> None:
    decision = decided(LOST)
    stays(decision, ScalingReason.SOURCE_FAILING)
    assert "1 of 3" in decision.sentence
    assert "connection refused" in decision.sentence


def test_a_lost_poll_breaks_no_window() -> None:
    memory = decided(LOST).memory
    goes(decided(seen(), memory=memory, now=NOW + 15), ScalingReason.SCALE_DOWN, 4)


def test_as_many_lost_polls_as_the_threshold_are_an_outage() -> None:
    decision = decided(LOST, memory=replace(CALM, failures=2))
    stays(decision, ScalingReason.SOURCE_UNAVAILABLE)
    assert "connection refused" in decision.sentence
    assert (decision.memory.available_since, decision.memory.pending) == (None, None)


def test_failures_are_counted_no_further_than_the_threshold() -> None:
    assert decided(LOST, memory=replace(CALM, failures=3)).memory.failures == 3


def test_an_answer_ends_the_count_of_failures() -> None:
    assert decided(seen(), memory=replace(CALM, failures=2)).memory.failures == 0


def test_a_scale_up_rule_scales_up_by_its_step() -> None:
    goes(decided(seen("ScrapSaturated")), ScalingReason.SCALE_UP, 7)


def test_of_several_scale_up_rules_the_largest_step_counts() -> None:
    decision = decided(seen("ScrapSaturated", "ScrapFlooded"))
    goes(decision, ScalingReason.SCALE_UP, 8)
    assert "saturated, flooded fire" in decision.sentence


def test_scale_up_outweighs_hold_and_scale_down() -> None:
    goes(
        decided(seen("ScrapSaturated", "ScrapScaleInUnsafe", "ScrapIdle"), spec=WITH_SCALE_DOWN),
        ScalingReason.SCALE_UP,
        7,
    )


@pytest.mark.parametrize("heartbeat", [None, replace(WATCHDOG, fresh=False)], ids=["missing", "late"])
def test_scaling_up_needs_no_heartbeat(heartbeat: Alert | None) -> None:
    goes(decided(seen("ScrapSaturated", heartbeat=heartbeat)), ScalingReason.SCALE_UP, 7)


def test_scaling_up_needs_no_warm_up() -> None:
    goes(decided(seen("ScrapSaturated"), memory=Observations()), ScalingReason.SCALE_UP, 7)


def test_silence_without_the_heartbeat_is_unknown() -> None:
    decision = decided(seen(heartbeat=None))
    stays(decision, ScalingReason.HEARTBEAT_MISSING)
    assert 'alertname="Watchdog"' in decision.sentence


def test_a_late_heartbeat_is_none_for_its_senders_other_alerts_may_end_first() -> None:
    stays(decided(seen(heartbeat=replace(WATCHDOG, fresh=False))), ScalingReason.HEARTBEAT_MISSING)


def test_a_scale_down_rule_is_not_believed_without_the_heartbeat() -> None:
    stays(decided(seen("ScrapIdle", heartbeat=None), spec=WITH_SCALE_DOWN), ScalingReason.HEARTBEAT_MISSING)


def test_the_heartbeat_is_known_by_all_its_labels() -> None:
    heartbeat = {"alertname": "Watchdog", "cluster": "two"}
    spec = replace(SPEC, source=replace(SPEC.source, heartbeat=heartbeat))
    stays(decided(seen(), spec=spec), ScalingReason.HEARTBEAT_MISSING)
    goes(decided(seen(heartbeat=Alert(heartbeat)), spec=spec), ScalingReason.SCALE_DOWN, 4)


def test_a_source_that_is_just_back_must_warm_up() -> None:
    decision = decided(seen(), memory=replace(CALM, available_since=NOW - 119))
    stays(decision, ScalingReason.WARMING_UP)
    assert "available for 120 s" in decision.sentence


def test_a_source_that_was_back_for_the_warm_up_is_believed() -> None:
    assert decided(seen(), memory=replace(CALM, available_since=NOW - 120)).reason is ScalingReason.SCALE_DOWN


def test_a_source_that_restarted_between_two_polls_must_warm_up() -> None:
    stays(decided(seen(uptime=7)), ScalingReason.WARMING_UP)


def test_the_first_poll_starts_the_warm_up() -> None:
    decision = decided(seen(), memory=Observations())
    stays(decision, ScalingReason.WARMING_UP)
    assert decision.memory.available_since == NOW


def test_a_hold_rule_holds() -> None:
    decision = decided(seen("ScrapScaleInUnsafe"))
    stays(decision, ScalingReason.HELD)
    assert "hold fires" in decision.sentence


def test_a_hold_rule_outweighs_a_scale_down_rule() -> None:
    stays(decided(seen("ScrapScaleInUnsafe", "ScrapIdle"), spec=WITH_SCALE_DOWN), ScalingReason.HELD)


def test_with_scale_down_rules_silence_requests_nothing() -> None:
    stays(decided(seen(), spec=WITH_SCALE_DOWN), ScalingReason.STEADY)


def test_a_scale_down_rule_scales_down_by_its_step() -> None:
    goes(decided(seen("ScrapIdle"), spec=WITH_SCALE_DOWN), ScalingReason.SCALE_DOWN, 3)


def test_of_several_scale_down_rules_the_smallest_step_counts() -> None:
    goes(decided(seen("ScrapIdle", "ScrapAsleep"), spec=WITH_SCALE_DOWN), ScalingReason.SCALE_DOWN, 3)


def test_without_scale_down_rules_silence_gives_up_one_pod() -> None:
    decision = decided(seen())
    goes(decision, ScalingReason.SCALE_DOWN, 4)
    assert "Nothing fires" in decision.sentence


def test_alerts_of_others_are_silence() -> None:
    goes(decided(seen("NodeDown", "ScrapSlow")), ScalingReason.SCALE_DOWN, 4)


def test_an_alert_must_carry_every_label_of_a_rule() -> None:
    rule = replace(SATURATED, matchers={"alertname": "ScrapSaturated", "namespace": "elsewhere"})
    assert decided(seen("ScrapSaturated"), spec=replace(SPEC, rules=(rule,))).firing == ()


# Where two rows apply the upper one decides.

SUSPENDED = replace(SPEC, mode=Mode.SUSPENDED)
CONFLICTING = ("HorizontalPodAutoscaler/scrap",)
UNSETTLED = replace(CALM, available_since=NOW - 1)
WITH_FALLBACK = replace(SPEC, fallback=8)
BLIND = replace(BUSY, failures=3, available_since=None)
OFF = replace(SPEC, up=replace(SPEC.up, select=Select.DISABLED), down=replace(SPEC.down, select=Select.DISABLED))
SLOW = replace(SPEC, up=Behavior(300, (ScalingPolicy(PolicyType.PODS, 1, 600),)))
JUST_UP = replace(BUSY, pending=PendingDirection(Direction.UP, NOW), scaled_up=NOW - 400)

PAIRS = {
    (ScalingReason.SUSPENDED, ScalingReason.TARGET_NOT_FOUND): decided(seen(), spec=SUSPENDED, replicas=None),
    (ScalingReason.TARGET_NOT_FOUND, ScalingReason.CONFLICT): decided(seen(), replicas=None, conflicting=CONFLICTING),
    (ScalingReason.CONFLICT, ScalingReason.SCALED_TO_ZERO): decided(seen(), replicas=0, conflicting=CONFLICTING),
    (ScalingReason.SCALED_TO_ZERO, ScalingReason.BELOW_MINIMUM): decided(seen(), replicas=0),
    (ScalingReason.BELOW_MINIMUM, ScalingReason.SOURCE_FAILING): decided(LOST, replicas=1),
    (ScalingReason.ABOVE_MAXIMUM, ScalingReason.SOURCE_FAILING): decided(LOST, replicas=11),
    (ScalingReason.BELOW_MINIMUM, ScalingReason.SCALE_UP): decided(seen("ScrapSaturated"), replicas=1),
    (ScalingReason.ABOVE_MAXIMUM, ScalingReason.AT_MAXIMUM): decided(seen("ScrapSaturated"), replicas=11),
    (ScalingReason.SCALE_UP, ScalingReason.FALLBACK): decided(
        seen("ScrapSaturated", heartbeat=None), spec=WITH_FALLBACK, memory=BUSY
    ),
    (ScalingReason.FALLBACK, ScalingReason.SOURCE_UNAVAILABLE): decided(LOST, spec=WITH_FALLBACK, memory=BLIND),
    (ScalingReason.FALLBACK, ScalingReason.HEARTBEAT_MISSING): decided(
        seen(heartbeat=None), spec=WITH_FALLBACK, memory=BLIND
    ),
    (ScalingReason.SCALE_UP, ScalingReason.HEARTBEAT_MISSING): decided(seen("ScrapSaturated", heartbeat=None)),
    (ScalingReason.SCALE_UP, ScalingReason.WARMING_UP): decided(seen("ScrapSaturated"), memory=UNSETTLED),
    (ScalingReason.HEARTBEAT_MISSING, ScalingReason.HELD): decided(seen("ScrapScaleInUnsafe", heartbeat=None)),
    (ScalingReason.WARMING_UP, ScalingReason.HELD): decided(seen("ScrapScaleInUnsafe"), memory=UNSETTLED),
    (ScalingReason.WARMING_UP, ScalingReason.STEADY): decided(seen(), spec=WITH_SCALE_DOWN, memory=UNSETTLED),
    (ScalingReason.HELD, ScalingReason.STEADY): decided(seen("ScrapScaleInUnsafe"), spec=WITH_SCALE_DOWN),
    (ScalingReason.HELD, ScalingReason.AT_MINIMUM): decided(seen("ScrapScaleInUnsafe"), replicas=2),
    (ScalingReason.AT_MAXIMUM, ScalingReason.DISABLED): decided(seen("ScrapSaturated"), spec=OFF, replicas=10),
    (ScalingReason.AT_MINIMUM, ScalingReason.DISABLED): decided(seen(), spec=OFF, replicas=2),
    (ScalingReason.DISABLED, ScalingReason.STABILIZING): decided(seen(), spec=OFF, memory=replace(CALM, pending=None)),
    (ScalingReason.STABILIZING, ScalingReason.RATE_LIMITED): decided(seen("ScrapSaturated"), spec=SLOW, memory=JUST_UP),
    (ScalingReason.RATE_LIMITED, ScalingReason.SCALE_UP): decided(
        seen("ScrapSaturated"), spec=SLOW, memory=replace(BUSY, scaled_up=NOW - 400)
    ),
}


@pytest.mark.parametrize(("rows", "decision"), PAIRS.items(), ids=[f"{a} before {b}" for a, b in PAIRS])
def test_of_two_rows_the_upper_one_decides(rows: tuple[ScalingReason, ScalingReason], decision: Decision) -> None:
    assert decision.reason is rows[0]


def test_each_row_has_been_tried_against_the_next() -> None:
    """The reasons come in the table's order; what is left out excludes its neighbour."""
    uppers = {upper for upper, _ in PAIRS}
    exclusive = {
        ScalingReason.SOURCE_FAILING,
        ScalingReason.SOURCE_UNAVAILABLE,
        ScalingReason.STEADY,
        ScalingReason.SCALE_DOWN,
    }
    assert uppers | exclusive == set(ScalingReason)


# The fallback.


@pytest.mark.parametrize("unknown", [LOST, seen(heartbeat=None)], ids=["no source", "no heartbeat"])
def test_the_fallback_waits_for_the_warm_up_and_then_scales_out(unknown: Observation) -> None:
    first = decided(unknown, spec=WITH_FALLBACK, memory=replace(CALM, failures=2))
    assert first.inconclusive
    stays(first, first.inconclusive.reason)
    assert "After 120 s of this: 5 → 8 replicas." in first.sentence
    assert not decided(unknown, spec=WITH_FALLBACK, memory=first.memory, now=NOW + 119).writes
    last = decided(unknown, spec=WITH_FALLBACK, memory=first.memory, now=NOW + 120)
    goes(last, ScalingReason.FALLBACK, 8)
    assert last.inconclusive
    assert last.inconclusive.reason is first.reason


@pytest.mark.parametrize("unknown", [LOST, seen(heartbeat=None)], ids=["no source", "no heartbeat"])
def test_the_fallback_waits_whatever_a_rule_requested_before(unknown: Observation) -> None:
    requested = replace(CALM, failures=2, pending=PendingDirection(Direction.UP, NOW - 1000))
    first = decided(unknown, spec=WITH_FALLBACK, memory=requested)
    assert not first.writes
    assert not decided(unknown, spec=WITH_FALLBACK, memory=first.memory, now=NOW + 119).writes
    goes(decided(unknown, spec=WITH_FALLBACK, memory=first.memory, now=NOW + 120), ScalingReason.FALLBACK, 8)


@pytest.mark.parametrize("replicas", [8, 9])
def test_the_fallback_never_scales_in(replicas: int) -> None:
    stays(decided(LOST, spec=WITH_FALLBACK, memory=BLIND, replicas=replicas), ScalingReason.SOURCE_UNAVAILABLE)


def test_without_a_fallback_the_replicas_stay() -> None:
    stays(decided(LOST, memory=BLIND), ScalingReason.SOURCE_UNAVAILABLE)


def test_a_failed_poll_and_a_warm_up_need_no_fallback() -> None:
    stays(decided(LOST, spec=WITH_FALLBACK, memory=BUSY), ScalingReason.SOURCE_FAILING)
    stays(decided(seen(), spec=WITH_FALLBACK, memory=UNSETTLED), ScalingReason.WARMING_UP)


def test_the_maximum_limits_the_fallback() -> None:
    goes(decided(LOST, spec=replace(SPEC, fallback=99), memory=BLIND), ScalingReason.FALLBACK, SPEC.maximum)


def test_a_policy_cuts_the_fallback() -> None:
    spec = replace(WITH_FALLBACK, up=Behavior(0, (ScalingPolicy(PolicyType.PODS, 2, 60),)))
    decision = decided(LOST, spec=spec, memory=BLIND)
    goes(decision, ScalingReason.FALLBACK, 7)
    assert decision.limited
    stays(decided(LOST, spec=spec, memory=replace(BLIND, scaled_up=NOW - 59)), ScalingReason.RATE_LIMITED)


def test_a_disabled_direction_disables_the_fallback() -> None:
    stays(decided(LOST, spec=replace(OFF, fallback=8), memory=BLIND), ScalingReason.DISABLED)


# Silences.


def test_a_silenced_alert_acts_all_the_same() -> None:
    goes(decided(seen("ScrapSaturated", silenced=True)), ScalingReason.SCALE_UP, 7)


def test_silences_are_heeded_where_the_spec_asks_for_it() -> None:
    spec = replace(SPEC, source=replace(SPEC.source, heed_silences=True))
    decision = decided(seen("ScrapSaturated", silenced=True), spec=spec)
    assert decision.firing == ()
    goes(decision, ScalingReason.SCALE_DOWN, 4)


def test_a_silenced_heartbeat_beats_even_where_silences_are_heeded() -> None:
    spec = replace(SPEC, source=replace(SPEC.source, heed_silences=True))
    goes(decided(seen(heartbeat=replace(WATCHDOG, silenced=True)), spec=spec), ScalingReason.SCALE_DOWN, 4)


# Tempering.


def test_at_the_maximum_there_is_no_more() -> None:
    decision = decided(seen("ScrapSaturated"), replicas=10)
    stays(decision, ScalingReason.AT_MAXIMUM)
    assert decision.limited


def test_at_the_minimum_silence_is_the_normal_state() -> None:
    decision = decided(seen(), replicas=2)
    stays(decision, ScalingReason.AT_MINIMUM)
    assert not decision.limited


def test_at_the_minimum_a_scale_down_rule_is_limited() -> None:
    decision = decided(seen("ScrapIdle"), spec=WITH_SCALE_DOWN, replicas=2)
    stays(decision, ScalingReason.AT_MINIMUM)
    assert decision.limited


def test_the_last_step_up_is_cut_at_the_maximum() -> None:
    decision = decided(seen("ScrapSaturated"), replicas=9)
    goes(decision, ScalingReason.SCALE_UP, 10)
    assert decision.limited


def test_the_last_step_down_is_cut_at_the_minimum() -> None:
    goes(decided(seen("ScrapIdle"), spec=WITH_SCALE_DOWN, replicas=3), ScalingReason.SCALE_DOWN, 2)


@pytest.mark.parametrize("observation", [seen("ScrapSaturated"), seen()], ids=["up", "down"])
def test_a_disabled_direction_is_never_taken(observation: PollResult) -> None:
    off = replace(SPEC.up, select=Select.DISABLED)
    decision = decided(observation, spec=replace(SPEC, up=off, down=off))
    stays(decision, ScalingReason.DISABLED)
    assert decision.limited


def test_scaling_down_waits_out_its_window() -> None:
    requested = replace(CALM, pending=PendingDirection(Direction.DOWN, NOW - 299))
    stays(decided(seen(), memory=requested), ScalingReason.STABILIZING)
    goes(decided(seen(), memory=requested, now=NOW + 1), ScalingReason.SCALE_DOWN, 4)


def test_scaling_up_waits_out_its_window_too() -> None:
    spec = replace(SPEC, up=replace(SPEC.up, window=30))
    first = decided(seen("ScrapSaturated"), spec=spec)
    stays(first, ScalingReason.STABILIZING)
    goes(decided(seen("ScrapSaturated"), spec=spec, memory=first.memory, now=NOW + 30), ScalingReason.SCALE_UP, 7)


def test_a_hold_in_between_starts_the_window_anew() -> None:
    held = decided(seen("ScrapScaleInUnsafe")).memory
    again = decided(seen(), memory=held, now=NOW + 15)
    stays(again, ScalingReason.STABILIZING)
    assert again.memory.pending == PendingDirection(Direction.DOWN, NOW + 15)


def test_each_step_down_waits_out_the_window_since_the_last_change() -> None:
    stays(decided(seen(), memory=replace(CALM, scaled_down=NOW - 299)), ScalingReason.STABILIZING)
    stays(decided(seen(), memory=replace(CALM, scaled_up=NOW - 299)), ScalingReason.STABILIZING)


def test_somebody_elses_change_starts_the_window_anew() -> None:
    decision = decided(seen(), memory=replace(CALM, replicas=6))
    stays(decision, ScalingReason.STABILIZING)
    assert decision.memory.scaled_down == NOW


def test_one_change_each_period() -> None:
    decision = decided(seen("ScrapSaturated"), memory=replace(BUSY, scaled_up=NOW - 59))
    stays(decision, ScalingReason.RATE_LIMITED)
    assert decision.limited
    goes(decided(seen("ScrapSaturated"), memory=replace(BUSY, scaled_up=NOW - 60)), ScalingReason.SCALE_UP, 7)


def test_a_scale_down_just_now_does_not_delay_scaling_up() -> None:
    goes(decided(seen("ScrapSaturated"), memory=replace(BUSY, scaled_down=NOW)), ScalingReason.SCALE_UP, 7)


def by_policies(select: Select, *policies: ScalingPolicy) -> Spec:
    return replace(SPEC, up=Behavior(0, policies, select), down=Behavior(0, policies, select))


def test_a_policy_cuts_the_step() -> None:
    decision = decided(seen("ScrapFlooded"), spec=by_policies(Select.MAX, ScalingPolicy(PolicyType.PODS, 1, 60)))
    goes(decision, ScalingReason.SCALE_UP, 6)
    assert decision.limited


def test_a_percentage_is_rounded_in_favour_of_the_change() -> None:
    spec = by_policies(Select.MAX, ScalingPolicy(PolicyType.PERCENT, 10, 60))
    goes(decided(seen("ScrapFlooded"), spec=spec), ScalingReason.SCALE_UP, 6)
    goes(decided(seen(), spec=spec), ScalingReason.SCALE_DOWN, 4)


TWO_POLICIES = (ScalingPolicy(PolicyType.PODS, 1, 30), ScalingPolicy(PolicyType.PODS, 3, 120))


@pytest.mark.parametrize(
    ("select", "since_last", "granted"),
    [
        (Select.MAX, 29, 0),
        (Select.MAX, 30, 1),  # only the first policy's period is over
        (Select.MAX, 120, 3),
        (Select.MIN, 30, 0),  # the second forbids it still
        (Select.MIN, 120, 1),
    ],
)
def test_of_several_policies_the_selected_counts(select: Select, since_last: int, granted: int) -> None:
    memory = replace(BUSY, scaled_up=NOW - since_last)
    decision = decided(seen("ScrapFlooded"), spec=by_policies(select, *TWO_POLICIES), memory=memory)
    assert (decision.desired, decision.limited) == (5 + granted, granted < 3)


# Dry run.


def test_a_dry_run_decides_the_same_and_writes_nothing() -> None:
    decision = decided(seen("ScrapSaturated"), spec=replace(SPEC, mode=Mode.DRY_RUN))
    assert (decision.reason, decision.desired, decision.writes) == (ScalingReason.SCALE_UP, 7, False)
    assert "DryRun" in decision.sentence


# Time.


def test_a_gap_longer_than_the_warm_up_is_an_outage() -> None:
    assert decided(seen(), memory=replace(CALM, polled=NOW - 120)).reason is ScalingReason.SCALE_DOWN
    stays(decided(seen(), memory=replace(CALM, polled=NOW - 121)), ScalingReason.WARMING_UP)


def test_a_request_from_before_a_gap_has_not_lasted() -> None:
    patient = replace(SPEC, up=replace(SPEC.up, window=30))
    gap = replace(BUSY, polled=NOW - 121)
    stays(decided(seen("ScrapSaturated"), spec=patient, memory=gap), ScalingReason.STABILIZING)


def test_a_clock_that_jumps_back_is_an_outage_and_blocks_nothing_for_longer() -> None:
    ahead = replace(BUSY, polled=NOW + 3600, scaled_up=NOW + 3600, scaled_down=NOW + 3600)
    decision = decided(seen("ScrapSaturated"), memory=ahead)
    stays(decision, ScalingReason.RATE_LIMITED)
    goes(decided(seen("ScrapSaturated"), memory=decision.memory, now=NOW + 60), ScalingReason.SCALE_UP, 7)
    stays(decided(seen(), memory=ahead), ScalingReason.WARMING_UP)


def test_a_write_is_noticed_at_once() -> None:
    memory = record_replicas(replace(CALM, replicas=5), 7, NOW)
    assert (memory.replicas, memory.scaled_up, memory.scaled_down) == (7, NOW, None)
    assert record_replicas(memory, 6, NOW + 15).scaled_down == NOW + 15


def test_a_target_that_comes_back_is_no_change() -> None:
    memory = record_replicas(record_replicas(CALM, None, NOW), 3, NOW + 15)
    assert (memory.scaled_up, memory.scaled_down) == (None, None)
