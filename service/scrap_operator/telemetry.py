"""The operator's metrics: every name and label."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from scrap_operator.decision import Decision
from scrap_operator.model import Direction, Spec

CONTENT_TYPE = CONTENT_TYPE_LATEST


class OperatorMetrics:
    """One registry of them.

    Args:
        age: seconds since the oldest of the loops' last ticks; asked at each scrape.
    """

    def __init__(self, age: Callable[[], float]) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"scrap_operator_{name}", text, ("alertscaler", *labels), registry=registry)

        self._desired = gauge("desired_replicas", "Replicas that the target should have.")
        self._current = gauge("current_replicas", "Replicas that the target's spec asks for.")
        self._minimum = gauge("min_replicas", "The lower bound of the replicas.")
        self._maximum = gauge("max_replicas", "The upper bound of the replicas.")
        self._source_up = gauge("source_up", "1 where the source responds and its heartbeat fires.")
        self._condition = gauge("condition", "1 where a condition of the AlertScaler is true.", "type")
        self._firing = gauge("rule_firing", "1 where a rule fires.", "rule")
        self._decisions = Counter(
            "scrap_operator_decisions", "Decisions, by reason.", ("alertscaler", "reason"), registry=registry
        )
        self._scalings = Counter(
            "scrap_operator_scalings", "Changes written, by direction.", ("alertscaler", "direction"), registry=registry
        )
        self._problems = Counter(
            "scrap_operator_problems",
            "Ticks without a decision, or whose decision failed to apply.",
            ("alertscaler",),
            registry=registry,
        )
        self._polls = Histogram(
            "scrap_operator_poll_seconds", "Time for one poll of the source.", ("alertscaler",), registry=registry
        )
        Gauge(
            "scrap_operator_loop_age_seconds", "Time since the oldest of the loops' last ticks.", registry=registry
        ).set_function(age)
        self._rules: dict[str, set[str]] = {}

    def render(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self._registry)

    def polled(self, name: str, seconds: float) -> None:
        """A source was polled."""
        self._polls.labels(name).observe(seconds)

    def wanted(self, name: str, current: int | None, desired: int | None) -> None:
        """The replicas that a target's spec asks for, and those decided, before a write; None: it is not there."""
        for gauge, replicas in ((self._current, current), (self._desired, desired)):
            if replicas is None:
                gauge.remove_by_labels({"alertscaler": name})
            else:
                gauge.labels(name).set(replicas)

    def decided(self, name: str, spec: Spec, decision: Decision, conditions: Mapping[str, bool]) -> None:
        """A decision was made, and acted on."""
        self._minimum.labels(name).set(spec.minimum)
        self._maximum.labels(name).set(spec.maximum)
        self._decisions.labels(name, decision.reason).inc()
        # At 0 from the first decision on: an increase is seen only from a sample to the next.
        self._problems.labels(name)
        for direction in Direction:
            self._scalings.labels(name, direction)
        self._source_up.labels(name).set(conditions["SourceAvailable"])
        for kind, is_true in conditions.items():
            self._condition.labels(name, kind).set(is_true)
        rules = {rule.name for rule in spec.rules}
        for rule in self._rules.get(name, set()) - rules:
            self._firing.remove(name, rule)
        for rule in rules:
            self._firing.labels(name, rule).set(rule in decision.firing)
        self._rules[name] = rules

    def scaled(self, name: str, direction: Direction, replicas: int) -> None:
        """Replicas were written."""
        self._scalings.labels(name, direction).inc()
        self._current.labels(name).set(replicas)

    def failed(self, name: str) -> None:
        """A tick came to no decision, or could not act on it."""
        self._problems.labels(name).inc()
        self._condition.labels(name, "Ready").set(0)

    def forget(self, name: str) -> None:
        """An AlertScaler is gone, and its series with it."""
        self._rules.pop(name, None)
        for metric in (
            self._desired,
            self._current,
            self._minimum,
            self._maximum,
            self._source_up,
            self._condition,
            self._firing,
            self._decisions,
            self._scalings,
            self._problems,
            self._polls,
        ):
            metric.remove_by_labels({"alertscaler": name})
