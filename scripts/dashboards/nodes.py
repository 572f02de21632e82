"""Nodes: the servers under the service."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models.dashboard import Dashboard

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

_CPU = by_server('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))')
_MEMORY = by_server("1 - min by (instance) (node_memory_MemAvailable_bytes{} / node_memory_MemTotal_bytes{})")
_LOAD = 'max by (instance) (node_load1{}) / count by (instance) (node_cpu_seconds_total{mode="idle"})'
# What the alerts see, recorded by their rules: one series a disk, wherever it is mounted. $disk_… are their values.
_LEFT = "max by (nodename, device) (scrap:node_filesystem_avail:ratio{})"
_LEVEL = f"1 - {_LEFT}"
_GROWTH = "max by (nodename, device) (scrap:node_filesystem_fill:rate{})"
_USUAL = "max by (nodename, device) (scrap:node_filesystem_fill:usual{})"
# A trend leads anywhere, but no disk is fuller than full.
_PREDICTED = (
    "clamp(1 - min by (nodename, device) "
    "(predict_linear(scrap:node_filesystem_avail:ratio{}[$disk_window], $disk_within)), 0, 1)"
)
_DISK = "{{nodename}} {{device}}"

_STATES = (State(1, "ready", GREEN), State(0, "not ready", RED))
_FULL = Steps(0.85, 0.9)
_BOUNDS = {"rather full": ORANGE, "evicts": RED}
# What the dashboard has of the alerts; the chart sets them to what the alerts are set to.
_CONSTANTS = {
    "disk_window": ("30m", "Over how long a disk's growth is measured."),
    "disk_within": ("4h", "How far ahead is looked."),
    "disk_full": ("0.15", "Share below which a disk is rather full."),
    "disk_evicts": ("0.1", "Share below which the kubelet evicts."),
    "disk_times": ("3", "How many times what is usual is unusual."),
    "disk_above": ("0.01", "Share of its size an hour below which no growth is unusual."),
    "disk_inodes": ("0.1", "Share of the inodes below which few are left."),
}


def _worst(expression: str) -> str:
    """Of the disks of each server, the worst."""
    return f"max by (nodename) ({expression})"


def _bounds() -> list[Query]:
    """Lines from which on the alerts look: rather full, and where the kubelet evicts."""
    return [Query("vector(1 - $disk_full)", "rather full"), Query("vector(1 - $disk_evicts)", "evicts")]


def _glance(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("How many servers are healthy?"))
    found = found.with_panel(
        number(
            "Healthy servers",
            "Nodes that are ready, and nodes there are.",
            "none",
            Query(f"sum({READY})", "healthy", instant=True),
            Query(f"count({READY})", "there are", instant=True),
            width=5,
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Not healthy",
            "Nodes that are not ready: their pods are moved away after five minutes.",
            "none",
            Query(f"count({READY} == 0) or vector(0)", "not ready"),
            steps=Steps(1, 2),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Busiest CPU",
            "Share of all its cores, of the server where it is highest.",
            "percentunit",
            Query(f"max({_CPU})", "busiest"),
            width=4,
            steps=Steps(0.8, 0.95),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Fullest memory",
            "Share that cannot be had without swapping or ending something, of the server where it is highest.",
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
            "At 90 % the kubelet begins to throw pods out.",
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
            "In $disk_within, if all goes on as in the last $disk_window. Far above the level now: a disk fills; act "
            "before the kubelet does.",
            "percentunit",
            Query(f"max({_PREDICTED})", "predicted"),
            width=4,
            steps=_FULL,
            decimals=0,
        )
    )


def _servers(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Each server"))
    pods = 'count by (node) (max by (node, pod) (kube_pod_info{@namespace, pod=~"$job-.*"}))'
    found = found.with_panel(
        rows(
            "Servers, now",
            "One a row. Exporter: whether node-exporter answers; without it the row's other figures are missing.",
            "nodename",
            "Server",
            Column(Query(named_server(READY), "State"), "none", states=_STATES),
            Column(
                Query(f"min by (nodename) ({by_server('up{}')})", "Exporter"),
                "none",
                states=(State(1, "up", GREEN), State(0, "down", RED)),
            ),
            Column(Query(f"max by (nodename) ({_CPU})", "CPU"), "percentunit", Steps(0.8, 0.95)),
            Column(Query(f"max by (nodename) ({_MEMORY})", "Memory"), "percentunit", Steps(0.85, 0.95)),
            Column(Query(_worst(_LEVEL), "Fullest disk"), "percentunit", _FULL),
            Column(Query(_worst(_GROWTH), "Growth an hour"), "percentunit", Steps(0.01, 0.1)),
            Column(Query(_worst(_PREDICTED), "Predicted"), "percentunit", _FULL),
            Column(Query(named_server(pods), "Our pods"), "none"),
            width=24,
            height=7,
        )
    )
    return found.with_panel(
        states(
            "State",
            "Whether each node was ready, as the control plane saw it.",
            Query(named_server(READY), "{{nodename}}"),
            meanings=_STATES,
        )
    )


def _work(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("CPU and memory"))
    found = found.with_panel(
        lines(
            "CPU",
            "Share of all cores in use.",
            "percentunit",
            Query(_CPU, "{{nodename}}"),
            highest=1,
            steps=Steps(0.8, 0.95),
        )
    )
    found = found.with_panel(
        lines(
            "Load a core",
            "Processes that run or wait, for each core. Above 1 they wait for each other, or for a disk.",
            "short",
            Query(by_server(_LOAD), "{{nodename}}"),
            steps=Steps(1, 2),
        )
    )
    return found.with_panel(
        lines(
            "Memory",
            "Share that cannot be had without swapping or ending something.",
            "percentunit",
            Query(_MEMORY, "{{nodename}}"),
            highest=1,
            steps=Steps(0.85, 0.95),
        )
    )


def _disks(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Disks: full is not the same as filling"))
    found = found.with_panel(
        lines(
            "Level",
            "Share of each disk that is taken. High and flat: no hurry.",
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
            "Growth an hour",
            "Share of its size by which a disk grows an hour, fitted to the last $disk_window; and dashed, for each, "
            "the line above which that is $disk_times times what is usual there. Above it somebody should look, at any "
            "level.",
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
            "Level, predicted",
            "In $disk_within, if it goes on as in the last $disk_window. Above the red line: act now.",
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
            "Inodes",
            "Share of the files that a disk can hold. Many small ones fill it as well.",
            "percentunit",
            Query("1 - max by (nodename, device) (scrap:node_filesystem_files:ratio{})", _DISK),
            Query("vector(1 - $disk_inodes)", "few left"),
            highest=1,
            colors={"few left": RED},
            dashed=["few left"],
        )
    )
    disk_bytes = "sum by (instance) (rate(node_disk_{}_bytes_total{{}}[$__rate_interval]))"
    found = found.with_panel(
        lines(
            "Reads and writes",
            "Bytes a second. Reads are above the line, writes below.",
            "Bps",
            Query(by_server(disk_bytes.format("read")), "{{nodename}} reads"),
            Query("-" + by_server(disk_bytes.format("written")), "{{nodename}} writes"),
            signed=True,
        )
    )
    return found.with_panel(
        lines(
            "Busy disks",
            "Share of the time in which a disk had something to do.",
            "percentunit",
            Query(
                by_server("max by (instance) (rate(node_disk_io_time_seconds_total{}[$__rate_interval]))"),
                "{{nodename}}",
            ),
            highest=1,
            steps=Steps(0.8, 0.95),
        )
    )


def _network(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Network"))
    flow = f"sum by (instance) (rate(node_network_{{}}_total{{{{{_WIRE}}}}}[$__rate_interval]))"
    found = found.with_panel(
        lines(
            "In and out",
            "Bytes a second through the servers' own interfaces. In is above the line, out below.",
            "Bps",
            Query(by_server(flow.format("receive_bytes")), "{{nodename}} in"),
            Query("-" + by_server(flow.format("transmit_bytes")), "{{nodename}} out"),
            width=12,
            signed=True,
        )
    )
    troubles = {
        "errors in": "receive_errs",
        "errors out": "transmit_errs",
        "dropped in": "receive_drop",
        "dropped out": "transmit_drop",
    }
    return found.with_panel(
        lines(
            "Errors and drops",
            "Packets a second that were broken, or that nobody had room for. Anything but 0 is worth a look.",
            "pps",
            *(
                Query(by_server(flow.format(metric)), f"{{{{nodename}}}} {trouble}")
                for trouble, metric in troubles.items()
            ),
            width=12,
        )
    )


def build() -> Dashboard:
    """The dashboard."""
    found = board("nodes", "scrap / Nodes", "The servers under scrap: how many are healthy, and what they run out of.")
    for name, (value, description) in _CONSTANTS.items():
        found = found.with_variable(dashboards.ConstantVariable(name).value(value).description(description))
    for section in (_glance, _servers, _work, _disks, _network):
        found = section(found)
    return found.build()
