"""Operator: its decisions, the state of its source, and its health."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models.dashboard import Dashboard

from scripts.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Query,
    State,
    Steps,
    board,
    lines,
    number,
    states,
)

_GOOD = (State(1, "yes", GREEN), State(0, "no", RED))
_FIRES = (State(1, "firing", ORANGE), State(0, "not firing", GREEN))
_BAD = (State(1, "yes", ORANGE), State(0, "no", GREEN))
# The operator's process has a job of its own.
_PROCESS = '@namespace, job="$job-operator"'


def _scaled(direction: str) -> str:
    """How often it scaled this way, exactly; `increase` is an estimate."""
    counted = f'scrap_operator_scalings_total{{@operator, direction="{direction}"}}'
    before = f"sum({counted} offset $__range)"
    return f"(sum(max_over_time({counted}[$__range])) or vector(0)) - ({before} or vector(0))"


def _glance(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Health"))
    found = found.with_panel(
        number(
            "Age of the last tick",
            "It polls four times a minute. If the age is much higher, it hangs, and the liveness probe restarts it.",
            "s",
            Query(f"max(scrap_operator_loop_age_seconds{{{_PROCESS}}})", "age"),
            width=4,
            steps=Steps(60, 180),
            nothing="no operator",
        )
    )
    found = found.with_panel(
        number(
            "Source of the alerts",
            "Whether Alertmanager responds and the heartbeat fires. While it is down, the operator does not scale in.",
            "none",
            Query("min(scrap_operator_source_up{@operator})", "up"),
            width=4,
            meanings=(State(1, "up", GREEN), State(0, "down", RED)),
            steps=Steps(1, 0.5, falling=True),
            decimals=0,
            nothing="no operator",
        )
    )
    found = found.with_panel(
        number(
            "Desired minus current replicas",
            "Difference between the replicas that the operator decided on and those in the Deployment's scale. If it "
            "lasts, the API server rejects the writes, or the mode is DryRun.",
            "none",
            Query(
                "abs(max(scrap_operator_desired_replicas{@operator}) "
                "- max(scrap_operator_current_replicas{@operator}))",
                "difference",
            ),
            width=4,
            steps=Steps(1, 3),
            decimals=0,
            nothing="no operator",
        )
    )
    found = found.with_panel(
        number(
            "Scalings, in this range",
            "Changes of the replicas that the operator wrote.",
            "none",
            Query(_scaled("Up"), "out", instant=True),
            Query(_scaled("Down"), "in", instant=True),
            width=6,
            decimals=0,
            nothing="0",
        )
    )
    return found.with_panel(
        number(
            "Errors, in this range",
            "The API server rejected a request or did not respond, or the AlertScaler is invalid. A few are harmless: "
            "the next tick retries.",
            "none",
            Query(
                "sum(increase(scrap_operator_problems_total{@operator}[$__range])) or vector(0)",
                "problems",
                instant=True,
            ),
            width=6,
            steps=Steps(1, 20),
            decimals=0,
        )
    )


def _decisions(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Decisions"))
    found = found.with_panel(
        lines(
            "Replicas",
            "decided: what the alerts request, within bounds and policies. scale: the replicas in the Deployment's "
            "scale. ready: the ready pods.",
            "none",
            Query("max(scrap_operator_desired_replicas{@operator})", "decided"),
            Query("max(scrap_operator_current_replicas{@operator})", "scale"),
            Query("max(kube_deployment_status_replicas_ready{@deployment})", "ready"),
            Query("max(scrap_operator_min_replicas{@operator})", "minimum"),
            Query("max(scrap_operator_max_replicas{@operator})", "maximum"),
            width=24,
            stepped=True,
            colors={"decided": ORANGE, "scale": BLUE, "ready": GREEN, "minimum": GREY, "maximum": RED},
            dashed=["minimum", "maximum"],
            decimals=0,
        )
    )
    found = found.with_panel(
        lines(
            "Load, in pods",
            "The load as a number of pods, each with all of its slots or its CPU in use, and the pods that are there. "
            "ScrapSaturated fires from 80 % of them on.",
            "none",
            Query("max(scrap:load:pods{@here})", "load"),
            Query("max(scrap:pods:count{@here})", "pods"),
            width=24,
            height=6,
            colors={"load": ORANGE, "pods": BLUE},
        )
    )
    found = found.with_panel(
        states(
            "Rules",
            "Which rules fire, as the operator sees it.",
            Query("max by (rule) (scrap_operator_rule_firing{@operator})", "{{rule}}"),
            meanings=_FIRES,
            height=4,
            nothing="no operator",
        )
    )
    return found.with_panel(
        lines(
            "Decisions, by reason",
            "Decisions per minute, by reason; docs/operator.md has the table.",
            "cpm",
            Query(
                "sum by (reason) (rate(scrap_operator_decisions_total{@operator}[$__rate_interval])) * 60 > 0",
                "{{reason}}",
            ),
            width=24,
            stacked=True,
        )
    )


def _beliefs(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Conditions and source"))
    found = found.with_panel(
        states(
            "Expected conditions",
            "Ready: the operator reads its AlertScaler and finds its target. SourceAvailable: it knows which alerts "
            "fire.",
            Query('max by (type) (scrap_operator_condition{@operator, type=~"Ready|SourceAvailable"})', "{{type}}"),
            meanings=_GOOD,
            width=12,
            nothing="no operator",
        )
    )
    found = found.with_panel(
        states(
            "Exceptional conditions",
            "Conflict: another scaler scales the same pods, so the operator does not. Limited: the alerts request more "
            "than the bounds allow.",
            Query('max by (type) (scrap_operator_condition{@operator, type=~"Conflict|Limited"})', "{{type}}"),
            meanings=_BAD,
            width=12,
            nothing="no operator",
        )
    )
    polls = "rate(scrap_operator_poll_seconds_{}{{@operator}}[$__rate_interval])"
    found = found.with_panel(
        lines(
            "Poll latency",
            "The time in which the source responds.",
            "s",
            Query(f"histogram_quantile(0.5, sum by (le) ({polls.format('bucket')}))", "median"),
            Query(f"sum({polls.format('sum')}) / sum({polls.format('count')})", "mean"),
            Query(f"histogram_quantile(0.99, sum by (le) ({polls.format('bucket')}))", "99th percentile"),
            logarithmic=True,
            colors={"median": GREEN, "mean": BLUE, "99th percentile": ORANGE},
        )
    )
    found = found.with_panel(
        lines(
            "CPU",
            "Cores in use.",
            "short",
            Query(f"sum(rate(process_cpu_seconds_total{{{_PROCESS}}}[$__rate_interval]))", "cores"),
        )
    )
    return found.with_panel(
        lines(
            "Memory",
            "Resident memory, and the limit at which the kernel kills it.",
            "bytes",
            Query(f"max(process_resident_memory_bytes{{{_PROCESS}}})", "resident"),
            Query(
                'min(kube_pod_container_resource_limits{@namespace, resource="memory", pod=~"$job-operator-.*"})',
                "limit",
            ),
            colors={"limit": RED},
            dashed=["limit"],
        )
    )


def build() -> Dashboard:
    """The dashboard."""
    found = board(
        "operator", "scrap / Operator", "The decisions of scrap's operator, the state of its source, and its health."
    )
    for section in (_glance, _decisions, _beliefs):
        found = section(found)
    return found.build()
