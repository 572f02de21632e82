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
    YELLOW,
    Column,
    Link,
    Query,
    State,
    Steps,
    board,
    choices,
    lines,
    logs,
    number,
    rows,
    states,
    traces,
)
from scripts.dashboards.promql import READY, full

_CALLS = "rate(scrap_requests_total{@pods}[$__rate_interval])"
_SECONDS = "rate(scrap_request_duration_seconds_{}{{@pods}}[$__rate_interval])"
_LONGEST = "max_over_time(scrap_request_duration_max_seconds{@pods}[$__rate_interval])"

# Over the whole range, for the table.
_SECONDS_THERE = "increase(scrap_request_duration_seconds_{}{{@pods}}[$__range])"
_LONGEST_THERE = "max_over_time(scrap_request_duration_max_seconds{@pods}[$__range])"

_EVER = "sum(last_over_time(scrap:calls:ever{@here}[1d]))"
# The rule adds up once a minute; this is the increase since then of the pods that it read.
_SINCE = "sum(clamp_min(sum by (pod) (scrap_requests_total{@here}) - sum by (pod) (scrap:calls:seen{@here}), 0))"

_PHASES = ("shared_cache", "wait", "dns", "connect", "first_byte", "body", "parse")

_SEVERITIES = (State(3, "critical", RED), State(2, "warning", ORANGE), State(1, "info, or a signal to scale", BLUE))


# The logs and traces of what a series shows.
_LOGS_OF = "| {0}=`${{__field.labels.{0}}}`"
_OF_A_POD = logs("| pod=`${__field.labels.pod}`")


def _share(fault: str) -> str:
    """The share of requests that failed by this fault; no value without requests."""
    failed = f'sum(rate(scrap_requests_total{{@pods, fault="{fault}"}}[$__rate_interval]))'
    return f"{failed} / (sum({_CALLS}) > 0)"


def _spent(bad: str, calls: str, objective: str) -> str:
    """How many times a budget is spent, from the alerts' recorded rates: 0 at first, 1 when all of it is."""
    there = "sum(avg_over_time({}{{@here}}[30d]))"
    return f"{there.format(bad)} / ({there.format(calls)} > 0) / (1 - {objective})"


def _burn(bad: str, calls: str, objective: str) -> list[Query]:
    """The burn rate, over the windows of the alerts."""
    there = "sum(avg_over_time({}{{@here}}[{}]))"
    return [
        Query(
            f"{there.format(bad, window)} / ({there.format(calls, window)} > 0) / (1 - {objective})", f"over {window}"
        )
        for window in ("5m", "1h", "6h", "3d")
    ]


def _quantile(quantile: float, buckets: str, longest: str, label: str = "") -> str:
    """A quantile, and never more than the maximum: it is estimated between two bounds, and the maximum is measured."""
    le, by = (f"le, {label}", f" by ({label})") if label else ("le", "")
    estimated = f"histogram_quantile({quantile}, sum by ({le}) ({buckets})) > 0"
    measured = f"max{by} ({longest}) > 0 and on ({label}) {estimated}"
    kinds = (("estimated", estimated), ("measured", measured))
    both = " or ".join(f'label_replace({value}, "kind", "{kind}", "", "")' for kind, value in kinds)
    return f"min{by} ({both})"


def _now(quantile: float) -> str:
    return _quantile(quantile, _SECONDS.format("bucket"), _LONGEST)


def _mean() -> str:
    return f"sum({_SECONDS.format('sum')}) / sum({_SECONDS.format('count')})"


def _with_all(by_outcome: str, whole: str) -> str:
    """Adds a row to a table by outcome: all requests."""
    return f'{by_outcome} or label_replace({whole}, "outcome", "all requests", "", "")'


def _quantile_there(quantile: float) -> str:
    counted = _SECONDS_THERE.format("bucket"), _LONGEST_THERE
    return _with_all(_quantile(quantile, *counted, "outcome"), _quantile(quantile, *counted))


def _mean_there() -> str:
    total, count = _SECONDS_THERE.format("sum"), _SECONDS_THERE.format("count")
    by_outcome = f"sum by (outcome) ({total}) / (sum by (outcome) ({count}) > 0)"
    return _with_all(by_outcome, f"sum({total}) / (sum({count}) > 0)")


def _longest_there() -> str:
    return _with_all(f"max by (outcome) ({_LONGEST_THERE}) > 0", f"max({_LONGEST_THERE}) > 0")


def _calls_there() -> str:
    calls = "increase(scrap_requests_total{@pods}[$__range])"
    return _with_all(f"sum by (outcome) ({calls}) > 0", f"sum({calls})")


def _health(found: dashboards.Dashboard) -> dashboards.Dashboard:
    for panel in (
        number(
            "Error rate: service",
            "Share of requests that failed by a fault of the service: rejected because it was overloaded, or an error "
            "in it.",
            "percentunit",
            Query(_share("service"), "service"),
            height=3,
            steps=Steps(0.001, 0.01),
            decimals=2,
            nothing="no requests",
        ),
        number(
            "Error rate: origins",
            "Share of requests whose page could not be fetched, or took too long. The service cannot fix these. After "
            "a sudden increase, check the cluster's egress: DNS, the NetworkPolicy, a blocked address.",
            "percentunit",
            Query(_share("web"), "origins"),
            height=3,
            steps=Steps(0.1, 0.5),
            decimals=1,
            nothing="no requests",
        ),
        number(
            "Latency: p99",
            "1 % of the requests take longer.",
            "s",
            Query(_now(0.99), "p99"),
            height=3,
            steps=Steps(4, 8),
            nothing="no requests",
        ),
        number(
            "Saturation: highest",
            "Share of the fetch slots or of its CPU in use, in the most saturated pod. At 100 % requests wait in the "
            "queue, then the pod rejects them.",
            "percentunit",
            Query("max(scrap_admission_saturation_ratio{@pods})", "highest"),
            height=3,
            steps=Steps(0.7, 0.9),
            decimals=0,
        ),
        number(
            "Pods not ready",
            "Requested pods that are not ready.",
            "none",
            Query(
                "max(kube_deployment_spec_replicas{@deployment}) "
                "- max(kube_deployment_status_replicas_ready{@deployment})",
                "not ready",
            ),
            height=3,
            steps=Steps(1, 2),
            decimals=0,
        ),
        number(
            "Error budget spent",
            "How many times the failures are spent that the objective allows in 30 days, or in as many as Prometheus "
            "keeps. At 1 the objective is missed.",
            "suffix: times",
            Query(_spent("scrap:calls_failed:rate", "scrap:calls:rate", "$objective"), "spent", instant=True),
            height=3,
            steps=Steps(0.5, 0.9),
            nothing="no requests",
        ),
        number(
            "Alerts for a person",
            "Firing alerts that a person has to act on: critical and warning.",
            "none",
            Query(
                'count(ALERTS{@namespace, alertstate="firing", severity=~"critical|warning"}) or vector(0)', "firing"
            ),
            height=3,
            steps=Steps(1, 3),
            decimals=0,
        ),
        number(
            "Nodes not ready",
            "Nodes of the cluster that are not ready; see the dashboard Nodes.",
            "none",
            Query(f"count({READY} == 0) or vector(0)", "not ready"),
            height=3,
            steps=Steps(1, 2),
            decimals=0,
        ),
    ):
        found = found.with_panel(panel)
    return found


def _signals(found: dashboards.Dashboard) -> dashboards.Dashboard:
    """Rate, errors, duration; saturation, replicas, alerts."""
    alerts = 'max by (alertname) (ALERTS{{@namespace, alertstate="firing", severity{}}}) * {}'
    for panel in (
        lines(
            "Request rate, by outcome",
            "Requests per second, stacked.",
            "reqps",
            Query(f"sum by (outcome) ({_CALLS}) > 0", "{{outcome}}"),
            stacked=True,
            colors=OUTCOMES,
            links=[logs(_LOGS_OF.format("outcome"))],
        ),
        lines(
            "Errors, by fault",
            "Failed requests per second. service: an overload or error of the service. web: the page could not be "
            "fetched. caller: an error of the client, such as a forbidden target.",
            "reqps",
            Query("sum by (fault) (rate(scrap_failures_total{@pods}[$__rate_interval]))", "{{fault}}"),
            colors=FAULTS,
            links=[logs(_LOGS_OF.format("fault"))],
        ),
        lines(
            "Latency: p50, mean, p99, maximum",
            "Duration of all requests. p50 and p99: half and 1 % of them take longer; both are estimated between two "
            "bounds of a histogram (histogram_quantile), and capped at the maximum, which is measured. A mean above "
            "p50: few slow pages take most of the time. Both higher: all requests are slower, and the service is the "
            "likely cause. Only p99 and the maximum higher: some origins are slow.",
            "s",
            Query(_now(0.5), "p50", exemplars=True),
            Query(_mean(), "mean"),
            Query(_now(0.99), "p99"),
            Query(f"max({_LONGEST}) > 0", "maximum"),
            logarithmic=True,
            colors={"p50": GREEN, "mean": BLUE, "p99": ORANGE, "maximum": RED},
            links=[traces("duration > 1s"), logs("| seconds > 1")],
        ),
        lines(
            "Saturation, by pod",
            "Share of a pod's fetch slots or of its CPU in use, whichever is more; 1 after a rejection. Its CPU is one "
            "core, or less by its limit.",
            "percentunit",
            Query("max by (pod) (scrap_admission_saturation_ratio{@pods})", "{{pod}}"),
            highest=1,
            steps=Steps(0.7, 0.9),
            links=[_OF_A_POD],
        ),
        lines(
            "Replicas",
            "Requested and ready pods, between the bounds of the operator or else of a HorizontalPodAutoscaler; "
            "without either there are none.",
            "none",
            Query("max(kube_deployment_spec_replicas{@deployment})", "requested"),
            Query("max(kube_deployment_status_replicas_ready{@deployment})", "ready"),
            Query(
                "max(scrap_operator_min_replicas{@operator}) "
                "or max(kube_horizontalpodautoscaler_spec_min_replicas"
                '{@namespace, horizontalpodautoscaler=~"(keda-hpa-)?$job"})',
                "minimum",
            ),
            Query(
                "max(scrap_operator_max_replicas{@operator}) "
                "or max(kube_horizontalpodautoscaler_spec_max_replicas"
                '{@namespace, horizontalpodautoscaler=~"(keda-hpa-)?$job"})',
                "maximum",
            ),
            stepped=True,
            colors={"requested": BLUE, "ready": GREEN, "minimum": GREY, "maximum": RED},
            dashed=["minimum", "maximum"],
            decimals=0,
        ),
        states(
            "Firing alerts",
            "All firing alerts of this namespace, by severity; each links to its runbook. The severity none is a scale "
            "signal: no person receives it.",
            Query(
                " or ".join(
                    alerts.format(severity, level)
                    for severity, level in (('="critical"', 3), ('="warning"', 2), ('!~"critical|warning"', 1))
                ),
                "{{alertname}}",
            ),
            meanings=_SEVERITIES,
            width=8,
            height=8,
            nothing="none fires",
            links=[Link("Runbook", "${runbooks}/${__field.labels.alertname}.md")],
        ),
    ):
        found = found.with_panel(panel)
    return found


def _latency() -> dashboards.Row:
    row = dashboards.Row("Latency by outcome and phase")
    row = row.with_panel(
        rows(
            "Latency by outcome, in the selected range",
            "A response from the memory cache takes a millisecond, a timeout takes the deadline, so each outcome has "
            "its own row. Percentiles are estimated and capped at the maximum, which is measured.",
            "outcome",
            "Outcome",
            Column(Query(_calls_there(), "Requests"), "locale"),
            Column(Query(_quantile_there(0.5), "p50"), "s"),
            Column(Query(_mean_there(), "Mean"), "s"),
            Column(Query(_quantile_there(0.99), "p99"), "s", Steps(4, 8)),
            Column(Query(_longest_there(), "Maximum"), "s", Steps(4, 10)),
            width=12,
        )
    )
    return row.with_panel(
        lines(
            "Latency of a fetch, by phase: p90",
            "The 90th percentile of each phase: look-up in the shared cache, wait for a slot, DNS, connect (TCP and "
            "TLS), first byte, body, parse. wait and parse depend on the service, the others on the shared cache, the "
            "network and the origins.",
            "s",
            Query(
                "histogram_quantile(0.9, sum by (le, phase) "
                "(rate(scrap_phase_duration_seconds_bucket{@pods}[$__rate_interval])))",
                "{{phase}}",
            ),
            width=12,
            logarithmic=True,
            colors=dict(zip(_PHASES, (YELLOW, RED, GREY, BLUE, ORANGE, GREEN, PURPLE), strict=True)),
        )
    )


def _errors() -> dashboards.Row:
    row = dashboards.Row("Errors and totals")
    row = row.with_panel(
        lines(
            "Errors, by reason",
            "Every failure per second, by its reason; the reason in the response to the client is the same.",
            "reqps",
            Query("sum by (reason) (rate(scrap_failures_total{@pods}[$__rate_interval])) > 0", "{{reason}}"),
            width=9,
            stacked=True,
            links=[logs(_LOGS_OF.format("reason"))],
        )
    )
    row = row.with_panel(
        lines(
            "Error rate, by pod",
            "Share of the requests of each pod that failed by a fault of the service or of the web. One pod above the "
            "others: that pod, or its node, is the cause.",
            "percentunit",
            Query(
                "sum by (pod) (scrap:pod_failed:rate{@pods}) / (sum by (pod) (scrap:pod_calls:rate{@pods}) > 0)",
                "{{pod}}",
            ),
            width=9,
            links=[_OF_A_POD],
        )
    )
    row = row.with_panel(
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
    return row.with_panel(
        lines(
            "Requests whose client gives up",
            "Share of the requests that end without a response, because the client waited for more than a second and "
            "left. They are in no budget. Too little CPU is the usual cause: see Saturation and CPU usage.",
            "percentunit",
            Query("max(scrap:clients_left:ratio{@here})", "gave up"),
            width=24,
            height=6,
            steps=Steps(0.05, 0.25),
            decimals=1,
            links=[logs("| reason=`caller_left`")],
        )
    )


def _web() -> dashboards.Row:
    row = dashboards.Row("Origins and cache")
    for panel in (
        lines(
            "Responses of origins, by status",
            "Requests to origins by the status of the response, redirects included; none: there was no response.",
            "reqps",
            Query("sum by (status) (rate(scrap_hops_total{@pods}[$__rate_interval])) > 0", "{{status}}"),
            stacked=True,
            colors={"200": GREEN, "301": BLUE, "302": BLUE, "404": ORANGE, "500": RED, "none": PURPLE},
        ),
        lines(
            "Failed fetches and missing previews",
            "Share of the pages that could not be fetched, and share of those answered that have no Open Graph. The "
            "dashed lines are what is usual: the median of a day.",
            "percentunit",
            Query("max(scrap:calls_failed_by_web:ratio{@here})", "failed"),
            Query("max(scrap:calls_failed_by_web:usual{@here})", "failed, usually"),
            Query("max(scrap:calls_no_open_graph:ratio{@here})", "no preview"),
            Query("max(scrap:calls_no_open_graph:usual{@here})", "no preview, usually"),
            highest=1,
            colors={"/^failed/": ORANGE, "/^no preview/": BLUE},
            dashed=["/usually$/"],
        ),
        lines(
            "Blocked targets, by verdict",
            "Targets that may not be fetched. An increase means that a client probes internal addresses.",
            "reqps",
            Query("sum by (verdict) (rate(scrap_targets_blocked_total{@pods}[$__rate_interval])) > 0", "{{verdict}}"),
            stacked=True,
            links=[logs("| outcome=`blocked`")],
        ),
        lines(
            "Cache hit ratio, by level",
            "Share of look-ups that found a fresh page, by cache level; joined: requests that shared the fetch of "
            "another request.",
            "percentunit",
            Query(
                'sum by (level) (rate(scrap_cache_lookups_total{@pods, state="fresh"}[$__rate_interval])) '
                "/ sum by (level) (rate(scrap_cache_lookups_total{@pods}[$__rate_interval]))",
                "{{level}}",
            ),
            Query(
                "sum(rate(scrap_flights_joined_total{@pods}[$__rate_interval])) "
                '/ sum(rate(scrap_cache_lookups_total{@pods, level="memory"}[$__rate_interval]))',
                "joined",
            ),
            width=8,
            highest=1,
        ),
        lines(
            "Writes to the shared cache, by result",
            "Pages per second that were to be stored there. Anything but stored: it is full (out_of_memory), a replica "
            "(read_only), or does not respond. Empty without a shared cache.",
            "reqps",
            Query("sum by (result) (rate(scrap_cache_shared_writes_total{@pods}[$__rate_interval])) > 0", "{{result}}"),
            stacked=True,
            colors={"stored": GREEN, "out_of_memory": RED, "read_only": ORANGE},
        ),
        lines(
            "Bytes received",
            "Bytes of pages per second, as received and after decompression.",
            "Bps",
            Query("sum(rate(scrap_fetch_received_bytes_sum{@pods}[$__rate_interval]))", "received"),
            Query("sum(rate(scrap_fetch_decoded_bytes_sum{@pods}[$__rate_interval]))", "decompressed"),
        ),
    ):
        row = row.with_panel(panel)
    return row


def _saturation() -> dashboards.Row:
    row = dashboards.Row("Saturation: slots, event loop, CPU, memory, descriptors")
    for panel in (
        lines(
            "Fetches, queue and slots",
            "A request that waits too long, or finds the queue full, is rejected with 503.",
            "none",
            Query("sum(scrap_admission_in_flight{@pods})", "fetches"),
            Query("sum(scrap_admission_waiting{@pods})", "waiting"),
            Query("sum(scrap_admission_capacity{@pods})", "slots"),
            colors={"fetches": GREEN, "waiting": RED, "slots": GREY},
            dashed=["slots"],
        ),
        lines(
            "Rejected requests, by reason",
            "Requests rejected with 503. They count as failures of the service: add pods, or limit a client that sends "
            "too much.",
            "reqps",
            Query(
                'sum by (reason) (rate(scrap_failures_total{@pods, outcome="shed"}[$__rate_interval]))', "{{reason}}"
            ),
            stacked=True,
            links=[logs(_LOGS_OF.format("reason"))],
        ),
        lines(
            "Event loop lag, by pod",
            "The longest delay of a due task within a minute. Above 0.1 s the CPU is the bottleneck.",
            "s",
            Query("max by (pod) (scrap_event_loop_lag_max_seconds{@pods})", "{{pod}}"),
            steps=Steps(0.1, 0.5),
        ),
        lines(
            "CPU usage, by pod",
            "Cores in use, and the limit: one core for each process, or less where the container has a lower CPU "
            "limit, at which the kernel throttles it.",
            "short",
            Query("sum by (pod) (rate(process_cpu_seconds_total{@pods}[$__rate_interval]))", "{{pod}}"),
            Query("min(scrap_cpu_limit_cores{@pods})", "limit"),
            colors={"limit": RED},
            dashed=["limit"],
            steps=Steps(0.8, 0.95),
        ),
        lines(
            "Memory usage, by pod",
            "Resident memory of each process, and the limit at which the kernel kills it.",
            "bytes",
            Query("max by (pod) (process_resident_memory_bytes{@pods})", "{{pod}}"),
            Query(
                "min(kube_pod_container_resource_limits"
                '{@namespace, container="scrap", resource="memory", pod=~"$job-.*"})',
                "limit",
            ),
            colors={"limit": RED},
            dashed=["limit"],
        ),
        lines(
            "File descriptors, by pod",
            "Share of the open file descriptors, sockets among them, that the process may have. At 100 % it can open "
            "no connection.",
            "percentunit",
            Query("max by (pod) (process_open_fds{@pods} / process_max_fds{@pods})", "{{pod}}"),
            highest=1,
            steps=Steps(0.7, 0.9),
        ),
    ):
        row = row.with_panel(panel)
    return row


_BURNS = {"over 5m": GREY, "over 1h": RED, "over 6h": ORANGE, "over 3d": BLUE}


def _budget() -> dashboards.Row:
    row = dashboards.Row("Budgets")
    row = row.with_panel(
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
    row = row.with_panel(
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
    return row.with_panel(
        number(
            "Budgets spent",
            "How many times each is spent, over 30 days or as many as Prometheus keeps; docs/runbooks describes what "
            "to do when one is nearly spent.",
            "suffix: times",
            Query(_spent("scrap:calls_failed:rate", "scrap:calls:rate", "$objective"), "errors", instant=True),
            Query(
                _spent("scrap:calls_slow:rate", "scrap:calls_answered:rate", "$latency_objective"),
                "latency",
                instant=True,
            ),
            width=6,
            height=8,
            steps=Steps(0.5, 0.9),
            nothing="no requests",
        )
    )


def build() -> Dashboard:
    """The dashboard: what fits a screen, and the rest in collapsed rows."""
    found = board("overview", "scrap / Overview", "The state of scrap, and its bottlenecks.")
    pods = full("label_values(scrap_build_info{@here}, pod)")
    found = found.with_variable(choices("pod", "Pod", "The pods whose requests are shown.", pods))
    for name, label, kind in (("logs", "Loki", "loki"), ("traces", "Tempo", "tempo")):
        found = found.with_variable(dashboards.DatasourceVariable(name).label(label).type(kind))
    # The chart sets them to the values of the alerts.
    for name, value, description in (
        ("objective", "0.999", "Share of requests that must not fail by a fault of the service."),
        ("latency_objective", "0.95", "Share of responses that must not take too long."),
        ("runbooks", "http://127.0.0.1:8000/docs/runbooks", "Where the runbooks of the alerts are."),
    ):
        found = found.with_variable(dashboards.ConstantVariable(name).value(value).description(description))
    found = _signals(_health(found))
    for row in (_latency(), _errors(), _web(), _saturation(), _budget()):
        found = found.with_row(row)
    return found.build()
