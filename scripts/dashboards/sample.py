"""Two made-up hours of a release, for pictures of its dashboards where there is no cluster: `make dashboards-pictures`.

    python -m scripts.dashboards.sample FILE

writes them in OpenMetrics, which `promtool tsdb create-blocks-from openmetrics` takes. In them a third of the origins
hang for a quarter of an hour, the slots fill, the service is scaled out, a rollout follows, and a disk grows.
"""

import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from scrap.telemetry.buckets import SECONDS

STEP = 15  # seconds between two scrapes
TICKS = 2 * 3600 // STEP
HANG = range(int(TICKS * 0.55), int(TICKS * 0.68))
SCALED = range(int(TICKS * 0.58), int(TICKS * 0.86))
ROLLOUT = int(TICKS * 0.75)
SERVICE = 'namespace="shop",job="scrap"'
STATE = 'job="kube-state-metrics",namespace="shop"'
OPERATOR = 'namespace="shop",job="scrap-operator",alertscaler="scrap"'

# Of each outcome: its share of the requests, usual and while origins hang; its status, fault and usual duration.
OUTCOMES = {
    "ok": (0.86, 0.55, 200, "none", 0.06),
    "no_open_graph": (0.08, 0.05, 200, "none", 0.05),
    "caller_error": (0.01, 0.01, 400, "caller", 0.001),
    "blocked": (0.006, 0.006, 403, "caller", 0.001),
    "upstream_error": (0.025, 0.03, 502, "web", 0.2),
    "timeout": (0.018, 0.33, 504, "web", 4.5),
    "shed": (0.0, 0.024, 503, "service", 0.0012),
    "internal_error": (0.00005, 0.0, 500, "service", 0.02),
}
REASONS = {
    "upstream_status": ("upstream_error", "web", 0.7),
    "connect_failed": ("upstream_error", "web", 0.3),
    "timeout_connect": ("timeout", "web", 0.8),
    "timeout_read": ("timeout", "web", 0.2),
    "url_scheme": ("caller_error", "caller", 1.0),
    "blocked": ("blocked", "caller", 1.0),
    "full": ("shed", "service", 1.0),
    "internal": ("internal_error", "service", 1.0),
}
PHASES = {
    "shared_cache": 0.0011,
    "wait": 0.0006,
    "dns": 0.004,
    "connect": 0.03,
    "first_byte": 0.09,
    "body": 0.02,
    "parse": 0.004,
}
ALERTS = {
    ("ScrapUpstreamFailing", "warning"): range(HANG[30], HANG[-1] + 12),
    ("ScrapSaturated", "none"): range(HANG[6], HANG[-1] + 6),
    ("ScrapScaleInUnsafe", "none"): range(HANG[6], HANG[-1] + 66),
    ("ScrapNodeDiskGrowing", "warning"): range(TICKS - 90, TICKS + 1),
}

Sample = Mapping[str, float]


class Counters:
    """Counters and histograms that only grow."""

    def __init__(self) -> None:
        self.values: dict[str, float] = defaultdict(float)

    def add(self, series: str, value: float) -> None:
        """Adds to a counter; 0 makes it exist."""
        self.values[series] += value

    def observe(self, name: str, labels: str, count: float, mean: float) -> None:
        """Adds durations that are spread around a mean."""
        for bound in (*SECONDS, math.inf):
            share = 1 / (1 + (mean * 0.7 / bound) ** 2.2) if bound < math.inf else 1
            limit = "+Inf" if bound == math.inf else f"{float(bound):g}"
            self.add(f'{name}_bucket{{{labels},le="{limit}"}}', count * share)
        self.add(f"{name}_sum{{{labels}}}", count * mean)
        self.add(f"{name}_count{{{labels}}}", count)


def samples() -> Iterator[Sample]:
    """Yields what each scrape reads."""
    chance = random.Random(22)  # noqa: S311 - made up
    counters = Counters()
    for tick in range(TICKS + 1):
        version = "6d5f7c9b8d" if tick < ROLLOUT else "7c8b6d5f4e"
        pods = [f"scrap-{version}-{end}" for end in ("abcde", "fghij", "klmno")[: 3 if tick in SCALED else 2]]
        gauges: dict[str, float] = {}
        for pod in pods:
            _pod(counters, gauges, pod, tick, 1 / len(pods), chance)
        _state(gauges, tick, pods)
        _operator(counters, gauges, tick)
        _nodes(counters, gauges, tick, chance)
        gone = f'{SERVICE},pod="'
        shown = {name: value for name, value in counters.values.items() if gone not in name or _of(name, pods)}
        for fault in ("none", "caller", "web", "service"):
            found = [
                value for name, value in counters.values.items() if "requests_total" in name and f'"{fault}"' in name
            ]
            before = 4_812_345 if fault == "none" else 30_000
            gauges[f'scrap:calls:ever{{{SERVICE},fault="{fault}"}}'] = before + sum(found)
        for pod in pods:
            seen = [value for name, value in shown.items() if "requests_total" in name and pod in name]
            gauges[f'scrap:calls:seen{{{SERVICE},pod="{pod}"}}'] = sum(seen)
        yield {**shown, **gauges}


def _of(series: str, pods: list[str]) -> bool:
    return any(f'pod="{pod}"' in series for pod in pods)


def _pod(counters: Counters, gauges: dict[str, float], pod: str, tick: int, part: float, chance: random.Random) -> None:
    labels = f'{SERVICE},pod="{pod}"'
    hangs = tick in HANG
    calls = STEP * part * (40 + 8 * math.sin(tick / 60) + chance.gauss(0, 2))
    for outcome, (usual, hanging, status, fault, mean) in OUTCOMES.items():
        count = calls * (hanging if hangs else usual) * chance.uniform(0.9, 1.1)
        counters.add(
            f'scrap_requests_total{{{labels},route="/api/v1/scrap",method="GET",status="{status}",'
            f'outcome="{outcome}",fault="{fault}"}}',
            count,
        )
        counters.observe(
            "scrap_request_duration_seconds", f'{labels},route="/api/v1/scrap",outcome="{outcome}"', count, mean
        )
        longest = min(8.1, mean * chance.uniform(8, 20)) if count >= 0.1 else 0
        gauges[f'scrap_request_duration_max_seconds{{{labels},route="/api/v1/scrap",outcome="{outcome}"}}'] = longest
        for reason, (of, its_fault, share) in REASONS.items():
            if of == outcome:
                series = f'scrap_failures_total{{{labels},reason="{reason}",outcome="{of}",fault="{its_fault}"}}'
                counters.add(series, count * share)
    fetches = calls * 0.4
    for phase, mean in PHASES.items():
        slow = {"connect": 40, "wait": 300}.get(phase, 1) if hangs else 1
        counters.observe("scrap_phase_duration_seconds", f'{labels},phase="{phase}"', fetches, mean * slow)
    for response, share in {
        "200": 0.8,
        "301": 0.06,
        "302": 0.05,
        "404": 0.05,
        "500": 0.02,
        "none": 0.5 if hangs else 0.02,
    }.items():
        counters.add(f'scrap_hops_total{{{labels},status="{response}"}}', fetches * share)
    for verdict, share in {"loopback": 0.004, "private": 0.002, "link_local": 0.0}.items():
        counters.add(f'scrap_targets_blocked_total{{{labels},verdict="{verdict}"}}', calls * share)
    for level, state, share in (
        ("memory", "fresh", 0.6),
        ("memory", "miss", 0.4),
        ("shared", "fresh", 0.12),
        ("shared", "miss", 0.28),
    ):
        counters.add(f'scrap_cache_lookups_total{{{labels},level="{level}",state="{state}"}}', calls * share)
    for result, share in {"stored": 0.3, "out_of_memory": 0.0}.items():
        counters.add(f'scrap_cache_shared_writes_total{{{labels},result="{result}"}}', calls * share)
    counters.add(f"scrap_flights_joined_total{{{labels}}}", calls * 0.03)
    counters.add(f"scrap_fetch_received_bytes_sum{{{labels}}}", fetches * 28_000)
    counters.add(f"scrap_fetch_decoded_bytes_sum{{{labels}}}", fetches * 130_000)
    busy = chance.uniform(0.1, 0.2) + (0.72 if hangs and tick not in SCALED[8:] else 0.45 if hangs else 0)
    counters.add(f"process_cpu_seconds_total{{{labels}}}", STEP * (0.22 + 0.08 * chance.random()))
    gauges |= {
        f"scrap_admission_saturation_ratio{{{labels}}}": min(1, busy),
        f"scrap_admission_in_flight{{{labels}}}": round(64 * min(1, busy)),
        f"scrap_admission_waiting{{{labels}}}": chance.randint(2, 30) if busy > 0.8 else 0,
        f"scrap_admission_capacity{{{labels}}}": 64,
        f"scrap_cpu_limit_cores{{{labels}}}": 1,
        f"scrap_event_loop_lag_max_seconds{{{labels}}}": chance.uniform(0.01, 0.02),
        f"process_resident_memory_bytes{{{labels}}}": 130e6 + 30e6 * min(1, tick / 300) + 2e6 * chance.random(),
        f"process_open_fds{{{labels}}}": 60 + round(90 * min(1, busy)),
        f"process_max_fds{{{labels}}}": 1024,
        f'scrap_build_info{{{labels},version="1.0.0",python="3.13.1"}}': 1,
        f"up{{{labels}}}": 1,
    }


def _state(gauges: dict[str, float], tick: int, pods: list[str]) -> None:
    of_it = f'{STATE},deployment="scrap"'
    ready = len(pods) - (1 if tick in range(SCALED[0], SCALED[0] + 3) else 0)
    gauges[f"kube_deployment_spec_replicas{{{of_it}}}"] = len(pods)
    gauges[f"kube_deployment_status_replicas_ready{{{of_it}}}"] = ready
    gauges[f"kube_deployment_status_replicas_available{{{of_it}}}"] = ready
    for number, version in enumerate(("6d5f7c9b8d", "7c8b6d5f4e")):
        runs = (tick >= ROLLOUT) == bool(number)
        gauges[f'kube_replicaset_spec_replicas{{{STATE},replicaset="scrap-{version}"}}'] = len(pods) if runs else 0
    for number, pod in enumerate(pods):
        gauges[f'kube_pod_info{{{STATE},pod="{pod}",node="node-{number % 3 + 1}"}}'] = 1
        limits = f'{STATE},pod="{pod}",container="scrap",resource="memory"'
        gauges[f"kube_pod_container_resource_limits{{{limits}}}"] = 512 * 2**20
    limits = f'{STATE},pod="scrap-operator-5f4d8c7b6-qwert",container="operator",resource="memory"'
    gauges[f"kube_pod_container_resource_limits{{{limits}}}"] = 128 * 2**20
    for (name, severity), when in ALERTS.items():
        if tick in when:
            gauges[f'ALERTS{{namespace="shop",alertname="{name}",alertstate="firing",severity="{severity}"}}'] = 1


def _operator(counters: Counters, gauges: dict[str, float], tick: int) -> None:
    scaled = tick in SCALED
    hold = tick in ALERTS["ScrapScaleInUnsafe", "none"]
    reason = "ScaledOut" if tick == SCALED[0] else "Hold" if hold else "Steady"
    for each in ("ScaledOut", "ScaledIn", "Hold", "Steady"):
        counters.add(f'scrap_operator_decisions_total{{{OPERATOR},reason="{each}"}}', float(each == reason))
    for direction, at in (("Up", SCALED[0]), ("Down", SCALED[-1] + 1)):
        counters.add(f'scrap_operator_scalings_total{{{OPERATOR},direction="{direction}"}}', float(tick == at))
    counters.add(f'scrap_operator_problems_total{{{OPERATOR},reason="Conflict"}}', 0)
    counters.observe("scrap_operator_poll_seconds", OPERATOR, 1, 0.012)
    process = 'namespace="shop",job="scrap-operator",pod="scrap-operator-5f4d8c7b6-qwert"'
    counters.add(f"process_cpu_seconds_total{{{process}}}", STEP * 0.008)
    gauges |= {
        f"process_resident_memory_bytes{{{process}}}": 61e6,
        f"up{{{process}}}": 1,
        f"scrap_operator_loop_age_seconds{{{process}}}": 4 + tick % 9,
        f"scrap_operator_source_up{{{OPERATOR}}}": 1,
        f"scrap_operator_desired_replicas{{{OPERATOR}}}": 3 if scaled else 2,
        f"scrap_operator_current_replicas{{{OPERATOR}}}": 3 if scaled else 2,
        f"scrap_operator_min_replicas{{{OPERATOR}}}": 2,
        f"scrap_operator_max_replicas{{{OPERATOR}}}": 6,
        f'scrap_operator_rule_firing{{{OPERATOR},rule="saturated"}}': float(tick in ALERTS["ScrapSaturated", "none"]),
        f'scrap_operator_rule_firing{{{OPERATOR},rule="scale-in-unsafe"}}': float(hold),
    }
    for kind, value in {"Ready": 1, "SourceAvailable": 1, "Conflict": 0, "Limited": 0}.items():
        gauges[f'scrap_operator_condition{{{OPERATOR},type="{kind}"}}'] = value


def _nodes(counters: Counters, gauges: dict[str, float], tick: int, chance: random.Random) -> None:
    for number in (1, 2, 3):
        node = f'job="node-exporter",instance="10.0.0.{number}:9100"'
        load = 0.25 + 0.1 * number + chance.uniform(-0.05, 0.05)
        counters.add(f'node_cpu_seconds_total{{{node},cpu="0",mode="idle"}}', STEP * (1 - load))
        counters.add(f'node_cpu_seconds_total{{{node},cpu="0",mode="user"}}', STEP * load)
        for way, scale in (("receive", 900_000), ("transmit", 400_000)):
            counters.add(
                f'node_network_{way}_bytes_total{{{node},device="eth0"}}',
                STEP * scale * number * chance.uniform(0.8, 1.2),
            )
            counters.add(f'node_network_{way}_drop_total{{{node},device="eth0"}}', 0)
        for way, scale in (("read", 200_000), ("written", 900_000)):
            counters.add(f'node_disk_{way}_bytes_total{{{node},device="sda"}}', STEP * scale * chance.uniform(0.5, 1.5))
        counters.add(f'node_disk_io_time_seconds_total{{{node},device="sda"}}', STEP * chance.uniform(0.02, 0.1))
        disk = f'{node},device="/dev/sda",mountpoint="/",fstype="ext4"'
        grown = 0.12 * max(0, tick - TICKS + 150) / 150 if number == 2 else 0
        free = 0.62 - 0.12 * number - 0.00002 * tick - grown
        gauges |= {
            f"up{{{node}}}": 1,
            f'node_uname_info{{{node},nodename="node-{number}"}}': 1,
            f"node_memory_MemTotal_bytes{{{node}}}": 16e9,
            f"node_memory_MemAvailable_bytes{{{node}}}": 16e9 * (0.7 - 0.1 * number),
            f"node_filesystem_size_bytes{{{disk}}}": 100e9,
            f"node_filesystem_avail_bytes{{{disk}}}": 100e9 * free,
            f"node_filesystem_readonly{{{disk}}}": 0,
            f"node_filesystem_files{{{disk}}}": 6e6,
            f"node_filesystem_files_free{{{disk}}}": 6e6 * (0.9 - 0.1 * number),
            f'kube_node_status_condition{{{STATE},node="node-{number}",condition="Ready",status="true"}}': 1,
        }


def main() -> None:
    """Writes them, to end now."""
    end = time.time() // STEP * STEP
    series: dict[str, list[str]] = defaultdict(list)
    for tick, found in enumerate(samples()):
        at = end - (TICKS - tick) * STEP
        for name, value in found.items():
            series[name].append(f"{name} {value:.10g} {at:.0f}")
    lines = [line for name in sorted(series) for line in series[name]]
    Path(sys.argv[1]).write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
