"""The nouns: what an AlertScaler asks for, what a poll found, what is remembered.

Times are whole seconds since the epoch, durations seconds: what the status can hold, memory holds too, so a restart
changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """What may be done with a decision."""

    ACTIVE = "Active"  # write it
    DRY_RUN = "DryRun"  # decide and report it, write nothing
    SUSPENDED = "Suspended"  # decide nothing


class Effect(StrEnum):
    """What a firing rule asks for."""

    SCALE_UP = "ScaleUp"
    SCALE_DOWN = "ScaleDown"
    HOLD = "Hold"  # no fewer pods than now


class Direction(StrEnum):
    """Which way the replicas go."""

    UP = "Up"
    DOWN = "Down"


class SourceKind(StrEnum):
    """Whose alerts API is polled."""

    ALERTMANAGER = "Alertmanager"
    PROMETHEUS = "Prometheus"


class PolicyType(StrEnum):
    """The unit of a policy's value."""

    PODS = "Pods"
    PERCENT = "Percent"  # of the current replicas, rounded in favour of the change


class Select(StrEnum):
    """Which of several policies counts."""

    MAX = "Max"  # the one that allows the largest change
    MIN = "Min"  # the one that allows the smallest
    DISABLED = "Disabled"  # never scale in this direction


Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One firing alert.

    Attributes:
        labels: its labels.
        silenced: an Alertmanager silence matches it.
        fresh: its sender has repeated it lately; False in the second half of the time after which the source would
            take it for resolved. A heartbeat that is not fresh has a dead sender whose other alerts end first.
    """

    labels: Labels
    silenced: bool = False
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class PollResult:
    """The source responded.

    Attributes:
        alerts: everything that fires.
        uptime: seconds for which the source's process has been running, by its own clock.
    """

    alerts: tuple[Alert, ...]
    uptime: int


@dataclass(frozen=True, slots=True)
class PollFailed:
    """The source did not respond, or with nothing that can be read.

    Attributes:
        problem: what happened, in words.
    """

    problem: str


Observation = PollResult | PollFailed


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: alerts that carry all `matchers` have `effect`.

    Attributes:
        step: pods to add or remove at once (ScaleUp and ScaleDown).
    """

    name: str
    matchers: Labels
    effect: Effect
    step: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """Where the alerts are polled, and when alerts that do not fire mean something.

    Attributes:
        url: the API's base URL.
        interval: seconds from poll to poll.
        timeout: seconds for one poll as a whole.
        failure_threshold: polls that fail in a row until the source counts as unavailable.
        heartbeat: labels of the alert that always fires; without it, alerts that do not fire mean nothing.
        warm_up: seconds for which source and heartbeat must have been there until alerts that do not fire mean
            something; also the longest gap between two polls that does not count as an outage. The CRD's `settle`.
        heed_silences: a silenced alert counts as not firing. A silence mutes people, not load: off.
    """

    url: str
    kind: SourceKind = SourceKind.ALERTMANAGER
    interval: int = 15
    timeout: int = 5
    failure_threshold: int = 3
    heartbeat: Labels = field(default_factory=lambda: {"alertname": "Watchdog"})
    warm_up: int = 120
    heed_silences: bool = False


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """At most one change each `period` seconds, of at most `value`."""

    type: PolicyType
    value: int
    period: int


@dataclass(frozen=True, slots=True)
class Behavior:
    """How fast replicas go one way.

    Attributes:
        window: seconds for which a change must be requested, and the replicas unchanged, until it is granted.
        policies: how much may change how often.
        select: which policy counts.
    """

    window: int
    policies: tuple[ScalingPolicy, ...]
    select: Select = Select.MAX


UP_BY_DEFAULT = Behavior(0, (ScalingPolicy(PolicyType.PODS, 4, 60), ScalingPolicy(PolicyType.PERCENT, 100, 60)))
DOWN_BY_DEFAULT = Behavior(300, (ScalingPolicy(PolicyType.PODS, 1, 60),))


@dataclass(frozen=True, slots=True)
class Reference:
    """The object whose `/scale` is written, in the AlertScaler's namespace."""

    api_version: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Spec:
    """What an AlertScaler asks for. The API server has checked it against the schema.

    Attributes:
        fallback: replicas to have at least while the alerts are unknown; 0: those that there are.
    """

    target: Reference
    minimum: int
    maximum: int
    source: Source
    rules: tuple[Rule, ...]
    mode: Mode = Mode.ACTIVE
    up: Behavior = UP_BY_DEFAULT
    down: Behavior = DOWN_BY_DEFAULT
    fallback: int = 0

    @property
    def alertnames(self) -> tuple[str, ...]:
        """The names of all alerts that can matter here; none where something is matched by other labels alone."""
        asked = [self.source.heartbeat, *(rule.matchers for rule in self.rules)]
        names = {labels.get("alertname", "") for labels in asked}
        return () if "" in names else tuple(sorted(names))


@dataclass(frozen=True, slots=True)
class ScaleTarget:
    """What is known of the target just now.

    Attributes:
        replicas: how many its spec asks for; None where it has no scale to read.
        conflicting: others that scale it, such as "HorizontalPodAutoscaler/scrap".
    """

    replicas: int | None
    conflicting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingDirection:
    """The direction of a change that has been requested since a time."""

    direction: Direction
    since: int


@dataclass(frozen=True, slots=True)
class Observations:
    """What the next decision needs of the ones before it: all of it is in the AlertScaler's status.

    Attributes:
        replicas: the target's, last time.
        polled: when the source was last polled, whatever the result.
        failures: polls that failed in a row, counted up to the threshold.
        available_since: since when source and heartbeat have been there without a break.
        pending: the direction that the alerts request, and since when.
        scaled_up: when the replicas last grew, by whichever client.
        scaled_down: when they last shrank.
    """

    replicas: int | None = None
    polled: int | None = None
    failures: int = 0
    available_since: int | None = None
    pending: PendingDirection | None = None
    scaled_up: int | None = None
    scaled_down: int | None = None
