"""Nodes: the nodes of the cluster."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardLinkType

from scripts.dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    Column,
    Query,
    State,
    Steps,
    board,
    lines,
    number,
    rows,
    states,
)
from scripts.dashboards.promql import READY, by_server, named_server

_WIRE = 'device!~"lo|veth.+|cali.+|cni.+|flannel.+|docker.+|br-.+|tun.+|lxc.+|kube-.+|nodelocaldns|dummy.+"'

_CPU = by_server('1 - avg by (instance) (rate(node_cpu_seconds_total{@cluster, mode="idle"}[$__rate_interval]))')
_WIRES = f"sum by (instance) (rate(node_network_{{}}_total{{{{@cluster, {_WIRE}}}}}[$__rate_interval]))"
_NETWORK = by_server(f"{_WIRES.format('receive_bytes')} + {_WIRES.format('transmit_bytes')}")
_DROPS = by_server(f"{_WIRES.format('receive_drop')} + {_WIRES.format('transmit_drop')}")
_MEMORY = by_server(
    "1 - min by (instance) (node_memory_MemAvailable_bytes{@cluster} / node_memory_MemTotal_bytes{@cluster})"
)
# Recorded by the alerts' rules: one series per disk, whatever its mount points. $disk_… are the alerts' values.
_LEFT = "max by (nodename, device) (scrap:node_filesystem_avail:ratio{@cluster})"
_LEVEL = f"1 - {_LEFT}"
_GROWTH = "max by (nodename, device) (scrap:node_filesystem_fill:rate{@cluster})"
_USUAL = "max by (nodename, device) (scrap:node_filesystem_fill:usual{@cluster})"
# A prediction can exceed the disk's size.
_PREDICTED = (
    "clamp(1 - min by (nodename, device) "
    "(predict_linear(scrap:node_filesystem_avail:ratio{@cluster}[$disk_window], $disk_within)), 0, 1)"
)
_DISK = "{{nodename}} {{device}}"

_STATES = (State(1, "ready", GREEN), State(0, "not ready", RED))
_FULL = Steps(0.85, 0.9)
_BOUNDS = {"nearly full": ORANGE, "evicts": RED}
# Values of the alerts; the chart sets them.
_CONSTANTS = {
    "disk_window": ("30m", "Window over which a disk's growth is measured."),
    "disk_within": ("4h", "How far ahead the level is predicted."),
    "disk_full": ("0.15", "Free share below which a disk is nearly full."),
    "disk_evicts": ("0.1", "Free share below which the kubelet evicts."),
    "disk_times": ("3", "Multiple of the usual growth above which growth is unusual."),
    "disk_above": ("0.01", "Growth per hour, as a share of the size, below which no growth is unusual."),
    "disk_inodes": ("0.1", "Share of the inodes below which few are left."),
}


def _worst(expression: str) -> str:
    """The worst disk of each node."""
    return f"max by (nodename) ({expression})"


def _bounds() -> list[Query]:
    """The thresholds of the alerts: nearly full, and where the kubelet evicts."""
    return [Query("vector(1 - $disk_full)", "nearly full"), Query("vector(1 - $disk_evicts)", "evicts")]


def _glance(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Health"))
    found = found.with_panel(
        number(
            "Ready nodes",
            "Nodes that are ready, and all nodes.",
            "none",
            Query(f"sum({READY})", "ready", instant=True),
            Query(f"count({READY})", "all", instant=True),
            width=5,
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Nodes not ready",
            "Kubernetes evicts the pods of these nodes after five minutes.",
            "none",
            Query(f"count({READY} == 0) or vector(0)", "not ready"),
            steps=Steps(1, 2),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Busiest CPU",
            "Share of all cores, of the node where it is highest.",
            "percentunit",
            Query(f"max({_CPU})", "busiest"),
            width=4,
            steps=Steps(0.8, 0.95),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Highest memory",
            "Share that is in use and cannot be freed without swapping or killing, of the node where it is highest.",
            "percentunit",
            Query(f"max({_MEMORY})", "fullest"),
            width=4,
            steps=Steps(0.85, 0.95),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Fullest disk",
            "At 90 % the kubelet begins to evict pods.",
            "percentunit",
            Query(f"max({_LEVEL})", "fullest"),
            width=4,
            steps=_FULL,
            decimals=0,
        )
    )
    return found.with_panel(
        number(
            "Fullest disk, predicted",
            "In $disk_within, if the growth of the last $disk_window continues. If it is far above the present level, "
            "a disk fills: act before the kubelet evicts.",
            "percentunit",
            Query(f"max({_PREDICTED})", "predicted"),
            width=4,
            steps=_FULL,
            decimals=0,
        )
    )


def _servers(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Nodes"))
    pods = 'count by (node) (max by (node, pod) (kube_pod_info{@namespace, pod=~"$job-.*"}))'
    found = found.with_panel(
        rows(
            "Nodes, now",
            "One node per row. Exporter: whether node-exporter responds; without it the row's other values are "
            "missing. Network: bytes per second in and out; drops: packets per second. The link Node Exporter above "
            "leads to kube-prometheus-stack's dashboards, which have each of them over time.",
            "nodename",
            "Node",
            Column(Query(named_server(READY), "State"), "none", states=_STATES),
            Column(
                Query(f"min by (nodename) ({by_server('up{@cluster}')})", "Exporter"),
                "none",
                states=(State(1, "up", GREEN), State(0, "down", RED)),
            ),
            Column(Query(f"max by (nodename) ({_CPU})", "CPU"), "percentunit", Steps(0.8, 0.95)),
            Column(Query(f"max by (nodename) ({_MEMORY})", "Memory"), "percentunit", Steps(0.85, 0.95)),
            Column(Query(f"max by (nodename) ({_NETWORK})", "Network"), "Bps"),
            Column(Query(f"max by (nodename) ({_DROPS})", "Drops"), "pps", Steps(1, 100)),
            Column(Query(_worst(_LEVEL), "Fullest disk"), "percentunit", _FULL),
            Column(Query(_worst(_GROWTH), "Growth per hour"), "percentunit", Steps(0.01, 0.1)),
            Column(Query(_worst(_PREDICTED), "Predicted"), "percentunit", _FULL),
            Column(Query(named_server(pods), "Pods of scrap"), "none"),
            width=24,
            height=7,
        )
    )
    return found.with_panel(
        states(
            "Node readiness",
            "Whether each node was ready, as the control plane reports it.",
            Query(named_server(READY), "{{nodename}}"),
            meanings=_STATES,
        )
    )


def _disks(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Disks: usage and growth"))
    found = found.with_panel(
        lines(
            "Disk usage",
            "Used share of each disk. A high and constant level is not urgent.",
            "percentunit",
            Query(_LEVEL, _DISK),
            *_bounds(),
            highest=1,
            colors=_BOUNDS,
            dashed=list(_BOUNDS),
        )
    )
    found = found.with_panel(
        lines(
            "Disk growth per hour",
            "Growth of each disk per hour, as a share of its size, fitted to the last $disk_window. The dashed line is "
            "$disk_times times the usual growth. Above it, find out what writes, whatever the level.",
            "percentunit",
            Query(_GROWTH, _DISK),
            Query(f"clamp_min($disk_times * {_USUAL}, $disk_above)", f"{_DISK} unusual"),
            signed=True,
            colors={"/ unusual$/": RED},
            dashed=["/ unusual$/"],
        )
    )
    found = found.with_panel(
        lines(
            "Disk usage, predicted",
            "In $disk_within, if the growth of the last $disk_window continues. Above the red line: act now.",
            "percentunit",
            Query(_PREDICTED, _DISK),
            *_bounds(),
            highest=1,
            colors=_BOUNDS,
            dashed=list(_BOUNDS),
        )
    )
    found = found.with_panel(
        lines(
            "Inode usage",
            "Used share of the inodes of each disk. Many small files can use up all of them.",
            "percentunit",
            Query("1 - max by (nodename, device) (scrap:node_filesystem_files:ratio{@cluster})", _DISK),
            Query("vector(1 - $disk_inodes)", "few left"),
            highest=1,
            colors={"few left": RED},
            dashed=["few left"],
        )
    )
    disk_bytes = "sum by (instance) (rate(node_disk_{}_bytes_total{{@cluster}}[$__rate_interval]))"
    found = found.with_panel(
        lines(
            "Disk I/O",
            "Bytes per second. Reads are above the axis, writes below.",
            "Bps",
            Query(by_server(disk_bytes.format("read")), "{{nodename}} reads"),
            Query("-" + by_server(disk_bytes.format("written")), "{{nodename}} writes"),
            signed=True,
        )
    )
    return found.with_panel(
        lines(
            "Disk utilization",
            "Share of the time in which a disk was busy.",
            "percentunit",
            Query(
                by_server("max by (instance) (rate(node_disk_io_time_seconds_total{@cluster}[$__rate_interval]))"),
                "{{nodename}}",
            ),
            highest=1,
            steps=Steps(0.8, 0.95),
        )
    )


def build() -> Dashboard:
    """The dashboard."""
    found = board("nodes", "scrap / Nodes", "The nodes of the cluster: how many are ready, and whose disks fill.")
    stack = dashboards.DashboardLink("Node Exporter").type(DashboardLinkType.DASHBOARDS).tags(["node-exporter-mixin"])
    found = found.link(stack.as_dropdown(True).keep_time(True).icon("dashboard"))
    for name, (value, description) in _CONSTANTS.items():
        found = found.with_variable(dashboards.ConstantVariable(name).value(value).description(description))
    for section in (_glance, _servers, _disks):
        found = section(found)
    return found.build()
