"""The faults: what is broken, which alert has to fire, of which severity, how soon, and how a person is notified."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum

from tests.cluster.faults import breaking
from tests.cluster.faults.breaking import Words
from tests.cluster.faults.scene import Scene


class Way(Enum):
    """How a person is notified; what is written of it, where it is not Slack."""

    SLACK = "Slack"
    SECOND = "nothing; the second way told it"
    HEARTBEAT = "nothing; the heartbeat stopped"
    NOBODY = "nothing, as it should: nobody has to act"


@dataclass(frozen=True)
class InjectedFault:
    """One thing that breaks.

    Attributes:
        broken: breaks it within a block, and gives words that the runbook lacks.
        alert: which one names the point of failure.
        seconds: how long it may take at intervals of 5 s, and its message as well, each from the breaking on.
        cause: what the runbook's check has to say, a regular expression.
        served: of how many calls in a hundred the clients may get what they want while it lasts: at least, at most.
        notices: what they should notice, in words.
        first: which alert comes first, where it is another.
        companions: which other alerts may fire, and nothing else.
        prepared: what has to be so before.
    """

    name: str
    broken: Callable[[Scene], AbstractContextManager[Words]]
    alert: str
    severity: str
    seconds: float
    cause: str
    served: tuple[int, int] = (98, 100)
    notices: str = "nothing"
    way: Way = Way.SLACK
    first: str = ""
    companions: frozenset[str] = frozenset()
    prepared: Callable[[Scene], None] | None = None


FAILING = frozenset({"ScrapUpstreamFailing/warning"})

FAULTS = (
    InjectedFault(
        "all origins dead",
        breaking.origins_dead,
        "ScrapUpstreamFailing",
        "critical",
        60,
        r'\(le, phase\).*\n\{phase="connect"\} [1-9]',
        (0, 40),
        "no page can be had: 502 or 504",
        companions=FAILING,
    ),
    InjectedFault(
        "origins slow",
        breaking.origins_slow,
        "ScrapLatencyBudgetBurn",
        "critical",
        120,
        r'\(le, phase\).*\n\{phase="first_byte"\} [4-9]',
        notices="every new page takes four seconds",
        first="ScrapUpstreamSlow/info",  # which notifies nobody: it may be the web
    ),
    InjectedFault(
        "cluster DNS dead",
        breaking.dns_dead,
        "ScrapUpstreamFailing",
        "critical",
        75,
        r'\(le, phase\).*\n\{phase="dns"\} [1-9]',
        (0, 40),
        "no page can be had: 502 or 504",
        way=Way.HEARTBEAT,
        first="ScrapOperatorSourceDown/warning",
        companions=FAILING | {"ScrapSlackFailing/warning"},
    ),
    InjectedFault(
        "one pod crash-looping on a bad setting",
        breaking.bad_setting,
        "ScrapTooFewHealthyPods",
        "warning",
        90,
        r"(?:CrashLoopBackOff|Error)[\s\S]*SCRAP_MAX_FETCHES.*",
        companions=frozenset({"ScrapPodRestarting/warning"}),
    ),
    InjectedFault(
        "one pod out of memory",
        breaking.memory_out,
        "ScrapOutOfMemory",
        "warning",
        60,
        r"^POD +[1-9][0-9]* +OOMKilled",
        (80, 100),
        "the calls in it have no answer",
    ),
    InjectedFault(
        "event loop blocked",
        breaking.loop_blocked,
        "ScrapEventLoopLag",
        "warning",
        60,
        r'\(pod, le\).*\n\{pod="POD"\} 0\.[3-9]',
        notices="calls to that pod take half a second longer",
    ),
    InjectedFault(
        "CPU saturated",
        breaking.cpu_saturated,
        "ScrapNodeCPU",
        "info",
        90,
        r'container_cpu_usage_seconds_total.*\n\{.*pod="POD"\} .*',
        notices="answers are somewhat slower",
        way=Way.NOBODY,
        companions=frozenset({"ScrapEventLoopLag/warning"}),
        prepared=breaking.idle,
    ),
    InjectedFault(
        "memory creeping to its limit",
        breaking.memory_creeps,
        "ScrapMemoryNearLimit",
        "warning",
        90,
        r'^\{pod="POD"\} 0\.9\d*$[\s\S]*^\{pod="POD"\} 0\.[1-4]\d*$',  # the container's, and the service's own
    ),
    InjectedFault(
        "disk filling abnormally fast",
        breaking.disk_fills,
        "ScrapNodeDiskFilling",
        "critical",
        120,
        r"^[0-9]+ /mnt/scrap-disk/[0-9]+$",
        first="ScrapNodeDiskGrowing/warning",
        prepared=breaking.usual,
    ),
    InjectedFault(
        "disk rather full and flat",
        breaking.disk_is_full,
        "ScrapNodeDiskFull",
        "warning",
        75,
        r"^[0-9]+ /mnt/scrap-disk/[0-9]+$",
        prepared=breaking.nearly_full,
    ),
    InjectedFault(
        "ServiceMonitor label wrong",
        breaking.wrong_label,
        "ScrapNotMeasured",
        "warning",
        90,
        r"^scrap .*release=monitoring\b[\s\S]*matchLabels:map\[release:kube-prometheus-stack\]",
    ),
    InjectedFault(
        "Slack Secret missing",
        breaking.secret_missing,
        "ScrapMonitoringRejected",
        "warning",
        75,
        r"scrap-slack",
        way=Way.SECOND,
    ),
    InjectedFault(
        "Slack answering 500",
        breaking.slack_fails,
        "ScrapSlackFailing",
        "warning",
        60,
        r"unexpected status code 500",
        way=Way.SECOND,
    ),
    InjectedFault(
        "operator dead",
        breaking.operator_dead,
        "ScrapOperatorDown",
        "warning",
        45,
        r"No resources found in scrap namespace",
    ),
    InjectedFault(
        "Alertmanager dead",
        breaking.alertmanager_dead,
        "ScrapOperatorSourceDown",
        "warning",
        60,
        r"SourceUnavailable",
        way=Way.HEARTBEAT,
    ),
    InjectedFault(
        "shared cache gone",
        breaking.cache_gone,
        "ScrapSharedCacheDown",
        "warning",
        60,
        r'\(kind\).*\n\{kind="connection"\} [1-9.]+[\s\S]*Connection refused',
    ),
    InjectedFault(
        "a wave of forbidden targets",
        breaking.forbidden_wave,
        "ScrapManyBlockedTargets",
        "warning",
        60,
        r'^\{verdict="link_local"\} [1-9]',
    ),
    # The last one: for two minutes the node's table of connections sends a new one, now and then, after a lost one.
    InjectedFault(
        "node unplugged",
        breaking.node_unplugged,
        "ScrapNodeNotReady",
        "warning",
        120,
        r"Ready +Unknown .*NodeStatusUnknown",
        (40, 100),
        "the calls to its pod hang until Kubernetes notices, for 40 s",
        prepared=breaking.spread,
    ),
)
