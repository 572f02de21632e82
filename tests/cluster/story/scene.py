"""How large and how quick the story is: slots, loads, windows, and how long each chapter looks on."""

import os
from dataclasses import dataclass

from tests.cluster.clusters import Namespace, Object, may_scrape
from tests.cluster.intervals import Intervals
from tests.cluster.story.town import PAUSE

SLOTS = 16  # of a pod
CAPACITY = SLOTS / (PAUSE + 0.02)  # calls a second that one pod can carry; it and the way add some milliseconds
MINIMUM, MAXIMUM = 2, 4
SATURATED = 15  # seconds for which it has to be, until its alert fires
OBJECTIVE = 2500.0  # milliseconds: that of ScrapLatencyBudgetBurn
# The last one is what four pods carry, and three would be saturated by.
CALM, TWICE, HALVED, TOO_MUCH, ENOUGH = (share * CAPACITY for share in (0.4, 2.0, 1.0, 5.2, 2.6))


@dataclass(frozen=True)
class Durations:
    """How long things take, in seconds; windows are longer where intervals are.

    Attributes:
        calm: of looking on while nothing happens, at the beginning.
        steady: of looking on under a steady load, and at the end.
        hold: the look-back of the Hold alert; 15 minutes as it comes.
        stabilization: of steps down; 5 minutes as it comes.
        whole: are all of the faults there?
    """

    calm: int
    steady: int
    hold: int
    stabilization: int
    whole: bool


ALL_DURATIONS = {"whole": Durations(120, 30, 45, 30, whole=True), "short": Durations(20, 15, 30, 30, whole=False)}
DURATIONS = ALL_DURATIONS[os.environ.get("STORY", "whole")]


def hold(intervals: Intervals) -> float:
    """The look-back of the Hold alert, in seconds.

    It outlasts the chapter's fault that takes the load away: the web is gone until its alert fires, which a window full
    of failures does, and nothing may be scaled in meanwhile.
    """
    return max(intervals.window(DURATIONS.hold), intervals.window(20) + intervals.fires(5))


def values(namespace: Namespace, intervals: Intervals) -> Object:
    """The release: few slots, so that few calls fill it, and windows of seconds where they are minutes.

    A call may wait for as long as it takes to be scaled out, so that none is lost before the ceiling is reached. So few
    slots are taken by chance: of three pods at two thirds, now and then more than four fifths for two looks in a row,
    five seconds apart, which is why the alert waits for fifteen, and a step is of one pod, which is certainly needed.
    """
    alerts = {
        "ScrapSaturated": {"for": f"{SATURATED}s"},
        "ScrapScaleInUnsafe": {"window": f"{hold(intervals):.0f}s"},
        "ScrapAtMaximum": {"for": "15s"},
        "ScrapRejectingLoad": {"for": "5s"},
        # The critical one alone: it inhibits the other, which would end some seconds later, and be notified then.
        "ScrapUpstreamFailing": {"all": {"for": "5s"}, "many": {"for": "10m"}},
        "ScrapOperatorSourceDown": {"for": "5s"},
    }
    steady = intervals.duration(30)
    burn = {
        "hour": {"long": intervals.duration(60), "short": intervals.duration(20), "steady": steady, "for": "5s"},
        "hours": {"long": intervals.duration(120), "short": steady, "steady": steady, "for": "1h"},
    }
    return {
        "config": {
            **may_scrape(namespace),
            "maxFetches": SLOTS,
            "maxPerHost": SLOTS,
            "maxWaiting": 9 * SLOTS,
            "maxWait": 8,
        },
        "operator": {
            "enabled": True,
            "alertScaler": {
                "minReplicas": MINIMUM,
                "maxReplicas": MAXIMUM,
                "source": {"settle": "30s"},
                "rules": [rule(namespace, "Saturated", "ScaleUp", step=1), rule(namespace, "ScaleInUnsafe", "Hold")],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": DURATIONS.stabilization}},
            },
        },
        "monitoring": {
            "prometheusRule": {
                "rateWindow": intervals.duration(20),
                "cpuWindow": intervals.duration(20),
                "burn": burn,
                "usual": {"every": "5s"},  # so that its rules are evaluated before the story begins
                "alerts": alerts,
                "groups": {"nodes": False},  # the story is not theirs
            },
            "alertmanagerConfig": {
                "critical": {"wait": "1s", "interval": "5s"},
                "warning": {"groupBy": ["alertname"], "wait": "1s", "interval": "5s"},
            },
        },
    }


def rule(namespace: Namespace, alert: str, effect: str, **more: object) -> Object:
    """What the operator makes of one of our two signals."""
    matchers = {"alertname": f"Scrap{alert}", "namespace": namespace.name, "job": "scrap"}
    return {"name": alert.lower(), "matchers": matchers, "effect": effect, **more}
