"""The decision through hours of simulated load, outages, clock jumps and the user's own edits.

The world below is a small true one: pods that need time to start, a Prometheus that evaluates rules and repeats its
alerts as the real one does, an Alertmanager that forgets them when they are not repeated or when it restarts, a wall
clock that jumps, an API server that refuses writes, an operator that restarts with what its status says.

SCRAP_FUZZ=n plays 30 times n lives of each kind (`make fuzz`), else it is 20.
"""

import itertools
import os
import random
from dataclasses import dataclass, field, replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scrap_operator import manifest
from scrap_operator.decision import ScalingReason, decide, record_replicas
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
from tests.benchmarks import bench_oscillation as oscillation
from tests.unit.operator.api import Json, alert_scaler, merged

EVALUATION = 30  # seconds between SimulatedPrometheus' evaluations, as kube-prometheus-stack ships it
RESEND = 90  # seconds after which a firing alert is sent again: the first evaluation more than a minute later
VALIDITY = 240  # seconds until Alertmanager takes one that is not repeated for resolved
STARTUP = 30  # seconds until a pod works
SATURATED = 0.8
LIVES = 30 * int(os.environ["SCRAP_FUZZ"]) if "SCRAP_FUZZ" in os.environ else 20
CLAMPS = {ScalingReason.BELOW_MINIMUM, ScalingReason.ABOVE_MAXIMUM}
OURS = {"Saturated", "Hold", "Idle"}

SPEC = Spec(
    target=Reference("apps/v1", "Deployment", "scrap"),
    minimum=2,
    maximum=10,
    source=Source("http://alertmanager.test"),
    rules=(
        Rule("saturated", {"alertname": "Saturated"}, Effect.SCALE_UP, step=2),
        Rule("hold", {"alertname": "Hold"}, Effect.HOLD),
    ),
)


SCALE_DOWN = Rule("idle", {"alertname": "Idle"}, Effect.SCALE_DOWN)


@dataclass
class SimulatedPrometheus:
    """Evaluates two groups of rules, out of step, and sends what fires; dead, its last belief stands."""

    alive: bool = True
    offset: int = 0  # seconds by which the group with our rules is evaluated after the heartbeat's
    phases: dict[str, int] = field(default_factory=dict)  # seconds: when each alert's repetition is due
    loads: list[float] = field(default_factory=list)
    saturated_for: int = 0
    scraped: bool = True  # what is not measured is neither saturated nor idle, and the Hold alert says so
    failing: list[bool] = field(default_factory=list)  # whether the web failed, at each look
    holds_for_the_web: bool = True
    believes: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)  # what was sent once in this life

    def evaluate(self, time: int, load: float, working: int, wanted: int, *, web: bool = True) -> set[str]:
        """Evaluates the groups that are due, and gives back the alerts to send now."""
        evaluated = set()
        if time % EVALUATION == 0:
            evaluated.add("Watchdog")
            self.believes.add("Watchdog")
        if (time - self.offset) % EVALUATION == 0:
            evaluated |= OURS
            self.loads = [*self.loads[-(900 // EVALUATION) :], load if self.scraped else 0.0]
            self.failing = [*self.failing[-(900 // EVALUATION) :], self.holds_for_the_web and not web]
            full = self.scraped and load > SATURATED * max(working, 1)
            self.saturated_for = self.saturated_for + EVALUATION if full else 0
            self.believes -= OURS
            if self.saturated_for >= 60:
                self.believes.add("Saturated")
            spare = self.scraped and max(self.loads) <= SATURATED * max(wanted - 1, 1) and not any(self.failing)
            self.believes.add("Idle" if spare else "Hold")
        firing = self.believes & evaluated
        due = {name for name in firing if name not in self.known or (time - self.phases[name]) % RESEND < EVALUATION}
        self.known = (self.known - evaluated) | firing
        return due


# Ticks for which something stays as it has become: chance alone would seldom wait for what ends after minutes.
OUTAGES = st.integers(0, 40)


class World(RuleBasedStateMachine):
    """Steps through time in polls of 15 seconds; what must hold is asserted at each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1_800_000_000  # true time
        self.clock_error = 0  # what the operator's clock adds to it
        self.spec = SPEC
        self.memory = Observations()
        self.body = alert_scaler()  # what the API server holds: the status is all that a restart leaves
        self.load = 1.0
        self.slope = 0.0  # of the load, a second
        self.noise = 0.0  # of the load, either way
        self.chance = random.Random(0)  # noqa: S311 - a simulation
        self.ready_at = [0, 0]
        self.web = True  # pages can be had; else a request fails at once, and the pods look idle
        self.conflict = False
        self.writes_refused = False
        self.prometheus = SimulatedPrometheus()
        self.alertmanager: dict[str, int] | None = {}  # alert -> when it was last received; None: it is down
        self.alertmanager_started = self.time
        self.silenced = False
        self.last: dict[Direction, int] = {}  # when the replicas last went that way, by the operator's clock
        self.changes = 0

    @property
    def replicas(self) -> int:
        """The replicas of the target's spec."""
        return len(self.ready_at)

    def scale(self, replicas: int) -> None:
        """Pods come at the end, and work some time later."""
        self.ready_at = [*self.ready_at[:replicas], *[self.time + STARTUP] * (replicas - self.replicas)]

    # What happens to the world.

    @initialize(
        load=st.floats(2, 9),
        window=st.sampled_from([0, 0, 300]),
        offset=st.sampled_from([0, 15]),
        phases=st.tuples(*[st.sampled_from([0, 30, 60])] * 4),
    )
    def begin(self, load: float, window: int, offset: int, phases: tuple[int, ...]) -> None:
        """In a steady state; often without the window that would hide what inconclusive alerts must do."""
        self.load = load
        self.prometheus.offset = offset
        self.prometheus.phases = dict(zip(("Watchdog", "Saturated", "Hold", "Idle"), phases, strict=True))
        self.spec = replace(SPEC, down=replace(SPEC.down, window=window))
        for _ in range(80):
            self.tick()

    @rule(ticks=st.integers(1, 10) | st.integers(1, 60))
    def time_passes(self, ticks: int) -> None:
        """Up to a quarter of an hour."""
        for _ in range(ticks):
            self.tick()

    @rule(load=st.floats(0, 12))
    def load_changes(self, load: float) -> None:
        """Pods' worth of work."""
        self.load, self.slope = load, 0.0

    @rule(pods_an_hour=st.floats(-12, 12))
    def load_ramps(self, pods_an_hour: float) -> None:
        """It grows or shrinks from now on, within what the pods can be asked for."""
        self.slope = pods_an_hour / 3600

    @rule(share=st.sampled_from([0.0, 0.05, 0.3]), seed=st.integers(0, 99))
    def load_gets_noisy(self, share: float, seed: int) -> None:
        """It is another one at each look."""
        self.noise, self.chance = share, random.Random(seed)  # noqa: S311 - a simulation

    @rule(scraped=st.booleans())
    def the_pods_are_scraped_or_not(self, scraped: bool) -> None:
        """Nothing is measured while they are not."""
        self.prometheus.scraped = scraped

    @rule(there=st.booleans(), ticks=OUTAGES)
    def the_web_goes_or_returns(self, there: bool, ticks: int = 0) -> None:
        """The clients ask for as much as before."""
        self.web = there
        self.time_passes(ticks)

    @rule(alive=st.booleans(), ticks=OUTAGES)
    def prometheus_dies_or_returns(self, alive: bool, ticks: int = 0) -> None:
        """It restores its alerts' state, as the real one does, but not what it sent."""
        if alive and not self.prometheus.alive:
            self.prometheus.known = set()
        self.prometheus.alive = alive
        self.time_passes(ticks)

    @rule(ticks=OUTAGES)
    def alertmanager_dies(self, ticks: int) -> None:
        """Polls fail."""
        self.alertmanager = None
        self.time_passes(ticks)

    @rule(ticks=OUTAGES)
    def alertmanager_restarts(self, ticks: int = 0) -> None:
        """With an empty memory; perhaps between two polls."""
        self.alertmanager = {}
        self.alertmanager_started = self.time
        self.time_passes(ticks)

    @rule(silenced=st.booleans())
    def somebody_silences_the_alerts(self, silenced: bool) -> None:
        """It mutes people, not load."""
        self.silenced = silenced

    @rule(seconds=st.one_of(st.integers(-7200, 7200), st.integers(-20, 20)))
    def the_clock_jumps(self, seconds: int) -> None:
        """The operator's, not the world's. What then lies in the future it takes for now."""
        self.clock_error += seconds
        self.last = {way: min(at, self.time + self.clock_error) for way, at in self.last.items()}

    @rule(refused=st.booleans())
    def the_api_server_refuses_writes(self, refused: bool) -> None:
        """By a 409, an outage, a lost right."""
        self.writes_refused = refused

    @rule()
    def the_operator_restarts(self) -> None:
        """With what its status says."""
        self.memory = manifest.memory_of(self.body)

    @rule(seconds=st.integers(1, 3600))
    def nobody_watches(self, seconds: int) -> None:
        """The operator is down; the world is not."""
        for _ in range(seconds // 15):
            self.time += 15
            self.world_goes_on()

    @rule(replicas=st.integers(0, 15))
    def the_user_scales(self, replicas: int) -> None:
        """By hand, to zero even."""
        self.scale(replicas)

    @rule(low=st.integers(1, 8), more=st.integers(0, 8))
    def the_user_moves_the_bounds(self, low: int, more: int) -> None:
        """The minimum never above the maximum: the schema sees to that."""
        self.spec = replace(self.spec, minimum=low, maximum=low + more)

    @rule(mode=st.sampled_from(Mode))
    def the_user_changes_the_mode(self, mode: Mode) -> None:
        """Any to any."""
        self.spec = replace(self.spec, mode=mode)

    @rule(there=st.booleans())
    def another_autoscaler_comes_or_goes(self, there: bool) -> None:
        """An HPA, say."""
        self.conflict = there

    # How it goes on.

    def world_goes_on(self) -> None:
        """The load goes on; SimulatedPrometheus evaluates and sends; Alertmanager forgets."""
        self.load = min(12.0, max(0.0, self.load + 15 * self.slope))
        if self.prometheus.alive:
            working = sum(1 for ready in self.ready_at if ready <= self.time)
            load = self.load * (1 + self.noise * self.chance.uniform(-1, 1)) * (1.0 if self.web else 0.05)
            due = self.prometheus.evaluate(self.time, load, working, self.replicas, web=self.web)
            if self.alertmanager is not None:
                resolved = self.alertmanager.keys() - self.prometheus.believes
                kept = {name: at for name, at in self.alertmanager.items() if name not in resolved}
                self.alertmanager = kept | dict.fromkeys(due, self.time)
        if self.alertmanager is not None:
            self.alertmanager = {name: at for name, at in self.alertmanager.items() if self.time - at < VALIDITY}

    def poll(self) -> Observation:
        """What the operator sees."""
        if self.alertmanager is None:
            return PollFailed("connection refused")
        alerts = (
            Alert({"alertname": name}, silenced=self.silenced, fresh=self.time - at < VALIDITY / 2)
            for name, at in self.alertmanager.items()
        )
        return PollResult(tuple(alerts), uptime=self.time - self.alertmanager_started)

    def tick(self) -> None:
        """One poll, one decision, perhaps one write; and everything that must hold of them."""
        self.time += 15
        self.world_goes_on()
        now, before, observation = self.time + self.clock_error, self.replicas, self.poll()
        conflicting = ("HorizontalPodAutoscaler/scrap",) if self.conflict else ()
        decision = decide(self.spec, ScaleTarget(before, conflicting), observation, self.memory, now)
        self.memory = decision.memory
        self.assert_explained(decision.reason, decision.sentence)
        assert decision.desired is not None
        if decision.writes:
            self.assert_allowed(decision.reason, before, decision.desired, observation)
            self.assert_paced(decision.reason, before, decision.desired, now)
        elif self.spec.mode is not Mode.DRY_RUN:
            assert decision.desired == before
        if decision.writes and self.writes_refused:
            self.report(manifest.status_of_problem(manifest.ProblemReason.REFUSED, "No.", self.body, now), 0)
            return
        if decision.writes:
            self.scale(decision.desired)
            self.changes += 1
            self.memory = record_replicas(self.memory, decision.desired, now)
            self.last[Direction.UP if decision.desired > before else Direction.DOWN] = now
        status = manifest.status_of(replace(decision, memory=self.memory), self.body, now)
        self.report(status, self.spec.source.warm_up // 4)

    def report(self, status: Json, patience: int) -> None:
        """Writes the status as the loop does."""
        if manifest.outdated(status, self.body, patience):
            self.body["status"] = merged(self.body.get("status", {}), status)

    # What must hold.

    def assert_explained(self, reason: ScalingReason, sentence: str) -> None:
        """Always a reason."""
        assert reason in ScalingReason
        assert sentence.endswith(".")

    def assert_allowed(self, reason: ScalingReason, before: int, desired: int, observation: Observation) -> None:
        """Inside the bounds, hands off where they must be, and never down on unknown."""
        assert self.spec.minimum <= desired <= self.spec.maximum
        assert self.spec.mode is Mode.ACTIVE
        assert not self.conflict
        assert before > 0
        if desired > before:
            blind = desired <= self.spec.fallback and self.memory.available_since is None
            assert reason is ScalingReason.BELOW_MINIMUM or blind or "Saturated" in (self.alertmanager or {})
        elif reason is not ScalingReason.ABOVE_MAXIMUM:
            assert isinstance(observation, PollResult)
            assert self.time - self.alertmanager_started >= self.spec.source.warm_up
            if self.silenced and self.spec.source.heed_silences:
                return  # the user's word against the alerts'
            # Dead or alive, what SimulatedPrometheus last believed was that a pod can be spared.
            heeded = {rule.matchers["alertname"] for rule in self.spec.rules}
            assert self.prometheus.believes & heeded <= {"Idle"}
            assert "Watchdog" in self.prometheus.believes
            assert "Idle" not in heeded or "Idle" in self.prometheus.believes

    def assert_paced(self, reason: ScalingReason, before: int, desired: int, now: int) -> None:
        """At most one change a period, whoever asks; the bounds alone need not wait."""
        direction = Direction.UP if desired > before else Direction.DOWN
        if reason not in CLAMPS and direction in self.last:
            assert now - self.last[direction] >= 60

    @invariant()
    def inside_the_bounds_or_zero(self) -> None:
        """Never outside [min, max] by the operator's own hand: the next tick brings a target back."""
        free = self.spec.mode is Mode.ACTIVE and not self.conflict and not self.writes_refused
        if free and self.replicas:
            self.tick()
            assert self.spec.minimum <= self.replicas <= self.spec.maximum

    def teardown(self) -> None:
        """When all is well again it converges, and then nothing changes any more."""
        if self.replicas == 0:
            return
        self.conflict = self.writes_refused = False
        self.web = True
        self.slope = self.noise = 0.0
        self.silenced = False
        self.spec = replace(
            SPEC, minimum=self.spec.minimum, maximum=self.spec.maximum, rules=(*SPEC.rules, *self.spec.rules[2:])
        )
        self.prometheus.alive = self.prometheus.scraped = True
        if self.alertmanager is None:
            self.alertmanager_restarts()
        calm, changes = 0, self.changes
        for _ in range(3 * 240):  # two hours for eight steps down, each of which waits out its window, and the calm one
            self.tick()
            calm = calm + 1 if self.changes == changes else 0
            changes = self.changes
            if calm == 240:  # an hour, many times of whatever repeats itself: so nothing will ever change
                break
        assert calm >= 240
        steady = self.replicas
        enough = self.load <= SATURATED * steady or steady == self.spec.maximum
        none_too_many = self.load > SATURATED * (steady - 1) or steady == self.spec.minimum
        assert enough
        assert none_too_many


def test_a_prometheus_that_came_for_a_single_evaluation_is_not_believed() -> None:
    """It sends the heartbeat, whose group is due, and dies before it has found out that Hold still fires."""
    world = World()
    world.begin(load=4.65, window=0, offset=15, phases=(0, 0, 0, 0))
    world.prometheus_dies_or_returns(alive=False, ticks=40)
    while (world.time + 15) % EVALUATION:
        world.tick()
    world.prometheus_dies_or_returns(alive=True, ticks=1)
    assert world.alertmanager == {"Watchdog": world.time}
    held = world.replicas
    world.prometheus_dies_or_returns(alive=False, ticks=40)
    assert world.replicas == held


class EditedWorld(World):
    """The same, under an AlertScaler that its user keeps changing."""

    @rule(
        step=st.integers(1, 4),
        hold=st.booleans(),
        scale_down=st.booleans(),
        heed=st.booleans(),
        warm_up=st.sampled_from([120, 300]),
        threshold=st.integers(1, 5),
        fallback=st.integers(0, 12),
    )
    def the_user_edits_rules_and_source(
        self, step: int, hold: bool, scale_down: bool, heed: bool, warm_up: int, threshold: int, fallback: int
    ) -> None:
        """With a Hold rule or without, with a ScaleDown rule that fires when a pod can be spared, with a fallback."""
        self.spec = replace(
            self.spec,
            rules=(
                replace(SPEC.rules[0], step=step),
                *([SPEC.rules[1]] if hold else []),
                *([SCALE_DOWN] if scale_down else []),
            ),
            source=replace(SPEC.source, heed_silences=heed, warm_up=warm_up, failure_threshold=threshold),
            fallback=fallback,
        )

    @rule(pods=st.integers(1, 5), period=st.sampled_from([60, 300]), select=st.sampled_from(Select))
    def the_user_edits_the_behavior(self, pods: int, period: int, select: Select) -> None:
        """The same both ways; a period of a minute at the least, as is asserted."""
        policies = (ScalingPolicy(PolicyType.PODS, pods, period), ScalingPolicy(PolicyType.PERCENT, 50, 60))
        self.spec = replace(
            self.spec,
            up=replace(self.spec.up, policies=policies, select=select),
            down=replace(self.spec.down, policies=policies, select=select),
        )


World.TestCase.settings = settings(max_examples=LIVES, stateful_step_count=20, deadline=None)
TestWorld = World.TestCase
EditedWorld.TestCase.settings = World.TestCase.settings
TestEditedWorld = EditedWorld.TestCase


# The outages that chance finds too rarely, in every phase that the senders' repetitions can have.

PHASES = [
    (offset, (watchdog, 0, hold, 0)) for offset, watchdog, hold in itertools.product((0, 15), (0, 30, 60), (0, 30, 60))
]


def world(offset: int, phases: tuple[int, ...], load: float = 5.0) -> World:
    """One that is steady, its Hold rule firing, without a window that would hide what is tested."""
    steady = World()
    steady.begin(load, 0, offset, phases)
    assert "Hold" in steady.prometheus.believes
    return steady


def test_a_dead_prometheus_whose_alerts_end_one_by_one_never_scales_in() -> None:
    for offset, phases in PHASES:
        dead = world(offset, phases)
        before = dead.replicas
        dead.prometheus_dies_or_returns(False)
        dead.time_passes(40)
        assert dead.replicas == before


@pytest.mark.parametrize("ticks", range(6))
def test_an_alertmanager_that_restarts_between_two_polls_never_scales_in(ticks: int) -> None:
    forgetful = world(15, (0, 0, 60, 0))
    before = forgetful.replicas
    forgetful.time_passes(ticks)  # one of them is just before the heartbeat is repeated
    forgetful.alertmanager_restarts()
    forgetful.time_passes(12)
    assert forgetful.replicas == before


@pytest.mark.parametrize("seconds", [600, 615])
def test_what_happened_while_nobody_watched_never_scales_in(seconds: int) -> None:
    for offset, phases in PHASES:
        unwatched = world(offset, phases)
        before = unwatched.replicas
        unwatched.prometheus_dies_or_returns(False)
        unwatched.nobody_watches(seconds)
        unwatched.prometheus_dies_or_returns(True)
        unwatched.time_passes(40)
        assert unwatched.replicas == before


# The web is gone for longer than the Hold alert's look-back and the stabilization window together.

LONG = (900 + 300) // 15 + 20  # ticks


def web_outage(*, holds: bool) -> World:
    """At a high load, just before the web returns; as the chart ships the windows."""
    busy = World()
    busy.prometheus.holds_for_the_web = holds
    busy.begin(7.0, 300, 15, (0, 0, 0, 0))
    assert busy.replicas == 9
    busy.the_web_goes_or_returns(there=False, ticks=LONG)
    return busy


def saturated_at_the_return(busy: World) -> bool:
    """The web returns: whether its pods are too few at any moment."""
    busy.the_web_goes_or_returns(there=True)
    found = False
    for _ in range(LONG):
        busy.tick()
        found |= "Saturated" in busy.prometheus.believes
    return found


def test_no_pod_goes_while_the_web_fails_and_all_of_them_are_there_when_it_returns() -> None:
    busy = web_outage(holds=True)
    assert busy.replicas == 9
    assert not saturated_at_the_return(busy)
    assert busy.replicas == 9


def test_a_hold_that_sees_the_load_alone_lets_them_go_and_the_return_meets_too_few() -> None:
    busy = web_outage(holds=False)
    assert busy.replicas < 9
    assert saturated_at_the_return(busy)


def test_when_the_load_ends_with_the_outage_pods_go_after_the_look_back() -> None:
    idle = web_outage(holds=True)
    idle.load_changes(1.0)
    idle.the_web_goes_or_returns(there=True, ticks=900 // 15)
    assert idle.replicas == 9
    idle.time_passes(1200 // 15)
    assert idle.replicas < 9


# The source or its heartbeat is gone.


@pytest.mark.parametrize("fallback", [0, 9], ids=["Hold", "9"])
def test_a_growing_load_that_nobody_sees_meets_the_fallback(fallback: int) -> None:
    blind = world(15, (0, 0, 0, 0))
    before = blind.replicas
    assert before < 9
    blind.spec = replace(blind.spec, fallback=fallback)
    blind.prometheus_dies_or_returns(False)
    blind.load_changes(7.0)
    blind.time_passes(40)
    assert blind.replicas == max(before, fallback)
    blind.prometheus_dies_or_returns(True, ticks=20)
    assert blind.load <= SATURATED * blind.replicas


# One decision, from any state at all.

times = st.none() | st.integers(0, 20_000)
labels = st.fixed_dictionaries({"alertname": st.sampled_from(["Watchdog", "Up", "Down", "Hold", "Other"])})
alerts = st.builds(Alert, labels, silenced=st.booleans(), fresh=st.booleans())
observations = st.one_of(
    st.builds(PollFailed, st.just("timed out")),
    st.builds(PollResult, st.lists(alerts, max_size=5).map(tuple), uptime=st.integers(0, 20_000)),
)
policies = st.builds(ScalingPolicy, st.sampled_from(PolicyType), st.integers(1, 200), st.integers(1, 1800))
behaviors = st.builds(
    Behavior, st.integers(0, 3600), st.lists(policies, min_size=1, max_size=3).map(tuple), st.sampled_from(Select)
)
memories = st.builds(
    Observations,
    replicas=st.none() | st.integers(0, 30),
    polled=times,
    failures=st.integers(0, 3),
    available_since=times,
    pending=st.none() | st.builds(PendingDirection, st.sampled_from(Direction), st.integers(0, 20_000)),
    scaled_up=times,
    scaled_down=times,
)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Any spec that the schema lets through."""
    low = draw(st.integers(1, 10))
    effects = {"Up": Effect.SCALE_UP, "Down": Effect.SCALE_DOWN, "Hold": Effect.HOLD}
    names = draw(st.lists(st.sampled_from(sorted(effects)), min_size=1, unique=True))
    rules = tuple(Rule(name.lower(), {"alertname": name}, effects[name], draw(st.integers(1, 5))) for name in names)
    source = Source("http://alertmanager.test", heed_silences=draw(st.booleans()))
    return Spec(
        SPEC.target,
        low,
        low + draw(st.integers(0, 10)),
        source,
        rules,
        draw(st.sampled_from(Mode)),
        draw(behaviors),
        draw(behaviors),
        draw(st.integers(0, 20)),
    )


@given(specs(), st.integers(0, 30), observations, memories, st.integers(0, 20_000))
@settings(max_examples=150, deadline=None)
def test_from_any_state_a_decision_is_sound(
    spec: Spec, replicas: int, observation: Observation, memory: Observations, now: int
) -> None:
    decision = decide(spec, ScaleTarget(replicas), observation, memory, now)
    assert decision.sentence
    assert decision.desired is not None
    if spec.mode is Mode.SUSPENDED or replicas == 0:
        assert decision.desired == replicas
        return
    assert spec.minimum <= decision.desired <= spec.maximum
    if decision.desired < replicas <= spec.maximum:
        assert isinstance(observation, PollResult)
        assert decision.inconclusive is None
        assert any(alert.labels["alertname"] == "Watchdog" and alert.fresh for alert in observation.alerts)
        assert memory.available_since is not None
        assert spec.down.select is not Select.DISABLED
    if decision.desired > replicas >= spec.minimum:
        fires = any(alert.labels["alertname"] == "Up" for alert in getattr(observation, "alerts", ()))
        assert fires or (decision.reason is ScalingReason.FALLBACK and decision.desired <= spec.fallback)
        assert spec.up.select is not Select.DISABLED


@given(specs(), st.integers(1, 30), observations, memories, st.integers(0, 20_000))
@settings(max_examples=60, deadline=None)
def test_the_same_again_right_after_a_write_writes_nothing(
    spec: Spec, replicas: int, observation: Observation, memory: Observations, now: int
) -> None:
    first = decide(spec, ScaleTarget(replicas), observation, memory, now)
    if first.writes:
        again = decide(
            spec, ScaleTarget(first.desired), observation, record_replicas(first.memory, first.desired, now), now
        )
        assert not again.writes


# The simulation of the benchmark, held to the figures that the design was chosen by.


def test_stepping_with_hold_does_not_oscillate() -> None:
    for load, changes in [(oscillation.steady, 2), *[(oscillation.noisy(seed), 3) for seed in oscillation.SEEDS]]:
        result = oscillation.simulate(load, oscillation.shipped(with_hold=True))
        assert result.changes <= changes
        assert result.overload <= 90


@pytest.mark.parametrize("load", [oscillation.steady, oscillation.noisy(7)], ids=["steady", "noisy"])
def test_without_hold_it_does(load: oscillation.Load) -> None:
    assert oscillation.simulate(load, oscillation.shipped(with_hold=False)).changes > 30
    assert oscillation.simulate(load, oscillation.floor_while_firing()).changes > 30
