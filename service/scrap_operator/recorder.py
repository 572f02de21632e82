"""Events about an AlertScaler: one that repeats is one Event with a count, as events.k8s.io/v1 asks for.

See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from dataclasses import dataclass, field
from enum import StrEnum

from scrap_operator.decision import ScalingReason
from scrap_operator.kube import Kube, NotFound
from scrap_operator.manifest import Body

KEPT = 64  # events that are remembered, to count what repeats; the sentence of a failed poll can vary without end

_WARNINGS = {
    ScalingReason.TARGET_NOT_FOUND,
    ScalingReason.CONFLICT,
    ScalingReason.SOURCE_UNAVAILABLE,
    ScalingReason.HEARTBEAT_MISSING,
    ScalingReason.FALLBACK,
    ScalingReason.AT_MAXIMUM,
}
# Reasons that come and go with a poll or a step.
_PASSING = {ScalingReason.SOURCE_FAILING, ScalingReason.RATE_LIMITED, ScalingReason.STABILIZING}


class EventType(StrEnum):
    """Whether a person should look."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Action(StrEnum):
    """What the operator did to the replicas."""

    SCALE = "Scale"
    KEEP = "Keep"


def event_type(reason: ScalingReason) -> EventType | None:
    """The type of a decision's event; None: a decision for this reason is reported by the status alone."""
    if reason in _PASSING:
        return None
    return EventType.WARNING if reason in _WARNINGS else EventType.NORMAL


@dataclass(slots=True)
class _Series:
    """An Event that exists, and how often it occurred."""

    name: str
    count: int = 1


@dataclass(slots=True)
class EventRecorder:
    """Records the events of one AlertScaler."""

    kube: Kube
    _series: dict[tuple[str, str, str], _Series] = field(default_factory=dict)

    async def record(self, about: Body, reason: str, note: str, type: EventType, action: Action) -> None:  # noqa: A002 - the API's name
        """Creates an Event, or counts one more of the same reason and note.

        Raises:
            KubeError: the API server did not take it.
        """
        key = (about["metadata"]["uid"], reason, note)
        series = self._series.get(key)
        if series is None or not await self._repeat(series):
            series = _Series(await self.kube.create_event(about, reason, note, type=type, action=action))
        self._series.pop(key, None)
        self._series[key] = series
        if len(self._series) > KEPT:
            del self._series[next(iter(self._series))]

    async def _repeat(self, series: _Series) -> bool:
        """Counts an Event once more; False where it has expired."""
        try:
            await self.kube.repeat_event(series.name, series.count + 1)
        except NotFound:
            return False
        series.count += 1
        return True
