"""An observer of monitoring: which alert fires when, according to Prometheus."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import Object, working


@dataclass(frozen=True)
class Fired:
    """An alert that began to fire."""

    at: float
    alert: str
    severity: str

    @property
    def name(self) -> str:
        """The alert and its severity."""
        return f"{self.alert}/{self.severity}"


class Observer:
    """Asks Prometheus each second what fires, in a thread of its own."""

    def __init__(self, stack: Stack, namespace: str) -> None:
        self._stack = stack
        self._namespace = namespace
        self._seen: list[Fired] = []
        self._now: set[tuple[str, str]] = set()
        self._asked = 0.0
        self._stopped = threading.Event()

    def since(self, time: float) -> list[Fired]:
        """What began to fire since then, each once, in order."""
        first: dict[str, Fired] = {}
        for fired in list(self._seen):
            if fired.at >= time:
                first.setdefault(fired.name, fired)
        return list(first.values())

    def now(self) -> set[str]:
        """What fires.

        Raises:
            RuntimeError: nobody has said so within the last ten seconds.
        """
        if time.time() - self._asked > 10:
            raise RuntimeError("Prometheus does not answer")
        return {f"{alert}/{severity}" for alert, severity in self._now}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watches within the block."""
        with working(self._work, self._stopped):
            yield

    def _work(self) -> None:
        while not self._stopped.wait(1):
            try:
                found = self._stack.ask("alerts")["alerts"]  # and not the series, which a full disk has not
            except OSError:
                continue  # what that means is for `now` to say
            firing = {self._name(alert["labels"]) for alert in found if self._is_ours(alert)}
            self._seen += [Fired(time.time(), *alert) for alert in sorted(firing - self._now)]
            self._now, self._asked = firing, time.time()

    def _is_ours(self, alert: Object) -> bool:
        """Does it fire, in the namespace? Signals for the operator (severity none) are no alerts to anybody."""
        labels = alert["labels"]
        return bool(
            alert["state"] == "firing"
            and labels.get("namespace") == self._namespace
            and labels.get("severity", "none") != "none"
        )

    def _name(self, labels: Object) -> tuple[str, str]:
        return labels["alertname"], labels["severity"]
