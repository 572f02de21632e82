"""Every metric that a panel may name, with the labels it has: ours from what exports them, the others by hand."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from scrap_operator.telemetry import OperatorMetrics

ROOT = Path(__file__).parents[2]
RULES = ROOT / "charts" / "scrap" / "rules"

# What Prometheus gives every series of a target.
_TARGET = frozenset({"namespace", "job", "pod", "instance"})
_NODE = frozenset({"instance", "nodename", "device"})
# What a Prometheus that holds several clusters has of every series.
_CLUSTER = frozenset({"cluster"})

# Of the stack around us; tests/cluster/dashboards asks a real one whether it has them.
STACK: Mapping[str, frozenset[str]] = {
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "namespace"}),
    "up": _TARGET,
    "kube_deployment_spec_replicas": frozenset({"namespace", "deployment"}),
    "kube_deployment_status_replicas_ready": frozenset({"namespace", "deployment"}),
    "kube_horizontalpodautoscaler_spec_max_replicas": frozenset({"namespace", "horizontalpodautoscaler"}),
    "kube_horizontalpodautoscaler_spec_min_replicas": frozenset({"namespace", "horizontalpodautoscaler"}),
    "kube_node_status_condition": frozenset({"node", "condition", "status"}),
    "kube_pod_container_resource_limits": frozenset({"namespace", "pod", "container", "resource"}),
    "kube_pod_info": frozenset({"namespace", "pod", "node"}),
    "kube_replicaset_spec_replicas": frozenset({"namespace", "replicaset"}),
    "node_cpu_seconds_total": _NODE | {"mode"},
    "node_disk_io_time_seconds_total": _NODE,
    "node_disk_read_bytes_total": _NODE,
    "node_disk_written_bytes_total": _NODE,
    "node_filesystem_avail_bytes": _NODE | {"fstype", "mountpoint"},
    "node_filesystem_files": _NODE | {"fstype", "mountpoint"},
    "node_filesystem_files_free": _NODE | {"fstype", "mountpoint"},
    "node_filesystem_size_bytes": _NODE | {"fstype", "mountpoint"},
    "node_memory_MemAvailable_bytes": _NODE,
    "node_memory_MemTotal_bytes": _NODE,
    "node_network_receive_bytes_total": _NODE,
    "node_network_receive_drop_total": _NODE,
    "node_network_transmit_bytes_total": _NODE,
    "node_network_transmit_drop_total": _NODE,
    "node_uname_info": _NODE,
}


def _series(name: str, kind: str, labels: frozenset[str]) -> dict[str, frozenset[str]]:
    if kind != "histogram":
        return {name: labels}
    return {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}


def service() -> dict[str, frozenset[str]]:
    """What the service exports, as docs/metrics.md says (and a test of its own holds it to)."""
    found: dict[str, frozenset[str]] = {}
    for line in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[1] in {"counter", "gauge", "histogram"}:
            labels = frozenset(re.findall(r"`(\w+)`", cells[2]))
            found |= _series(cells[0].strip("`"), cells[1], labels | _TARGET)
    return found


def operator() -> dict[str, frozenset[str]]:
    """What the operator exports, as it says itself."""
    labels = frozenset({"alertscaler", "reason", "direction", "rule", "type"})
    found: dict[str, frozenset[str]] = {}
    for line in OperatorMetrics(lambda: 0.0).render().decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            found |= _series(name, kind, labels | _TARGET)
    return found


def recorded() -> dict[str, frozenset[str]]:
    """What our rules record."""
    labels = frozenset({"namespace", "job", "pod", "fault"}) | _NODE
    return {
        rule["record"]: labels
        for path in RULES.glob("*.yaml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    }


def everything() -> dict[str, frozenset[str]]:
    """All of them."""
    found = {**STACK, **operator(), **service(), **recorded()}
    return {name: labels | _CLUSTER for name, labels in found.items()}
