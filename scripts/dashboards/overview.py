"""Overview: the state of the service, and its bottlenecks."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models.dashboard import Dashboard

from scripts.dashboards.panels import (
    BLUE,
    FAULTS,
    GREEN,
    GREY,
    ORANGE,
    OUTCOMES,
    PURPLE,
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
from scripts.dashboards.promql import READY

_CALLS = "rate(scrap_requests_total{@here}[$__rate_interval])"
_SECONDS = "rate(scrap_request_duration_seconds_{}{{@here}}[$__rate_interval])"
_LONGEST = "max_over_time(scrap_request_duration_max_seconds{@here}[$__rate_interval])"

# Over the whole range, for the table.
_SECONDS_THERE = "increase(scrap_request_duration_seconds_{}{{@here}}[$__range])"

_EVER = "sum(last_over_time(scrap:calls:ever{@here}[1d]))"
# The rule adds up once a minute; this is the increase since then of the pods that it read.
_SINCE = "sum(clamp_min(sum by (pod) (scrap_requests_total{@here}) - sum by (pod) (scrap:calls:seen{@here}), 0))"

_PHASES = ("wait", "dns", "connect", "first_byte", "body", "parse")

FIRES = (State(1, "firing", ORANGE), State(0, "not firing", GREEN))
_SEVERITIES = (State(3, "critical", RED), State(2, "warning", ORANGE), State(1, "info, or a signal to scale", BLUE))


def _share(fault: str) -> str:
    """The share of requests that failed by this fault; no value without requests."""
    failed = f'sum(rate(scrap_requests_total{{@here, fault="{fault}"}}[$__rate_interval]))'
    return f"{failed} / (sum({_CALLS}) > 0)"


def _left(bad: str, calls: str, objective: str) -> str:
    """The rest of a budget, from the alerts' recorded rates: 1 at first, below 0 when it is exceeded."""
    there = "sum(avg_over_time({}{{@here}}[30d]))"
    return f"1 - {there.format(bad)} / ({there.format(calls)} > 0) / (1 - {objective})"


def _burn(bad: str, calls: str, objective: str) -> list[Query]:
    """The burn rate, over the windows of the alerts."""
    there = "sum(avg_over_time({}{{@here}}[{}]))"
    return [
        Query(
            f"{there.format(bad, window)} / ({there.format(calls, window)} > 0) / (1 - {objective})", f"over {window}"
        )
        for window in ("5m", "1h", "6h", "3d")
    ]


def _quantile(quantile: float, labels: str = "") -> str:
    grouped = f"le, {labels}" if labels else "le"
    return f"histogram_quantile({quantile}, sum by ({grouped}) ({_SECONDS.format('bucket')}))"


def _mean(labels: str = "") -> str:
    by = f" by ({labels})" if labels else ""
    return f"sum{by} ({_SECONDS.format('sum')}) / sum{by} ({_SECONDS.format('count')})"


def _with_all(by_outcome: str, whole: str) -> str:
    """Adds a row to a table by outcome: all requests."""
    return f'{by_outcome} or label_replace({whole}, "outcome", "all requests", "", "")'


def _quantile_there(quantile: float) -> str:
    counted = _SECONDS_THERE.format("bucket")
    by_outcome = f"histogram_quantile({quantile}, sum by (le, outcome) ({counted})) > 0"
    return _with_all(by_outcome, f"histogram_quantile({quantile}, sum by (le) ({counted}))")


def _mean_there() -> str:
    total, count = _SECONDS_THERE.format("sum"), _SECONDS_THERE.format("count")
    by_outcome = f"sum by (outcome) ({total}) / (sum by (outcome) ({count}) > 0)"
    return _with_all(by_outcome, f"sum({total}) / (sum({count}) > 0)")


def _longest_there() -> str:
    longest = "max_over_time(scrap_request_duration_max_seconds{@here}[$__range])"
    return _with_all(f"max by (outcome) ({longest}) > 0", f"max({longest}) > 0")


def _calls_there() -> str:
    calls = "increase(scrap_requests_total{@here}[$__range])"
    return _with_all(f"sum by (outcome) ({calls}) > 0", f"sum({calls})")


def _glance(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Health"))
    found = found.with_panel(
        number(
            "Failures of the service",
            "Share of requests that failed by a fault of the service: rejected because it was overloaded, or an error "
            "in it.",
            "percentunit",
            Query(_share("service"), "service"),
            steps=Steps(0.001, 0.01),
            decimals=2,
            nothing="no requests",
        )
    )
    found = found.with_panel(
        number(
            "Failures of origins",
            "Share of requests whose page could not be fetched, or took too long. The service cannot fix these. After "
            "a sudden increase, check the cluster's egress: DNS, the NetworkPolicy, a blocked address.",
            "percentunit",
            Query(_share("web"), "origins"),
            steps=Steps(0.1, 0.5),
            decimals=1,
            nothing="no requests",
        )
    )
    found = found.with_panel(
        number(
            "99th percentile",
            "1 % of the requests take longer; rounded up to the next bound of the histogram.",
            "s",
            Query(_quantile(0.99), "p99"),
            steps=Steps(4, 8),
            nothing="no requests",
        )
    )
    found = found.with_panel(
        number(
            "Most saturated pod",
            "Share of the fetch slots in use, in the most saturated pod. At 100 % requests wait in the queue, then the "
            "pod rejects them.",
            "percentunit",
            Query("max(scrap_admission_saturation_ratio{@here})", "highest"),
            steps=Steps(0.7, 0.9),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Pods not ready",
            "Requested pods that are not ready.",
            "none",
            Query(
                "max(kube_deployment_spec_replicas{@deployment}) "
                "- max(kube_deployment_status_replicas_ready{@deployment})",
                "not ready",
            ),
            steps=Steps(1, 2),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Error budget left",
            "Share of the failures of the service that the objective allows in 30 days, or in as many as Prometheus "
            "keeps. Below 0 the objective is missed.",
            "percentunit",
            Query(_left("scrap:calls_failed:rate", "scrap:calls:rate", "$objective"), "left", instant=True),
            steps=Steps(0.5, 0.1, falling=True),
            decimals=0,
            nothing="no requests",
        )
    )
    found = found.with_panel(
        number(
            "Alerts for a person",
            "Firing alerts that a person has to act on: critical and warning.",
            "none",
            Query(
                'count(ALERTS{@namespace, alertstate="firing", severity=~"critical|warning"}) or vector(0)', "firing"
            ),
            steps=Steps(1, 3),
            decimals=0,
        )
    )
    return found.with_panel(
        number(
            "Nodes not ready",
            "Nodes of the cluster that are not ready; see the dashboard Nodes.",
            "none",
            Query(f"count({READY} == 0) or vector(0)", "not ready"),
            steps=Steps(1, 2),
            decimals=0,
        )
    )


def _calls(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Requests"))
    found = found.with_panel(
        lines(
            "Requests per second",
            "By outcome, stacked.",
            "reqps",
            Query(f"sum by (outcome) ({_CALLS}) > 0", "{{outcome}}"),
            width=9,
            stacked=True,
            colors=OUTCOMES,
        )
    )
    found = found.with_panel(
        lines(
            "Failures per second, by fault",
            "service: an overload or error of the service. web: the page could not be fetched. caller: an error of the "
            "client, such as a forbidden target.",
            "reqps",
            Query("sum by (fault) (rate(scrap_failures_total{@here}[$__rate_interval]))", "{{fault}}"),
            width=9,
            colors=FAULTS,
        )
    )
    return found.with_panel(
        number(
            "Total requests",
            "In the selected range, and since installation. The total of a range is Prometheus' estimate from its "
            "scrapes, with an error of a few requests. A rule adds up the total since installation, which survives "
            "restarts, scale-in and Prometheus' retention: see docs/dashboards.md.",
            "locale",
            Query("sum(increase(scrap_requests_total{@here}[$__range]))", "in this range", instant=True),
            Query(f"({_EVER} + {_SINCE}) or {_EVER}", "since installation", instant=True),
            Query(
                'sum(last_over_time(scrap:calls:ever{@here, fault="service"}[1d]))',
                "failures of the service, since installation",
                instant=True,
            ),
            width=6,
            height=8,
            decimals=0,
        )
    )


def _latency(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Latency"))
    found = found.with_panel(
        lines(
            "Median, mean, 99th percentile and maximum",
            "All requests. A mean above the median: few slow pages take most of the time. Both higher: all requests "
            "are slower, and the service is the likely cause. Only the 99th percentile and the maximum higher: some "
            "origins are slow. A percentile is estimated between two bounds of a histogram, the maximum is measured: "
            "where the maximum is lower, it is the exact one.",
            "s",
            Query(_quantile(0.5), "median"),
            Query(_mean(), "mean"),
            Query(_quantile(0.99), "99th percentile"),
            Query(f"max({_LONGEST}) > 0", "maximum"),
            width=12,
            logarithmic=True,
            colors={"median": GREEN, "mean": BLUE, "99th percentile": ORANGE, "maximum": RED},
        )
    )
    found = found.with_panel(
        rows(
            "By outcome, in the selected range",
            "A response from the memory cache takes a millisecond, a timeout takes the deadline, so each outcome has "
            "its own row. Percentiles are estimated, the maximum is measured.",
            "outcome",
            "Outcome",
            Column(Query(_calls_there(), "Requests"), "locale"),
            Column(Query(_quantile_there(0.5), "Median"), "s"),
            Column(Query(_mean_there(), "Mean"), "s"),
            Column(Query(_quantile_there(0.99), "99th percentile"), "s", Steps(4, 8)),
            Column(Query(_longest_there(), "Maximum"), "s", Steps(4, 10)),
            width=12,
        )
    )
    figures = {
        "Median": ("50 % of the requests take longer.", f"{_quantile(0.5, 'outcome')} > 0"),
        "Mean": ("The total duration of all requests, divided by their number.", _mean("outcome")),
        "99th percentile": ("1 % of the requests take longer.", f"{_quantile(0.99, 'outcome')} > 0"),
        "Maximum": ("The longest request; each is exported for a minute.", f"max by (outcome) ({_LONGEST}) > 0"),
    }
    for title, (description, expression) in figures.items():
        found = found.with_panel(
            lines(
                f"{title}, by outcome",
                description,
                "s",
                Query(expression, "{{outcome}}"),
                width=6,
                logarithmic=True,
                colors=OUTCOMES,
            )
        )
    return found


def _web(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Origins and egress"))
    found = found.with_panel(
        lines(
            "Responses of origins",
            "Requests to origins by the status of the response, redirects included; none: there was no response.",
            "reqps",
            Query("sum by (status) (rate(scrap_hops_total{@here}[$__rate_interval])) > 0", "{{status}}"),
            stacked=True,
            colors={"200": GREEN, "301": BLUE, "302": BLUE, "404": ORANGE, "500": RED, "none": RED},
        )
    )
    found = found.with_panel(
        lines(
            "Failures, by reason",
            "Every failure, by its reason; the reason in the response to the client is the same.",
            "reqps",
            Query("sum by (reason) (rate(scrap_failures_total{@here}[$__rate_interval])) > 0", "{{reason}}"),
            stacked=True,
        )
    )
    found = found.with_panel(
        lines(
            "Duration of a fetch, by phase",
            "The 90th percentile of each phase: wait for a slot, DNS, connect (TCP and TLS), first byte, body, parse. "
            "wait and parse depend on the service, the others on the network and the origins.",
            "s",
            Query(
                "histogram_quantile(0.9, sum by (le, phase) "
                "(rate(scrap_phase_duration_seconds_bucket{@here}[$__rate_interval])))",
                "{{phase}}",
            ),
            logarithmic=True,
            colors=dict(zip(_PHASES, (RED, GREY, BLUE, ORANGE, GREEN, PURPLE), strict=True)),
        )
    )
    found = found.with_panel(
        lines(
            "Refused targets",
            "Targets that may not be fetched, by verdict. An increase means that a client probes internal addresses.",
            "reqps",
            Query("sum by (verdict) (rate(scrap_targets_blocked_total{@here}[$__rate_interval])) > 0", "{{verdict}}"),
            stacked=True,
        )
    )
    found = found.with_panel(
        lines(
            "Responses without a fetch",
            "Share of look-ups that found a fresh page, by cache level; joined: requests that shared the fetch of "
            "another request.",
            "percentunit",
            Query(
                'sum by (level) (rate(scrap_cache_lookups_total{@here, state="fresh"}[$__rate_interval])) '
                "/ sum by (level) (rate(scrap_cache_lookups_total{@here}[$__rate_interval]))",
                "{{level}}",
            ),
            Query(
                "sum(rate(scrap_flights_joined_total{@here}[$__rate_interval])) "
                '/ sum(rate(scrap_cache_lookups_total{@here, level="memory"}[$__rate_interval]))',
                "joined",
            ),
            highest=1,
        )
    )
    return found.with_panel(
        lines(
            "Received",
            "Bytes of pages per second, as received and after decompression.",
            "Bps",
            Query("sum(rate(scrap_fetch_received_bytes_sum{@here}[$__rate_interval]))", "received"),
            Query("sum(rate(scrap_fetch_decoded_bytes_sum{@here}[$__rate_interval]))", "decompressed"),
        )
    )


def _saturation(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Saturation"))
    found = found.with_panel(
        lines(
            "Fetch slots in use, by pod",
            "Share of a pod's fetch slots. The scale signals use it.",
            "percentunit",
            Query("max by (pod) (scrap_admission_saturation_ratio{@here})", "{{pod}}"),
            highest=1,
            steps=Steps(0.7, 0.9),
        )
    )
    found = found.with_panel(
        lines(
            "Fetches, waiting requests and slots",
            "A request that waits too long, or finds the queue full, is rejected with 503.",
            "none",
            Query("sum(scrap_admission_in_flight{@here})", "fetches"),
            Query("sum(scrap_admission_waiting{@here})", "waiting"),
            Query("sum(scrap_admission_capacity{@here})", "slots"),
            colors={"fetches": GREEN, "waiting": RED, "slots": GREY},
            dashed=["slots"],
        )
    )
    found = found.with_panel(
        lines(
            "Rejected requests",
            "Requests rejected with 503, by reason. They count as failures of the service: add pods, or limit a client "
            "that sends too much.",
            "reqps",
            Query(
                'sum by (reason) (rate(scrap_failures_total{@here, outcome="shed"}[$__rate_interval]))', "{{reason}}"
            ),
            stacked=True,
        )
    )
    found = found.with_panel(
        lines(
            "Lag of the event loop",
            "The longest delay of a due task in each pod within a minute. Above 0.1 s the CPU is the bottleneck.",
            "s",
            Query("max by (pod) (scrap_event_loop_lag_max_seconds{@here})", "{{pod}}"),
            steps=Steps(0.1, 0.5),
        )
    )
    found = found.with_panel(
        lines(
            "CPU, by pod",
            "Cores in use. One process uses one core at most.",
            "short",
            Query("sum by (pod) (rate(process_cpu_seconds_total{@here}[$__rate_interval]))", "{{pod}}"),
            steps=Steps(0.8, 0.95),
        )
    )
    return found.with_panel(
        lines(
            "Memory, by pod",
            "Resident memory of each process, and the limit at which the kernel kills it.",
            "bytes",
            Query("max by (pod) (process_resident_memory_bytes{@here})", "{{pod}}"),
            Query(
                "min(kube_pod_container_resource_limits"
                '{@namespace, container="scrap", resource="memory", pod=~"$job-.*"})',
                "limit",
            ),
            colors={"limit": RED},
            dashed=["limit"],
        )
    )


def _scaling(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Replicas and the alerts that scale them"))
    found = found.with_panel(
        lines(
            "Replicas requested and ready, and their bounds",
            "The bounds are the operator's, or else a HorizontalPodAutoscaler's; without either there are none.",
            "none",
            Query("max(kube_deployment_spec_replicas{@deployment})", "requested"),
            Query("max(kube_deployment_status_replicas_ready{@deployment})", "ready"),
            Query(
                "max(scrap_operator_min_replicas{@operator}) "
                'or max(kube_horizontalpodautoscaler_spec_min_replicas{@namespace, horizontalpodautoscaler="$job"})',
                "minimum",
            ),
            Query(
                "max(scrap_operator_max_replicas{@operator}) "
                'or max(kube_horizontalpodautoscaler_spec_max_replicas{@namespace, horizontalpodautoscaler="$job"})',
                "maximum",
            ),
            width=24,
            stepped=True,
            colors={"requested": BLUE, "ready": GREEN, "minimum": GREY, "maximum": RED},
            dashed=["minimum", "maximum"],
            decimals=0,
        )
    )
    found = found.with_panel(
        states(
            "Rules of the operator",
            "The firing rules of the operator: saturated adds pods, scale-in-unsafe prevents scale-in. Empty without "
            "the operator.",
            Query("max by (rule) (scrap_operator_rule_firing{@operator})", "{{rule}}"),
            meanings=FIRES,
            height=4,
            nothing="no operator",
        )
    )
    alerts = 'max by (alertname) (ALERTS{{@namespace, alertstate="firing", severity{}}}) * {}'
    return found.with_panel(
        states(
            "Alerts",
            "All firing alerts of this namespace, by severity. The severity none is a scale signal: no person "
            "receives it.",
            Query(
                " or ".join(
                    alerts.format(severity, level)
                    for severity, level in (('="critical"', 3), ('="warning"', 2), ('!~"critical|warning"', 1))
                ),
                "{{alertname}}",
            ),
            meanings=_SEVERITIES,
            height=6,
            nothing="none fires",
        )
    )


_BURNS = {"over 5m": GREY, "over 1h": RED, "over 6h": ORANGE, "over 3d": BLUE}


def _budget(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Budgets"))
    found = found.with_panel(
        lines(
            "Burn rate of the error budget",
            "Failures of the service, as a multiple of what the objective allows. At 1 the budget lasts 30 days. "
            "At 14.4, 2 % of it are used within an hour, and an alert fires.",
            "suffix:x",
            *_burn("scrap:calls_failed:rate", "scrap:calls:rate", "$objective"),
            width=9,
            steps=Steps(1, 14.4),
            colors=_BURNS,
        )
    )
    found = found.with_panel(
        lines(
            "Burn rate of the latency budget",
            "Responses that took too long, as a multiple of what the objective allows.",
            "suffix:x",
            *_burn("scrap:calls_slow:rate", "scrap:calls_answered:rate", "$latency_objective"),
            width=9,
            steps=Steps(1, 14.4),
            colors=_BURNS,
        )
    )
    return found.with_panel(
        number(
            "Budgets left",
            "Over 30 days, or as many as Prometheus keeps; docs/runbooks describes what to do when one is nearly used "
            "up.",
            "percentunit",
            Query(_left("scrap:calls_failed:rate", "scrap:calls:rate", "$objective"), "errors", instant=True),
            Query(
                _left("scrap:calls_slow:rate", "scrap:calls_answered:rate", "$latency_objective"),
                "latency",
                instant=True,
            ),
            width=6,
            height=8,
            steps=Steps(0.5, 0.1, falling=True),
            decimals=0,
            nothing="no requests",
        )
    )


def build() -> Dashboard:
    """The dashboard."""
    found = board("overview", "scrap / Overview", "The state of scrap, and its bottlenecks.")
    # The chart sets them to the values of the alerts.
    for name, objective, description in (
        ("objective", "0.999", "Share of requests that must not fail by a fault of the service."),
        ("latency_objective", "0.95", "Share of responses that must not take too long."),
    ):
        found = found.with_variable(dashboards.ConstantVariable(name).value(objective).description(description))
    for section in (_glance, _calls, _latency, _web, _saturation, _scaling, _budget):
        found = section(found)
    return found.build()
