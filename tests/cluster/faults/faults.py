"""The faults: what is broken, which alert has to fire, of which severity, how soon, and how a person is notified."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum

from tests.cluster.faults import breaking, caches, monitoring, origins, parts, workloads
from tests.cluster.faults.breaking import Words
from tests.cluster.faults.scene import Scene


class Way(Enum):
    """How a person is notified; what is written of it, where it is not Slack."""

    SLACK = "Slack"
    SECOND = "nothing; the second receiver was notified"
    HEARTBEAT = "nothing; the heartbeat stopped"
    NOBODY = "nothing, as it should: nobody has to act"


@dataclass(frozen=True)
class InjectedFault:
    """One thing that breaks.

    Attributes:
        broken: breaks it within a block, and gives words that the runbook lacks.
        alert: which one names the point of failure; empty: none fires, for `nobody` has the reason.
        seconds: how long it may take at intervals of 5 s, and its message as well, each from the breaking on; where
            there is no alert, for how long nothing may fire.
        cause: what one command of the runbook has to show, a regular expression.
        served: of how many calls in a hundred the clients may get what they want while it lasts: at least, at most.
        notices: what they should notice, in words.
        first: which alerts may come first, where it is not this one.
        companions: which other alerts may fire, and nothing else.
        prepared: what has to be so before.
        around: what has to be so before, and is undone afterwards.
        nobody: why nobody is to be notified.
        together: faults that have the same word here do not touch one another, and are made at once.
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
    first: frozenset[str] = frozenset()
    companions: frozenset[str] = frozenset()
    prepared: Callable[[Scene], None] | None = None
    around: Callable[[Scene], AbstractContextManager[None]] | None = None
    nobody: str = ""
    together: str = ""


SLOWER = "ScrapSlowerThanUsual/warning"
BUDGETS = frozenset({"ScrapErrorBudgetBurn/critical", "ScrapLatencyBudgetBurn/critical"})
FAILING = frozenset({"ScrapUpstreamFailing/warning", SLOWER})
STARVED = frozenset(
    {
        "ScrapClientsGiveUp/critical",
        "ScrapErrorBudgetBurn/critical",
        "ScrapEventLoopLag/warning",
        "ScrapRejectingLoad/warning",
        "ScrapSharedCacheDown/warning",
    }
)

FAULTS = (
    InjectedFault(
        "all origins dead",
        breaking.origins_dead,
        "ScrapUpstreamFailing",
        "critical",
        60,
        r'^\{phase="connect"\} [1-9]',
        (0, 40),
        "no page can be had: 502 or 504",
        companions=FAILING,
    ),
    InjectedFault(
        "origins slow",
        origins.origins_slow,
        "ScrapLatencyBudgetBurn",
        "critical",
        120,
        r'^\{phase="first_byte"\} [4-9]',
        notices="every new page takes four seconds",
        first=frozenset({"ScrapUpstreamSlow/info"}),  # which notifies nobody: it may be the web
        companions=frozenset({SLOWER}),
    ),
    InjectedFault(
        "cluster DNS dead",
        breaking.dns_dead,
        "ScrapUpstreamFailing",
        "critical",
        75,
        r'^\{phase="dns"\} [1-9]',
        (0, 40),
        "no page can be had: 502 or 504",
        way=Way.HEARTBEAT,
        first=frozenset({"ScrapOperatorSourceDown/warning", "ScrapUpstreamFailing/critical"}),  # seconds apart
        companions=FAILING | {"ScrapSlackFailing/warning"},
    ),
    InjectedFault(
        "one pod crash-looping on a bad setting",
        breaking.bad_setting,
        "ScrapTooFewHealthyPods",
        "warning",
        90,
        r"'SCRAP_MAX_FETCHES'.*",
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
        r'^\{pod="POD"\} 0\.[3-9]',
        notices="calls to that pod take half a second longer",
    ),
    InjectedFault(
        "CPU saturated",
        breaking.cpu_saturated,
        "ScrapNodeCPU",
        "info",
        90,
        r'^\{.*pod="POD"\} .*',
        notices="answers are somewhat slower",
        way=Way.NOBODY,
        companions=frozenset({"ScrapEventLoopLag/warning"}),
        prepared=breaking.idle,
    ),
    # Before the disk is made nearly full, which would be its usual growth for two minutes.
    InjectedFault(
        "disk filling abnormally fast",
        breaking.disk_fills,
        "ScrapNodeDiskFilling",
        "critical",
        120,
        r"^[0-9]+ /mnt/scrap-disk/[0-9]+$",
        first=frozenset({"ScrapNodeDiskGrowing/warning"}),
        prepared=breaking.usual,
        together="ServiceMonitor and disk",
    ),
    InjectedFault(
        "memory creeping to its limit",
        breaking.memory_creeps,
        "ScrapMemoryNearLimit",
        "warning",
        90,
        r'^\{pod="POD"\} 0\.[1-4]\d*$',  # the service's own, beside the container's 0.9
        together="operator, cache, disk and memory",
    ),
    InjectedFault(
        "disk rather full and flat",
        breaking.disk_is_full,
        "ScrapNodeDiskFull",
        "warning",
        75,
        r"^[0-9]+ /mnt/scrap-disk/[0-9]+$",
        prepared=breaking.nearly_full,
        together="operator, cache, disk and memory",
    ),
    InjectedFault(
        "ServiceMonitor label wrong",
        breaking.wrong_label,
        "ScrapNotMeasured",
        "warning",
        90,
        r"^scrap .*release=monitoring\b",
        together="ServiceMonitor and disk",
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
        together="operator, cache, disk and memory",
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
        r"Connection refused",
        together="operator, cache, disk and memory",
    ),
    InjectedFault(
        "a wave of forbidden targets",
        breaking.forbidden_wave,
        "ScrapManyBlockedTargets",
        "warning",
        60,
        r'^\{verdict="link_local"\} [1-9]',
        together="targets, cache and rollout",
    ),
    InjectedFault(
        "web unreachable at eight times the load",
        origins.web_unreachable_under_load,
        "ScrapUpstreamFailing",
        "critical",
        60,
        r'^\{phase="connect"\} [1-9]',
        (0, 60),
        "no page: 504, and 503 where no slot is free",
        companions=FAILING | BUDGETS | {"ScrapRejectingLoad/warning", "ScrapAtMaximum/warning"},
    ),
    InjectedFault(
        "half of all pages fail",
        origins.origins_refuse_some,
        "ScrapUpstreamFailing",
        "warning",
        90,
        r'[1-9][0-9]* "reason":"upstream_status"',
        (40, 60),
        "half of all pages: 502",
    ),
    InjectedFault(
        "previews vanish with 200",
        origins.previews_vanish,
        "ScrapPreviewsMissing",
        "warning",
        75,
        r'[1-9][0-9]* "target_host":"web\.scrap\.svc"',
        notices="an empty object for each page",
    ),
    InjectedFault(
        "each DNS look-up 0.4 s slower",
        origins.dns_slow,
        "ScrapSlowerThanUsual",
        "warning",
        90,
        r'^\{.*phase="dns"\} [1-9]',
        notices="every new page takes nearly two seconds longer",
    ),
    InjectedFault(
        "shared cache 180 ms slower",
        caches.cache_slow,
        "ScrapSlowerThanUsual",
        "warning",
        90,
        r'^\{.*phase="shared_cache"\} [1-9]',
        notices="every new page takes a fifth of a second longer",
        first=frozenset({SLOWER, "ScrapSharedCacheDown/warning"}),  # where a look-up takes longer than it may
    ),
    InjectedFault(
        "shared cache full",
        caches.cache_full,
        "ScrapSharedCacheWritesFailing",
        "warning",
        60,
        r'^\{result="out_of_memory"\} [1-9]',
        together="targets, cache and rollout",
    ),
    InjectedFault(
        "shared cache read-only",
        caches.cache_read_only,
        "ScrapSharedCacheWritesFailing",
        "warning",
        60,
        r'^\{result="read_only"\} [1-9]',
    ),
    InjectedFault(
        "a flood from one client",
        origins.flood,
        "ScrapRejectingLoad",
        "warning",
        90,
        r'"rejections":[1-9][^}]*"user_agent":"batch/1\.0"',
        (0, 100),
        "some requests: 503 at once",
        first=frozenset({"ScrapRejectingLoad/warning", "ScrapErrorBudgetBurn/critical", "ScrapUpstreamSlow/info"}),
        companions=BUDGETS | {"ScrapUpstreamSlow/info", "ScrapAtMaximum/warning", SLOWER},
    ),
    InjectedFault(
        "a CPU limit of 75m, and impatient clients",
        workloads.throttled,
        "ScrapClientsGiveUp",
        "critical",
        120,
        r'^\{pod=".*"\} 0\.075$',
        (0, 90),
        "those with a patience of 1.2 seconds have no response, the others a late one",
        first=STARVED,  # seconds apart, for a pod without CPU is late for everything
        companions=STARVED
        | BUDGETS
        | FAILING
        | {"ScrapTooFewHealthyPods/warning", "ScrapAtMaximum/warning", "ScrapPodOutlier/critical"},
    ),
    InjectedFault(
        "one pod of two out of file descriptors",
        workloads.out_of_descriptors,
        "ScrapPodOutlier",
        "critical",
        90,
        r"Too many open files|exhausted",
        (40, 90),
        "503 from one of the pods",
        first=frozenset({"ScrapResourcesExhausted/warning"}),
        companions=BUDGETS | {"ScrapRejectingLoad/warning"},
    ),
    InjectedFault(
        "a pod that restarts again and again",
        workloads.restarted,
        "ScrapPodRestarting",
        "warning",
        90,
        r"Exit Code: +137",
        (80, 100),
        "the calls in it have no response",
        # In the chart it waits for ten minutes, which is longer than Kubernetes waits between two starts.
        first=frozenset({"ScrapPodRestarting/warning", "ScrapTooFewHealthyPods/warning"}),
    ),
    InjectedFault(
        "a rollout that crashes beside healthy pods",
        workloads.rollout_crashes,
        "ScrapRolloutStuck",
        "warning",
        90,
        r"'SCRAP_MAX_FETCHES'.*",
        companions=frozenset({"ScrapPodRestarting/warning"}),
        together="targets, cache and rollout",
    ),
    InjectedFault(
        "a deploy twice as slow",
        workloads.deploy_twice_as_slow,
        "",
        "",
        45,
        "",
        nobody="clients wait some milliseconds longer. Where that uses up the pods, the operator adds some, and "
        "ScrapAtMaximum fires; what a client would notice is three times the usual and 0.1 s (ScrapSlowerThanUsual)",
    ),
    InjectedFault(
        "kube-proxy gone on a node",
        parts.kube_proxy_gone,
        "",
        "",
        40,
        "",
        nobody="its rules in the kernel stay, and only later changes of Services are missed. kube-prometheus-stack has "
        "KubeProxyDown, for whoever runs the cluster",
    ),
    InjectedFault(
        "Alertmanager lost while a critical alert fires",
        monitoring.alertmanager_lost_while_critical,
        "ScrapOperatorSourceDown",
        "warning",
        120,
        r"SourceUnavailable",
        (0, 60),
        "no page, by the fault that fires",
        way=Way.HEARTBEAT,
        first=frozenset({"ScrapUpstreamFailing/critical"}),
        companions=FAILING,
    ),
    InjectedFault(
        "Prometheus's disk full",
        monitoring.prometheus_disk_full,
        "ScrapMonitoringRejected",
        "warning",
        75,
        r"no space left on device",
        around=monitoring.small_prometheus,
    ),
    InjectedFault(
        "conntrack table of a node nearly full",
        parts.conntrack_nearly_full,
        "ScrapNodeConntrack",
        "warning",
        90,
        r"^net.netfilter.nf_conntrack_count = [1-9][0-9]{5}$",
    ),
    InjectedFault(
        "kubelet gone",
        parts.kubelet_gone,
        "ScrapNodeNotReady",
        "warning",
        120,
        r"Ready +Unknown .*NodeStatusUnknown",
        prepared=breaking.spread,
        companions=frozenset({"ScrapTooFewHealthyPods/warning"}),
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


def groups() -> list[tuple[InjectedFault, ...]]:
    """The faults, those together that are made at once."""
    found: dict[str, list[InjectedFault]] = {}
    for fault in FAULTS:
        found.setdefault(fault.together or fault.name, []).append(fault)
    return [tuple(group) for group in found.values()]
