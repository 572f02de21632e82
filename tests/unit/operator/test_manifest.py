"""Specs read, statuses written, memories that survive both."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from scrap_operator import manifest
from scrap_operator.decision import decide
from scrap_operator.manifest import InvalidSpec, ProblemReason
from scrap_operator.model import (
    DOWN_BY_DEFAULT,
    UP_BY_DEFAULT,
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
    SourceKind,
)
from tests.unit.operator.api import Json, alert_scaler, merged

NOW = 1_800_000_000
HEARTBEAT = PollResult((Alert({"alertname": "Watchdog"}),), uptime=3600)
SILENCE = PollResult((), uptime=3600)
FAILED = PollFailed("gone")


def test_what_is_not_said_is_the_models_default() -> None:
    spec = manifest.spec_of(alert_scaler())
    assert spec.source == Source("http://alertmanager.test")
    assert (spec.mode, spec.up, spec.down) == (Mode.ACTIVE, UP_BY_DEFAULT, DOWN_BY_DEFAULT)
    assert spec.target == Reference("apps/v1", "Deployment", "scrap")
    assert spec.rules[1] == Rule("hold", {"alertname": "Hold"}, Effect.HOLD, step=1)


def test_a_stored_fallback_of_an_older_crd_is_the_default() -> None:
    assert manifest.spec_of(alert_scaler(fallback="Hold")) == manifest.spec_of(alert_scaler())


def test_everything_that_can_be_said() -> None:
    policies = [{"type": "Percent", "value": 50, "periodSeconds": 30}]
    spec = manifest.spec_of(
        alert_scaler(
            mode="DryRun",
            fallback=6,
            scaleTargetRef={"apiVersion": "example.com/v1", "kind": "Fleet", "name": "cars"},
            source={
                "kind": "Prometheus",
                "service": {"name": "prometheus", "namespace": "monitoring", "scheme": "https", "path": "/p"},
                "interval": "30s",
                "timeout": "10s",
                "failureThreshold": 5,
                "heartbeat": {"alertname": "Alive"},
                "settle": "1h2m3s",
                "silences": "Heed",
            },
            behavior={
                "scaleUp": {"policies": policies, "selectPolicy": "Min", "stabilizationWindowSeconds": 10},
                "scaleDown": {"selectPolicy": "Disabled"},
            },
        )
    )
    assert spec.mode is Mode.DRY_RUN
    assert spec.fallback == 6
    assert spec.target == Reference("example.com/v1", "Fleet", "cars")
    assert spec.source == Source(
        url="https://prometheus.monitoring.svc:9090/p",
        kind=SourceKind.PROMETHEUS,
        interval=30,
        timeout=10,
        failure_threshold=5,
        heartbeat={"alertname": "Alive"},
        warm_up=3723,
        heed_silences=True,
    )
    assert spec.up == Behavior(10, (ScalingPolicy(PolicyType.PERCENT, 50, 30),), Select.MIN)
    assert spec.down == Behavior(DOWN_BY_DEFAULT.window, DOWN_BY_DEFAULT.policies, Select.DISABLED)


@pytest.mark.parametrize(
    ("matchers", "names"),
    [
        ({"alertname": "Full", "job": "scrap"}, ("Full", "Watchdog")),
        ({"alertname": "Watchdog"}, ("Watchdog",)),
        ({"job": "scrap"}, ()),  # any alert of the job's may be meant
    ],
)
def test_the_alerts_that_can_matter_are_known_by_name(matchers: Json, names: tuple[str, ...]) -> None:
    rules = [{"name": "rule", "matchers": matchers, "effect": "Hold"}]
    assert manifest.spec_of(alert_scaler(rules=rules)).alertnames == names


def test_a_service_is_in_the_own_namespace_and_at_its_kinds_port() -> None:
    spec = manifest.spec_of(alert_scaler(source={"service": {"name": "alertmanager"}}))
    assert spec.source.url == "http://alertmanager.shop.svc:9093"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"mode": "Sometimes"}, "Sometimes"),
        ({"source": {}}, "service"),
        ({"source": {"url": "http://host:99999"}}, "[Pp]ort"),
        ({"source": {"url": "http://[half"}}, "IPv6"),
        ({"source": {"url": "http://host", "settle": "soon"}}, "soon"),
        ({"rules": [{"name": "a", "matchers": {}, "effect": "Explode"}]}, "Explode"),
        ({"rules": None}, "NoneType"),
        ({"fallback": "Maximum"}, "Maximum"),
        ({"behavior": {"scaleUp": {"policies": [{"type": "Pods"}]}}}, "value"),
    ],
)
def test_what_no_schema_would_let_through(spec: Json, says: str) -> None:
    with pytest.raises(InvalidSpec, match=says):
        manifest.spec_of(alert_scaler(**spec))


times = st.none() | st.integers(0, 4_000_000_000)
memories = st.builds(
    Observations,
    replicas=st.none() | st.integers(0, 100),
    polled=times,
    failures=st.integers(0, 3),
    available_since=times,
    pending=st.none() | st.builds(PendingDirection, st.sampled_from(Direction), st.integers(0, 4_000_000_000)),
    scaled_up=times,
    scaled_down=times,
)


@given(memories, memories)
def test_a_memory_survives_the_status_whatever_was_there_before(memory: Observations, before: Observations) -> None:
    body = alert_scaler()
    for each in (before, memory):
        status = manifest.status_of(_decision(each), body, NOW)
        body["status"] = merged(body.get("status", {}), status)
    assert manifest.memory_of(body) == memory


def test_the_rules_that_fire_are_a_list_and_a_text_for_the_printer_column() -> None:
    body = alert_scaler()
    spec = manifest.spec_of(body)
    alerts = tuple(Alert(rule.matchers) for rule in spec.rules)
    decision = decide(spec, ScaleTarget(3), PollResult(alerts, uptime=0), Observations(), NOW)
    status = manifest.status_of(decision, body, NOW)
    assert (status["firing"], status["firingNames"]) == (["saturated", "hold"], "saturated,hold")
    assert manifest.status_of(_decision(Observations()), body, NOW)["firingNames"] == ""


def test_a_crd_without_the_text_is_not_written_to_at_every_tick() -> None:
    body = alert_scaler()
    status = manifest.status_of(_decision(Observations(polled=NOW)), body, NOW)
    body["status"] = {name: value for name, value in status.items() if name != "firingNames"}  # pruned
    assert not manifest.outdated(status, body, 30)


def _decision(memory: Observations) -> Any:
    decided = decide(manifest.spec_of(alert_scaler()), ScaleTarget(3), PollFailed("gone"), Observations(), NOW)
    return type(decided)(**{name: getattr(decided, name) for name in decided.__slots__} | {"memory": memory})


def test_no_status_is_no_memory() -> None:
    assert manifest.memory_of(alert_scaler()) == Observations()


def status_at(now: int, before: Json | None = None, observation: Observation = FAILED) -> tuple[Json, Json]:
    """A status, and an AlertScaler that has it."""
    body = before or alert_scaler()
    decision = decide(manifest.spec_of(body), ScaleTarget(3), observation, manifest.memory_of(body), now)
    status = manifest.status_of(decision, body, now)
    return status, body | {"status": merged(body.get("status", {}), status)}


def test_a_status_is_outdated_when_it_says_something_new() -> None:
    status, body = status_at(NOW)
    assert manifest.outdated(status, alert_scaler(), 30)
    assert not manifest.outdated(status, body, 30)
    later, _ = status_at(NOW + 15, body)
    assert manifest.outdated(later, body, 30)  # one failure more


@pytest.mark.parametrize(("seconds", "outdated"), [(29, False), (30, True), (-1, True)])
def test_the_time_of_the_last_poll_alone_can_wait(seconds: int, outdated: bool) -> None:
    body = alert_scaler()
    for _ in range(4):
        _, body = status_at(NOW, body)
    later, _ = status_at(NOW + seconds, body)
    assert manifest.outdated(later, body, 30) is outdated


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    _, body = status_at(NOW, observation=HEARTBEAT)
    for tick in range(1, 5):
        status, body = status_at(NOW + 15 * tick, body)
    since = {each["type"]: each["lastTransitionTime"] for each in status["conditions"]}
    assert since["Conflict"] == "2027-01-15T08:00:00Z"
    assert since["SourceAvailable"] == "2027-01-15T08:00:45Z"  # the third failure


@pytest.mark.parametrize(
    ("observations", "available"),
    [
        ([FAILED], False),  # the first poll of all
        ([HEARTBEAT, FAILED], True),
        ([HEARTBEAT, FAILED, FAILED, FAILED], False),
        ([HEARTBEAT, SILENCE, FAILED], False),
        ([HEARTBEAT, SILENCE, FAILED, HEARTBEAT], True),
    ],
)
def test_a_failed_poll_makes_no_source_available(observations: list[Observation], available: bool) -> None:
    body = None
    for tick, observation in enumerate(observations):
        status, body = status_at(NOW + 15 * tick, body, observation)
    assert manifest.conditions_of(status)["SourceAvailable"] is available


def test_a_problem_leaves_the_other_conditions() -> None:
    _, body = status_at(NOW)
    status = manifest.status_of_problem(ProblemReason.REFUSED, "No.", body, NOW)
    assert [each["type"] for each in status["conditions"]] == ["Ready", "SourceAvailable", "Conflict", "Limited"]
    assert manifest.outdated(status, body, 0)
    assert not manifest.outdated(status, body | {"status": merged(body["status"], status)}, 0)


def test_conflicting_scalers_are_others_that_write_to_the_same_target() -> None:
    own = alert_scaler()
    scalers = [
        own,
        alert_scaler("rehearsing", mode="DryRun"),
        alert_scaler("elsewhere", target="other"),
        alert_scaler("second", scaleTargetRef={"apiVersion": "apps/v1beta9", "kind": "Deployment", "name": "scrap"}),
        alert_scaler("another-kind", scaleTargetRef={"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "scrap"}),
    ]
    assert manifest.conflicting_scalers(
        own, scalers, [alert_scaler("by-cpu"), alert_scaler("of-other", target="other")]
    ) == (
        "AlertScaler/second",
        "HorizontalPodAutoscaler/by-cpu",
    )
