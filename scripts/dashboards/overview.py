"""Overview: how the service does, and where it hurts."""

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

# Of the whole range, for the table.
_SECONDS_THERE = "increase(scrap_request_duration_seconds_{}{{@here}}[$__range])"

_EVER = "sum(last_over_time(scrap:calls:ever{@here}[1d]))"
# The rule adds up once a minute; what has come since then to the pods that it saw.
_SINCE = "sum(clamp_min(sum by (pod) (scrap_requests_total{@here}) - sum by (pod) (scrap:calls:seen{@here}), 0))"

_PHASES = ("wait", "dns", "connect", "first_byte", "body", "parse")

FIRES = (State(1, "fires", ORANGE), State(0, "quiet", GREEN))
_GRADES = (State(3, "critical", RED), State(2, "warning", ORANGE), State(1, "info, or a signal to scale", BLUE))


def _share(fault: str) -> str:
    """The share of calls that failed by this one's fault; nothing where nobody called."""
    failed = f'sum(rate(scrap_requests_total{{@here, fault="{fault}"}}[$__rate_interval]))'
    return f"{failed} / (sum({_CALLS}) > 0)"


def _left(bad: str, calls: str, objective: str) -> str:
    """What is left of a budget, from the alerts' own recorded rates: 1 at first, below 0 where it is spent."""
    there = "sum(avg_over_time({}{{@here}}[30d]))"
    return f"1 - {there.format(bad)} / ({there.format(calls)} > 0) / (1 - {objective})"


def _burn(bad: str, calls: str, objective: str) -> list[Query]:
    """How fast it burns, over the windows that the alerts look at."""
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
    """A row more in a table by outcome: all calls together."""
    return f'{by_outcome} or label_replace({whole}, "outcome", "all calls", "", "")'


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
    found = found.with_row(dashboards.Row("Where does it hurt?"))
    found = found.with_panel(
        number(
            "Our failures",
            "Share of calls that failed by our own fault: turned away because we were full, or a mistake of ours.",
            "percentunit",
            Query(_share("service"), "ours"),
            steps=Steps(0.001, 0.01),
            decimals=2,
            nothing="no calls",
        )
    )
    found = found.with_panel(
        number(
            "The web's failures",
            "Share of calls whose page could not be had, or took too long. Not ours to mend; a sudden rise of it "
            "is worth a look at "
            "our own way out: DNS, the network policy, an address that others block.",
            "percentunit",
            Query(_share("web"), "the web's"),
            steps=Steps(0.1, 0.5),
            decimals=1,
            nothing="no calls",
        )
    )
    found = found.with_panel(
        number(
            "99th percentile",
            "One call in a hundred takes longer, to the next bound of the histogram.",
            "s",
            Query(_quantile(0.99), "p99"),
            steps=Steps(4, 8),
            nothing="no calls",
        )
    )
    found = found.with_panel(
        number(
            "Fullest pod",
            "Share of the places for fetches that are taken, in the pod that has fewest left. At 100 % it makes "
            "calls wait, then turns "
            "them away.",
            "percentunit",
            Query("max(scrap_admission_saturation_ratio{@here})", "fullest"),
            steps=Steps(0.7, 0.9),
            decimals=0,
        )
    )
    found = found.with_panel(
        number(
            "Pods not ready",
            "Pods that are wanted and do not serve.",
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
            "Of the failures of ours that the objective allows in 30 days, or in as many as Prometheus keeps. "
            "Below 0 the objective is "
            "missed.",
            "percentunit",
            Query(_left("scrap:calls_failed:rate", "scrap:calls:rate", "$objective"), "left", instant=True),
            steps=Steps(0.5, 0.1, falling=True),
            decimals=0,
            nothing="no calls",
        )
    )
    found = found.with_panel(
        number(
            "Alerts for a person",
            "Alerts that fire and call somebody: critical and warning.",
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
            "Servers not healthy",
            "Nodes of the cluster that are not ready; see Nodes.",
            "none",
            Query(f"count({READY} == 0) or vector(0)", "not ready"),
            steps=Steps(1, 2),
            decimals=0,
        )
    )


def _calls(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("Calls"))
    found = found.with_panel(
        lines(
            "Calls a second",
            "By what came of them; all of them together are the height.",
            "reqps",
            Query(f"sum by (outcome) ({_CALLS}) > 0", "{{outcome}}"),
            width=9,
            stacked=True,
            colors=OUTCOMES,
        )
    )
    found = found.with_panel(
        lines(
            "Failures a second, by whose fault",
            "service: ours. web: the page could not be had. caller: the call itself was wrong, or its target may "
            "not be fetched.",
            "reqps",
            Query("sum by (fault) (rate(scrap_failures_total{@here}[$__rate_interval]))", "{{fault}}"),
            width=9,
            colors=FAULTS,
        )
    )
    return found.with_panel(
        number(
            "Calls in total",
            "In the chosen range, and since ever. A range's total is Prometheus' estimate from its scrapes, off "
            "by a few calls. "
            "Since ever is added up by a rule and outlives restarts, scale-in and what Prometheus forgets: see "
            "docs/dashboards.md.",
            "locale",
            Query("sum(increase(scrap_requests_total{@here}[$__range]))", "in this range", instant=True),
            Query(f"({_EVER} + {_SINCE}) or {_EVER}", "since ever", instant=True),
            Query(
                'sum(last_over_time(scrap:calls:ever{@here, fault="service"}[1d]))',
                "failed by our fault, since ever",
                instant=True,
            ),
            width=6,
            height=8,
            decimals=0,
        )
    )


def _latency(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("How long calls take"))
    found = found.with_panel(
        lines(
            "Median, mean, 99th percentile and maximum",
            "All calls. The mean above the median: a few slow pages cost most of the time. Both up: all is "
            "slower, look for us. "
            "Only the 99th percentile and the maximum up: some hosts are slow. "
            "A percentile is estimated between two bounds of a histogram, the maximum is measured: where it is the "
            "lower one, it is right.",
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
            "By outcome, in the chosen range",
            "What is answered from memory takes a millisecond, what times out takes the deadline: one figure for "
            "both says nothing. Percentiles are estimated, the maximum is measured.",
            "outcome",
            "Outcome",
            Column(Query(_calls_there(), "Calls"), "locale"),
            Column(Query(_quantile_there(0.5), "Median"), "s"),
            Column(Query(_mean_there(), "Mean"), "s"),
            Column(Query(_quantile_there(0.99), "99th percentile"), "s", Steps(4, 8)),
            Column(Query(_longest_there(), "Maximum"), "s", Steps(4, 10)),
            width=12,
        )
    )
    figures = {
        "Median": ("Half of the calls take longer.", f"{_quantile(0.5, 'outcome')} > 0"),
        "Mean": ("The time of all calls, divided by their number.", _mean("outcome")),
        "99th percentile": ("One call in a hundred takes longer.", f"{_quantile(0.99, 'outcome')} > 0"),
        "Maximum": ("The longest call; each is seen for a minute.", f"max by (outcome) ({_LONGEST}) > 0"),
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
    found = found.with_row(dashboards.Row("The web, and our way there"))
    found = found.with_panel(
        lines(
            "What the web answered",
            "Requests to pages' hosts by the status of the answer, redirects included; none: there was no answer.",
            "reqps",
            Query("sum by (status) (rate(scrap_hops_total{@here}[$__rate_interval])) > 0", "{{status}}"),
            stacked=True,
            colors={"200": GREEN, "301": BLUE, "302": BLUE, "404": ORANGE, "500": RED, "none": RED},
        )
    )
    found = found.with_panel(
        lines(
            "Why calls failed",
            "Every failure, by its reason; the problem type that the caller got has the same name.",
            "reqps",
            Query("sum by (reason) (rate(scrap_failures_total{@here}[$__rate_interval])) > 0", "{{reason}}"),
            stacked=True,
        )
    )
    found = found.with_panel(
        lines(
            "Where the time of a fetch goes",
            "The 90th percentile of each phase: wait for a place, DNS, connect (TCP and TLS), first byte, body, "
            "parse. wait and parse are "
            "ours, the others the web's.",
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
            "Targets refused",
            "Targets that may not be fetched, by why. A rise is somebody who probes our inside.",
            "reqps",
            Query("sum by (verdict) (rate(scrap_targets_blocked_total{@here}[$__rate_interval])) > 0", "{{verdict}}"),
            stacked=True,
        )
    )
    found = found.with_panel(
        lines(
            "Answered without a fetch",
            "Share of look-ups that found a fresh page, by level of the cache; joined: calls that shared "
            "another's fetch.",
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
            "Bytes of pages a second, as they came and after decompression.",
            "Bps",
            Query("sum(rate(scrap_fetch_received_bytes_sum{@here}[$__rate_interval]))", "received"),
            Query("sum(rate(scrap_fetch_decoded_bytes_sum{@here}[$__rate_interval]))", "decompressed"),
        )
    )


def _saturation(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("How full it is"))
    found = found.with_panel(
        lines(
            "Places taken, by pod",
            "Share of a pod's places for fetches. Scaling looks at it.",
            "percentunit",
            Query("max by (pod) (scrap_admission_saturation_ratio{@here})", "{{pod}}"),
            highest=1,
            steps=Steps(0.7, 0.9),
        )
    )
    found = found.with_panel(
        lines(
            "Fetches, calls that wait, and places",
            "Who waits longer than allowed, or finds the waiting room full, is turned away with 503.",
            "none",
            Query("sum(scrap_admission_in_flight{@here})", "fetches"),
            Query("sum(scrap_admission_waiting{@here})", "waiting"),
            Query("sum(scrap_admission_capacity{@here})", "places"),
            colors={"fetches": GREEN, "waiting": RED, "places": GREY},
            dashed=["places"],
        )
    )
    found = found.with_panel(
        lines(
            "Turned away",
            "Calls answered with 503, by why. This is failure by our fault: more pods are needed, or a caller is "
            "too fast.",
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
            "How late a pod gets to what it should do now, at worst within a minute. Above 0.1 s its CPU is the limit.",
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
            "Resident memory of each process, and the limit at which the kernel ends it.",
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
    found = found.with_row(dashboards.Row("Replicas, and the alerts that move them"))
    found = found.with_panel(
        lines(
            "Replicas wanted and ready, and their bounds",
            "The bounds are the operator's, or else a HorizontalPodAutoscaler's; without either there are none.",
            "none",
            Query("max(kube_deployment_spec_replicas{@deployment})", "wanted"),
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
            colors={"wanted": BLUE, "ready": GREEN, "minimum": GREY, "maximum": RED},
            dashed=["minimum", "maximum"],
            decimals=0,
        )
    )
    found = found.with_panel(
        states(
            "Rules of the operator",
            "Which of its rules fire: saturated adds pods, scale-in-unsafe keeps them. Empty without the operator.",
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
            "All that fire in this namespace, by their grade. The grade none is a signal to scale: it calls nobody.",
            Query(
                " or ".join(
                    alerts.format(severity, grade)
                    for severity, grade in (('="critical"', 3), ('="warning"', 2), ('!~"critical|warning"', 1))
                ),
                "{{alertname}}",
            ),
            meanings=_GRADES,
            height=6,
            nothing="none fires",
        )
    )


_BURNS = {"over 5m": GREY, "over 1h": RED, "over 6h": ORANGE, "over 3d": BLUE}


def _budget(found: dashboards.Dashboard) -> dashboards.Dashboard:
    found = found.with_row(dashboards.Row("The budgets"))
    found = found.with_panel(
        lines(
            "How fast the error budget burns",
            "Failures of ours, in multiples of what the objective allows. At 1 the budget lasts 30 days; at 14.4 "
            "two per cent of it are gone "
            "within an hour, and an alert calls.",
            "suffix:x",
            *_burn("scrap:calls_failed:rate", "scrap:calls:rate", "$objective"),
            width=9,
            steps=Steps(1, 14.4),
            colors=_BURNS,
        )
    )
    found = found.with_panel(
        lines(
            "How fast the latency budget burns",
            "Answers that took too long, likewise.",
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
            "Of 30 days, or of as many as Prometheus keeps; docs/runbooks has what to do when one is nearly spent.",
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
            nothing="no calls",
        )
    )


def build() -> Dashboard:
    """The dashboard."""
    found = board("overview", "scrap / Overview", "How scrap does, and where it hurts.")
    # The chart sets them to what the alerts are set to.
    for name, objective, description in (
        ("objective", "0.999", "Share of calls that must not fail by our fault."),
        ("latency_objective", "0.95", "Share of answers that must not take too long."),
    ):
        found = found.with_variable(dashboards.ConstantVariable(name).value(objective).description(description))
    for section in (_glance, _calls, _latency, _web, _saturation, _scaling, _budget):
        found = section(found)
    return found.build()
