"""The AlertScaler as the API server holds it: its spec read, its status written, its memory both.

The defaults of fields that are not there are the model's: a cluster may have an older CRD than this operator,
for Helm does not upgrade what is in `crds/`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from scrap_operator.decision import Decision, ScalingReason
from scrap_operator.model import (
    DOWN_BY_DEFAULT,
    UP_BY_DEFAULT,
    Behavior,
    Direction,
    Effect,
    Labels,
    Mode,
    Observations,
    PendingDirection,
    PolicyType,
    Reference,
    Rule,
    ScalingPolicy,
    Select,
    Source,
    SourceKind,
    Spec,
)

GROUP = "scaling.scrap.dev"
VERSION = "v1alpha1"
PLURAL = "alertscalers"
KIND = "AlertScaler"

Body = Mapping[str, Any]

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_PORTS = {SourceKind.ALERTMANAGER: 9093, SourceKind.PROMETHEUS: 9090}
# Reasons for which nothing is done, or nothing could be.
_NOT_READY = {
    ScalingReason.SUSPENDED,
    ScalingReason.TARGET_NOT_FOUND,
    ScalingReason.CONFLICT,
    ScalingReason.SCALED_TO_ZERO,
    ScalingReason.SOURCE_UNAVAILABLE,
}


class InvalidSpec(Exception):
    """A spec that the schema should have rejected: the cluster's CRD is not this operator's."""


class ProblemReason(StrEnum):
    """Why there is no decision, or why it could not be applied: a stable value in status, events and logs."""

    REFUSED = "Refused"
    INVALID_SPEC = "InvalidSpec"


def is_served(body: Body, selector: Labels) -> bool:
    """Whether an AlertScaler is an operator's to serve: it carries the labels, and is not being deleted."""
    metadata = body["metadata"]
    return "deletionTimestamp" not in metadata and selector.items() <= metadata.get("labels", {}).items()


# The spec.


def spec_of(body: Body) -> Spec:
    """Reads an AlertScaler's spec.

    Raises:
        InvalidSpec: something that must be there is not, or is nothing that is known.
    """
    try:
        return _spec(body["spec"], body["metadata"]["namespace"])
    except KeyError as missing:
        raise InvalidSpec(f"{missing} is missing") from missing
    except (AttributeError, TypeError, ValueError) as wrong:
        raise InvalidSpec(str(wrong)) from wrong


def _spec(spec: Body, namespace: str) -> Spec:
    behavior = spec.get("behavior", {})
    return Spec(
        target=_reference(spec["scaleTargetRef"]),
        minimum=int(spec.get("minReplicas", 1)),
        maximum=int(spec["maxReplicas"]),
        source=_source(spec["source"], namespace),
        rules=tuple(_rule(rule) for rule in spec["rules"]),
        fallback=0 if spec.get("fallback", "Hold") == "Hold" else int(spec["fallback"]),
        mode=Mode(spec.get("mode", Mode.ACTIVE)),
        up=_behavior(behavior.get("scaleUp", {}), UP_BY_DEFAULT),
        down=_behavior(behavior.get("scaleDown", {}), DOWN_BY_DEFAULT),
    )


def _reference(reference: Body) -> Reference:
    return Reference(
        reference.get("apiVersion", "apps/v1"),
        reference.get("kind", "Deployment"),
        reference["name"],
    )


def _source(source: Body, namespace: str) -> Source:
    kind = SourceKind(source.get("kind", SourceKind.ALERTMANAGER))
    url = _checked(source["url"]) if "url" in source else _service_url(source["service"], kind, namespace)
    names = {"interval": "interval", "timeout": "timeout", "settle": "warm_up"}
    given: dict[str, Any] = {name: _seconds(source[field]) for field, name in names.items() if field in source}
    if "failureThreshold" in source:
        given["failure_threshold"] = int(source["failureThreshold"])
    if "heartbeat" in source:
        given["heartbeat"] = dict(source["heartbeat"])
    return Source(url=url, kind=kind, heed_silences=source.get("silences") == "Heed", **given)


def _checked(url: str) -> str:
    """A base URL with a valid port, which a pattern in the schema cannot check."""
    _ = urlsplit(url).port
    return url.rstrip("/")


def _service_url(service: Body, kind: SourceKind, namespace: str) -> str:
    host = f"{service['name']}.{service.get('namespace', namespace)}.svc"
    return f"{service.get('scheme', 'http')}://{host}:{service.get('port', _PORTS[kind])}{service.get('path', '')}"


def _seconds(text: str) -> int:
    """Reads a duration such as 1h30m, 2m or 15s."""
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is no duration")
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return int(timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds())


def _rule(rule: Body) -> Rule:
    return Rule(rule["name"], dict(rule["matchers"]), Effect(rule["effect"]), int(rule.get("step", 1)))


def _behavior(behavior: Body, default: Behavior) -> Behavior:
    policies = tuple(
        ScalingPolicy(PolicyType(policy["type"]), int(policy["value"]), int(policy["periodSeconds"]))
        for policy in behavior.get("policies", ())
    )
    return Behavior(
        window=int(behavior.get("stabilizationWindowSeconds", default.window)),
        policies=policies or default.policies,
        select=Select(behavior.get("selectPolicy", default.select)),
    )


# The memory, in the status.


def memory_of(body: Body) -> Observations:
    """Reads back what `status_of` wrote; an empty memory where nothing was."""
    status = body.get("status", {})
    source = status.get("source", {})
    pending = status.get("leaning")
    return Observations(
        replicas=status.get("currentReplicas"),
        polled=_time(source.get("lastPollTime")),
        failures=source.get("failures", 0),
        available_since=_time(source.get("heardSince")),
        pending=pending and PendingDirection(Direction(pending["direction"]), _from_text(pending["since"])),
        scaled_up=_time(status.get("lastScaleUpTime")),
        scaled_down=_time(status.get("lastScaleDownTime")),
    )


def _time(text: str | None) -> int | None:
    return None if text is None else _from_text(text)


def _from_text(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _text(time: int | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# The status.


def status_of(decision: Decision, body: Body, now: int) -> dict[str, Any]:
    """The status of a decision, as a merge patch (RFC 7396): None removes a field.

    Args:
        decision: what was decided, its memory already that of any write.
        body: the AlertScaler that it was decided for; its conditions' transition times are kept.
        now: seconds since the epoch.
    """
    memory, pending = decision.memory, decision.memory.pending
    return {
        "observedGeneration": body["metadata"]["generation"],
        "currentReplicas": memory.replicas,
        "desiredReplicas": decision.desired,
        "reason": decision.reason.value,
        "message": decision.sentence,
        "firing": list(decision.firing),
        "firingNames": ",".join(decision.firing),
        "lastScaleUpTime": _text(memory.scaled_up),
        "lastScaleDownTime": _text(memory.scaled_down),
        "source": {
            "lastPollTime": _text(memory.polled),
            "failures": memory.failures,
            "heardSince": _text(memory.available_since),
        },
        "leaning": pending and {"direction": pending.direction.value, "since": _text(pending.since)},
        "conditions": _dated(_conditions(decision), body, now),
    }


def status_of_problem(reason: ProblemReason, sentence: str, body: Body, now: int) -> dict[str, Any]:
    """The status where nothing could be decided or done; what else is known stays.

    Args:
        sentence: the problem.
    """
    others = [
        dict(condition) for condition in body.get("status", {}).get("conditions", ()) if condition["type"] != "Ready"
    ]
    ready = _condition("Ready", ok=False, reason=reason, message=sentence)
    return {"reason": reason, "message": sentence, "conditions": _dated([ready, *others], body, now)}


def outdated(status: dict[str, Any], body: Body, patience: int) -> bool:
    """Whether a status differs from the AlertScaler's; the time of the last poll alone can wait.

    `firingNames` follows `firing`: an older CRD prunes it, so on its own it is no reason to write every tick.

    Args:
        patience: seconds for which it can.
    """
    held = body.get("status", {})
    compared = {name: value for name, value in status.items() if name not in ("source", "firingNames")}
    changed = {name: value for name, value in compared.items() if value != held.get(name)}
    if changed or "source" not in status:
        return bool(changed)
    new, old = status["source"], held.get("source", {})
    polled, before = _time(new["lastPollTime"]), _time(old.get("lastPollTime"))
    late = polled is not None and (before is None or not 0 <= polled - before < patience)
    return late or any(new[name] != old.get(name) for name in ("failures", "heardSince"))


def conflicting_scalers(body: Body, scalers: Iterable[Body], autoscalers: Iterable[Body]) -> tuple[str, ...]:
    """What else scales an AlertScaler's target: an HPA, or another AlertScaler that writes."""
    writing = [
        other
        for other in scalers
        if other["metadata"]["name"] != body["metadata"]["name"]
        and other.get("spec", {}).get("mode", Mode.ACTIVE) == Mode.ACTIVE
    ]
    candidates = [(KIND, other) for other in writing] + [("HorizontalPodAutoscaler", other) for other in autoscalers]
    own = _identity(body)
    return tuple(f"{kind}/{other['metadata']['name']}" for kind, other in candidates if _identity(other) == own)


def _identity(scaler: Body) -> tuple[str, str, str] | None:
    """A target's group, kind and name: its version does not matter; None of a scaler that names none."""
    try:
        target = _reference(scaler["spec"]["scaleTargetRef"])
        return target.api_version.rpartition("/")[0], target.kind, target.name
    except (AttributeError, KeyError, TypeError):
        return None


def conditions_of(status: Body) -> dict[str, bool]:
    """Which of a status' conditions are true."""
    return {condition["type"]: condition["status"] == "True" for condition in status["conditions"]}


def _conditions(decision: Decision) -> list[dict[str, Any]]:
    reason, inconclusive = decision.reason, decision.inconclusive
    ready = _condition("Ready", ok=reason not in _NOT_READY, reason=reason, message=decision.sentence)
    if inconclusive:
        available = _condition(
            "SourceAvailable",
            ok=_is_available(decision, inconclusive.reason),
            reason=inconclusive.reason,
            message=inconclusive.sentence,
        )
    else:
        available = _condition(
            "SourceAvailable", ok=True, reason="Believed", message="The source and its heartbeat work."
        )
    conflict = reason is ScalingReason.CONFLICT
    return [
        ready,
        available,
        _condition(
            "Conflict",
            ok=conflict,
            reason=reason if conflict else "NoRival",
            message=decision.sentence if conflict else "Nothing else scales the target.",
        ),
        _condition(
            "Limited",
            ok=decision.limited,
            reason=reason if decision.limited else "WithinBounds",
            message=decision.sentence if decision.limited else "No rule asks for more than was granted.",
        ),
    ]


def _is_available(decision: Decision, reason: ScalingReason) -> bool:
    """Whether source and heartbeat are there, though the alerts are inconclusive for a reason.

    A failed poll below the threshold changes nothing: what was not there before is not there now.
    """
    if reason is ScalingReason.SOURCE_FAILING:
        return decision.memory.available_since is not None
    return reason is ScalingReason.WARMING_UP


def _condition(kind: str, *, ok: bool, reason: str, message: str) -> dict[str, Any]:
    return {"type": kind, "status": "True" if ok else "False", "reason": str(reason), "message": message}


def _dated(conditions: list[dict[str, Any]], body: Body, now: int) -> list[dict[str, Any]]:
    """Gives each condition the time since which its status has been what it is."""
    before = {condition["type"]: condition for condition in body.get("status", {}).get("conditions", ())}
    for condition in conditions:
        old = before.get(condition["type"], {})
        same = old.get("status") == condition["status"]
        condition["lastTransitionTime"] = old["lastTransitionTime"] if same else _text(now)
        condition["observedGeneration"] = body["metadata"]["generation"]
    return conditions
