"""The watchers: the load's seconds, the alerts, the channels and the replicas, all into the record.

What cannot be asked for a while (Prometheus is gone, the API server is paused) is unknown meanwhile, and nothing ends.
"""

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.parse import quote

from tests.cluster.alerts.scene import fetch
from tests.cluster.story.record import Record, Tick
from tests.cluster.story.town import Town

PERIOD = 1.0  # seconds between two looks
GONE = (URLError, OSError, ValueError, KeyError)  # ValueError: half an answer


class Watch:
    """What is known just now; a thread of its own keeps it so.

    Args:
        evaluation: seconds between two evaluations of the alerts.

    Attributes:
        firing: the alerts of the namespace that fire.
        saturation: of the slots, how many are taken; None where Prometheus does not say.
        is_measured: does Prometheus answer, and know of the service?
        desired: replicas that the Deployment asks for.
        ready: pods that serve.
    """

    def __init__(self, record: Record, town: Town, prometheus: str, evaluation: float) -> None:
        self.is_measured = False
        self.firing: frozenset[str] = frozenset()
        self.saturation: float | None = None
        self.desired = self.ready = 0
        self._record = record
        self._town = town
        self._prometheus = prometheus
        self._look_back = f"{6 * evaluation:.0f}s"
        self._namespace = town.namespace
        self._received = 0
        self._stopped = threading.Event()
        self._kubectl: subprocess.Popen[str] | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watches within the block."""
        threads = [threading.Thread(target=work) for work in (self._look, self._follow)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            if self._kubectl:
                self._kubectl.terminate()
            for thread in threads:
                thread.join()

    def _look(self) -> None:
        looks = (self._alerts, self._full, self._channels, self._seconds)
        while not self._stopped.wait(PERIOD):
            for look in looks:
                with contextlib.suppress(*GONE):
                    look()

    def _ask(self, query: str) -> Any:
        return json.loads(fetch(f"{self._prometheus}/api/v1/query?query={quote(query)}"))["data"]["result"]

    def _alerts(self) -> None:
        # Whether there are rules at all is asked with it: a Prometheus that has just begun knows of nothing yet.
        name = self._namespace.name
        found = self._ask(f'ALERTS{{alertstate="firing",namespace="{name}"}} or scrap:pods:count{{namespace="{name}"}}')
        if not found:
            return
        firing = frozenset(sample["metric"]["alertname"] for sample in found if "alertname" in sample["metric"])
        for alert in sorted(firing - self.firing):
            self._record.happen("alert", alert, at=self._since(alert))
        for alert in sorted(self.firing - firing):
            self._record.happen("over", alert)
        self.firing = firing

    def _since(self, alert: str) -> float:
        """When Prometheus first found it firing, after it was over the last time; we look a moment later."""
        over = max((event.at for event in self._record.found("over", alert)), default=0.0)
        samples = self._ask(
            f'ALERTS{{alertstate="firing",namespace="{self._namespace.name}",alertname="{alert}"}}[{self._look_back}]'
        )
        return min(float(at) for sample in samples for at, _ in sample["values"] if float(at) > over)

    def _full(self) -> None:
        name = f'{{namespace="{self._namespace.name}"}}'
        try:
            found = self._ask(f"scrap:load:pods{name} / scrap:pods:count{name}")
        except GONE:
            found = []
        self.is_measured = bool(found)
        self.saturation = float(found[0]["value"][1]) if found else None

    def _channels(self) -> None:
        messages = self._town.messages()
        for message in messages[self._received :]:
            self._record.happen("slack", message.channel, message.title, message.at)
        self._received = len(messages)

    def _seconds(self) -> None:
        last = self._record.ticks[-1].at if self._record.ticks else int(self._record.began)
        for at, second in self._town.seconds(last):
            tick = Tick(
                at=at,
                **second,
                saturation=self.saturation,
                desired=self.desired,
                ready=self.ready,
                firing=sorted(self.firing),
            )
            self._record.tick(tick)

    def _follow(self) -> None:
        """Replicas as the API server says them, at once; it is asked anew where it hangs up."""
        path = "jsonpath={.spec.replicas} {.status.readyReplicas}{'\\n'}"
        command = ["kubectl", "--namespace", self._namespace.name, "get", "deployment", "scrap", "--watch", "-o", path]
        while not self._stopped.wait(PERIOD):
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as kubectl:
                self._kubectl = kubectl
                for said in kubectl.stdout or ():
                    if numbers := [int(number) for number in said.split()]:
                        self._replicas(*numbers)

    def _replicas(self, desired: int, ready: int = 0) -> None:
        if desired != self.desired:
            self._record.happen("desired", str(desired))
        if ready != self.ready:
            self._record.happen("ready", str(ready))
        self.desired, self.ready = desired, ready
