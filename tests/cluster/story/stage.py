"""All that a chapter works with, and when the curtain may rise."""

import contextlib
from dataclasses import dataclass

from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import CommandError, Namespace, hurry
from tests.cluster.intervals import Intervals
from tests.cluster.story.record import Record
from tests.cluster.story.scene import MINIMUM
from tests.cluster.story.town import Town
from tests.cluster.story.watch import Watch


@dataclass(frozen=True)
class Stage:
    """The release, what stands around it, who watches it, and what they saw."""

    namespace: Namespace
    town: Town
    watch: Watch
    record: Record
    stack: Stack
    intervals: Intervals

    def has_arrived(self) -> bool:
        """Do Prometheus and Alertmanager know of us?"""
        hurry()
        name = self.namespace.name
        rules = self.stack.rules(name)
        return (
            f"{name}/scrap/critical" in self.stack.alertmanager_configuration()
            and bool(rules)
            and all(rule["health"] == "ok" for rule in rules)
            and len(self.stack.ask(f'query?query=up{{namespace="{name}",job="scrap"}}==1')["result"]) == MINIMUM
        )

    def is_calm(self) -> bool:
        """Does nothing fire, and does the operator say that there is nothing to do?"""
        watch = self.watch
        return (
            watch.saturation is not None
            and not watch.firing
            and watch.desired == watch.ready == MINIMUM
            and self.reason() == "AtMinimum"
        )

    def reason(self) -> str:
        """The operator's, for what it does or leaves; empty while the API server does not answer."""
        with contextlib.suppress(CommandError):
            return self.namespace.kubectl("get", "alertscaler", "scrap", "-o", "jsonpath={.status.reason}")
        return ""
