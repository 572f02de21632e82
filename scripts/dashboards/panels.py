"""The panels: each has a title, a description and a unit, and differs from the others only for a reason.

Sizes are in Grafana's grid: 24 columns wide; a row of height 1 is 30 pixels and a gap.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any
from urllib.parse import quote

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from scripts.dashboards.promql import full

DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")

# Full-width panels are stacked, so their time axes must align.
WHOLE = 24
MARGIN = 150  # pixels

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE, GREY = "green", "yellow", "orange", "red", "blue", "purple", "#8e8e8e"

# One colour per meaning, in every panel.
FAULTS = {"service": RED, "web": ORANGE, "caller": BLUE, "none": GREEN}
OUTCOMES = {
    "ok": GREEN,
    "no_open_graph": "light-green",
    "caller_error": "light-blue",
    "blocked": BLUE,
    "upstream_error": "light-orange",
    "timeout": ORANGE,
    "shed": "light-red",
    "internal_error": RED,
    "all requests": "text",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Attributes:
        expression: PromQL, with the short words of `promql`.
        name: the legend, with `{{label}}`s; of a table, the column.
        instant: ask for the end of the range alone.
        exemplars: show the traces that Prometheus has of its metric; there are some where traces are on.
    """

    expression: str
    name: str
    instant: bool = False
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """Thresholds of a value: green below `warning`, orange from there, red from `critical` on.

    Attributes:
        falling: the other way round: red below `critical`, orange below `warning`.
    """

    warning: float
    critical: float
    falling: bool = False

    def thresholds(self) -> list[dashboard.Threshold]:
        """As Grafana has them."""
        if self.falling:
            colors = ((None, RED), (self.critical, ORANGE), (self.warning, GREEN))
        else:
            colors = ((None, GREEN), (self.warning, ORANGE), (self.critical, RED))
        return [dashboard.Threshold(value=value, color=color) for value, color in colors]


@dataclass(frozen=True, slots=True)
class State:
    """What a value of a state timeline means."""

    value: int
    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link from a series of a panel.

    Attributes:
        url: with Grafana's variables, and `${__field.labels.…}` for a label of the series.
    """

    title: str
    url: str


def logs(match: str) -> Link:
    """The lines of the service's log that match, in Loki.

    Args:
        match: stages of LogQL behind the stream.
    """
    stream = '{namespace="${namespace}", pod=~"${job}-.*", container="scrap"}'
    return Link("Logs", _explore("logs", {"expr": f"{stream} | json {match}"}))


def traces(match: str) -> Link:
    """The traces that match, in Tempo.

    Args:
        match: conditions of TraceQL.
    """
    query = f'{{ resource.service.name = "scrap" && {match} }}'
    return Link("Traces", _explore("traces", {"queryType": "traceql", "query": query}))


def _explore(source: str, query: Mapping[str, str]) -> str:
    pane = {
        "datasource": f"${{{source}}}",
        "queries": [{"refId": "A", **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    # Grafana fills in its variables before it opens the link, so their names stay as they are.
    encoded = quote(json.dumps({"a": pane}))
    panes = re.sub(r"%24%7B([\w.]+)%7D", r"${\1}", encoded)
    return f"/explore?schemaVersion=1&orgId=1&panes={panes}"


def _links(links: Sequence[Link]) -> list[Any]:
    return [dashboards.DashboardLink(link.title).url(link.url).target_blank(True) for link in links]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        query: gives one row a label; its name is the heading.
        unit: Grafana's name of it.
        steps: where its cells turn bad.
        states: what its values mean, where they are no quantities.
    """

    query: Query
    unit: str
    steps: Steps | None = None
    states: tuple[State, ...] = ()


def targets(queries: Sequence[Query], *, as_table: bool = False) -> list[prometheus.Dataquery]:
    """The queries as Grafana has them."""
    found = []
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = prometheus.Dataquery().ref_id(letter).datasource(DATASOURCE)
        target = target.expr(full(query.expression)).legend_format(query.name)
        target = target.instant() if query.instant or as_table else target.range()
        if query.exemplars:
            target = target.exemplar(True)
        found.append(target.format(PromQueryFormat.TABLE) if as_table else target)
    return found


def _thresholds(steps: Steps | None) -> dashboards.ThresholdsConfig:
    found = steps.thresholds() if steps else [dashboard.Threshold(value=None, color=GREEN)]
    return dashboards.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(found)


def _fixed(color: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})


def _mappings(states: Sequence[State]) -> list[dashboard.ValueMapping]:
    results = {
        str(state.value): dashboard.ValueMappingResult(text=state.text, color=state.color, index=index)
        for index, state in enumerate(states)
    }
    return [dashboard.ValueMap(options=results)]


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    height: int = 8,
    stacked: bool = False,
    stepped: bool = False,
    logarithmic: bool = False,
    highest: float | None = None,
    signed: bool = False,
    steps: Steps | None = None,
    colors: Mapping[str, str] | None = None,
    dashed: Sequence[str] = (),
    decimals: int | None = None,
    links: Sequence[Link] = (),
) -> timeseries.Panel:
    """Lines over time.

    Args:
        stacked: areas on each other: parts of a whole.
        stepped: what changes at once, such as a number of pods.
        logarithmic: what spans several powers of ten.
        highest: the axis' end, where one is known.
        signed: values may be below zero; the axis begins there otherwise.
        steps: drawn as lines.
        colors: of series, by legend; `/…/` is a pattern of legends.
        dashed: legends of bounds, likewise, which are drawn thinner.
        links: of each of its series.
    """
    panel = timeseries.Panel().title(title).description(description).unit(unit).datasource(DATASOURCE)
    panel = panel.targets(list(targets(queries))).span(width).height(height).data_links(_links(links))
    panel = panel.line_width(1.5).fill_opacity(40 if stacked else 8).show_points(common.VisibilityMode.NEVER)
    # A missed scrape is no gap; a deleted pod is one.
    panel = panel.span_nulls(120_000)
    panel = panel.legend(
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .show_legend(True)
    )
    sorted_tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    panel = panel.tooltip(sorted_tooltip.sort(common.SortOrder.DESCENDING))
    if not signed and not logarithmic:
        panel = panel.min(0)
    if highest is not None:
        panel = panel.max(highest)
    if decimals is not None:
        panel = panel.decimals(decimals)
    if stacked:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if stepped:
        panel = panel.line_interpolation(common.LineInterpolation.STEP_AFTER)
    if width == WHOLE:
        panel = panel.axis_width(MARGIN)
    if logarithmic:
        scale = common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10)
        panel = panel.scale_distribution(scale)
    if steps:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(steps)).thresholds_style(style)

    def override(legend: str, properties: list[dashboard.DynamicConfigValue]) -> timeseries.Panel:
        by = panel.override_by_regexp if legend.startswith("/") else panel.override_by_name
        return by(legend, properties)

    for legend, color in (colors or {}).items():
        panel = override(legend, [_fixed(color)])
    for legend in dashed:
        style_of_it = {"fill": "dash", "dash": [8, 6]}
        panel = override(
            legend,
            [
                dashboard.DynamicConfigValue("custom.lineStyle", style_of_it),
                dashboard.DynamicConfigValue("custom.lineWidth", 1),
                dashboard.DynamicConfigValue("custom.fillOpacity", 0),
            ],
        )
    return panel


def number(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 3,
    height: int = 4,
    steps: Steps | None = None,
    meanings: Sequence[State] = (),
    decimals: int | None = None,
    nothing: str | None = None,
) -> stat.Panel:
    """The last value of each query, large; behind it, where it is no instant query, how it came there.

    Args:
        meanings: what its values mean, where they are no quantities.
        nothing: what to show where there is no value.
    """
    panel = stat.Panel().title(title).description(description).unit(unit).datasource(DATASOURCE)
    panel = panel.targets(list(targets(queries))).span(width).height(height).thresholds(_thresholds(steps))
    panel = panel.color_scheme(dashboards.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    panel = panel.color_mode(common.BigValueColorMode.BACKGROUND if steps else common.BigValueColorMode.NONE)
    only_instant = all(query.instant for query in queries)
    panel = panel.graph_mode(common.BigValueGraphMode.NONE if only_instant else common.BigValueGraphMode.AREA)
    panel = panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    several = len(queries) > 1
    panel = panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME if several else common.BigValueTextMode.VALUE)
    if meanings:
        panel = panel.mappings(_mappings(meanings))
    if decimals is not None:
        panel = panel.decimals(decimals)
    if nothing is not None:
        panel = panel.no_value(nothing)
    return panel


def states(
    title: str,
    description: str,
    *queries: Query,
    meanings: Sequence[State],
    width: int = 24,
    height: int = 5,
    nothing: str | None = None,
    links: Sequence[Link] = (),
) -> statetimeline.Panel:
    """A bar a series, coloured by what its values mean."""
    panel = statetimeline.Panel().title(title).description(description).unit("none").datasource(DATASOURCE)
    panel = panel.targets(list(targets(queries))).span(width).height(height).mappings(_mappings(meanings))
    panel = panel.data_links(_links(links))
    panel = panel.color_scheme(dashboards.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    panel = panel.show_value(common.VisibilityMode.NEVER).row_height(0.8).merge_values(True).fill_opacity(80)
    panel = panel.legend(
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .calcs([])
        .show_legend(True)
    )
    if width == WHOLE:
        panel = panel.axis_width(MARGIN)
    return panel.no_value(nothing) if nothing else panel


def rows(
    title: str,
    description: str,
    label: str,
    heading: str,
    *columns: Column,
    width: int = 12,
    height: int = 8,
) -> table.Panel:
    """A row a value of a label, a column a query.

    Args:
        label: by which the queries' series are put into one row.
        heading: what the label's column is called.
    """
    queries = [column.query for column in columns]
    panel = table.Panel().title(title).description(description).unit("short").datasource(DATASOURCE)
    panel = panel.targets(list(targets(queries, as_table=True))).span(width).height(height)
    names = {f"Value #{letter}": query.name for letter, query in zip(ascii_uppercase, queries, strict=False)}
    order = {label: 0} | {name: position for position, name in enumerate(names, 1)}
    panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(
        dashboard.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": order,
                "renameByName": {label: heading} | names,
            },
        )
    )
    for column in columns:
        panel = panel.override_by_name(column.query.name, _cells(column))
    return panel


def _cells(column: Column) -> list[dashboard.DynamicConfigValue]:
    found = [dashboard.DynamicConfigValue("unit", column.unit)]
    if column.steps or column.states:
        found.append(dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    if column.steps:
        found.append(
            dashboard.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": column.steps.thresholds()})
        )
        found.append(dashboard.DynamicConfigValue("color", {"mode": "thresholds"}))
    if column.states:
        found.append(dashboard.DynamicConfigValue("mappings", _mappings(column.states)))
    return found


def _variables() -> list[Any]:
    """Variables of every dashboard; the chart sets their default to its release."""
    namespace = full("label_values(scrap_build_info{@cluster}, namespace)")
    job = full("label_values(scrap_build_info{@namespace}, job)")
    cluster = "label_values(scrap_build_info{}, cluster)"
    return [
        dashboards.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
        choices("cluster", "Cluster", "The label of a Prometheus that holds several clusters; All elsewhere.", cluster),
        _choice("namespace", "Namespace", "Namespace of the release.", namespace),
        _choice("job", "Job", "Job of the service: the name of the release.", job),
    ]


def _choice(name: str, label: str, description: str, query: str) -> dashboards.QueryVariable:
    variable = dashboards.QueryVariable(name).label(label).description(description).datasource(DATASOURCE)
    variable = variable.query({"qryType": 1, "query": query, "refId": name}).definition(query)
    return variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        dashboard.VariableSort.ALPHABETICAL_ASC
    )


def choices(name: str, label: str, description: str, query: str) -> dashboards.QueryVariable:
    """A variable with several values, at first all of them, those that have no such label among them."""
    everything = dashboard.VariableOption(selected=True, text="All", value="$__all")
    return _choice(name, label, description, query).include_all(True).multi(True).all_value(".*").current(everything)


def _happening(name: str, color: str, expression: str, text: str) -> dashboards.AnnotationQuery:
    """A vertical line in every panel, whenever the expression is above zero."""
    target = prometheus.Dataquery().ref_id("A").datasource(DATASOURCE).range().expr(full(expression)).interval("30s")
    annotation = dashboards.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).hide(False)
    return annotation.icon_color(color).target(target).title_format(name).text_format(text)


# The value one point of the graph earlier; a missed scrape of kube-state-metrics is no change.
_EARLIER = "last_over_time({}[10m] offset $__interval)"
_PODS = 'kube_replicaset_spec_replicas{@namespace, replicaset=~"$job-[^-]+"}'
_WANTED = "kube_deployment_spec_replicas{@deployment}"


def _happenings() -> list[dashboards.AnnotationQuery]:
    return [
        _happening(
            "Rollout",
            PURPLE,
            f"({_PODS} > 0) unless on (replicaset) ({_EARLIER.format(_PODS)} > 0)",
            "ReplicaSet {{replicaset}}: a new version, changed settings, or a rollback.",
        ),
        _happening(
            "Scaled out",
            BLUE,
            f'count_values by (deployment) ("replicas", {_WANTED} > {_EARLIER.format(_WANTED)})',
            "To {{replicas}} pods.",
        ),
        _happening(
            "Scaled in",
            GREY,
            f'count_values by (deployment) ("replicas", {_WANTED} < {_EARLIER.format(_WANTED)})',
            "To {{replicas}} pods.",
        ),
    ]


def board(name: str, title: str, description: str) -> dashboards.Dashboard:
    """An empty dashboard with the common variables, annotations and links.

    A row whose panels are given to `dashboards.Row` is collapsed.

    Args:
        name: the end of its uid; the chart puts the release before it.
    """
    found = dashboards.Dashboard(title).uid(f"scrap-{name}").description(description).tags(["scrap"])
    found = found.readonly().time("now-1h", "now").refresh("30s").timezone("browser")
    found = found.tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    for variable in _variables():
        found = found.with_variable(variable)
    for happening in _happenings():
        found = found.annotation(happening)
    # By tag, so that no dashboard has to know another's uid.
    links = dashboards.DashboardLink("scrap").type(dashboard.DashboardLinkType.DASHBOARDS).tags(["scrap"])
    return found.link(links.as_dropdown(False).include_vars(True).keep_time(True).icon("dashboard"))
