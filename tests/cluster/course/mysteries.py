"""The eighteen things that `make mystery` breaks: a change of one object each, and what shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.cluster.clusters import STACK, Object
from tests.cluster.story import town

Change: TypeAlias = Callable[[Object], None]


@dataclass(frozen=True)
class Mystery:
    """One thing that breaks.

    Attributes:
        name: for `--which`.
        broken: what was done, in a sentence.
        alert: the one that names the point of failure; empty: there is none.
        panel: where a dashboard shows it.
        query: in PromQL, has a result while it is broken and none before; NAMESPACE is the release's.
        command: the one that shows the cause.
        hints: from the vaguest to the plainest.
        target: the changed object, as kubectl names it; empty: none is.
        change: of that object.
        where: the namespace of the target; empty: the release's.
        created: an object that is made beside it, if any.
    """

    name: str
    broken: str
    alert: str
    panel: str
    query: str
    command: str
    hints: tuple[str, str, str]
    target: str = ""
    change: Change | None = None
    where: str = ""
    created: Object | None = None


def replicas(count: int) -> Change:
    """So many pods of a Deployment, or of an Alertmanager."""

    def change(target: Object) -> None:
        target["spec"]["replicas"] = count

    return change


def container(target: Object) -> Object:
    """The first container of a Deployment."""
    found: Object = target["spec"]["template"]["spec"]["containers"][0]
    return found


def variable(name: str, value: str) -> Change:
    """An environment variable of the first container."""

    def change(target: Object) -> None:
        others = [item for item in container(target).get("env", []) if item["name"] != name]
        container(target)["env"] = [*others, {"name": name, "value": value}]

    return change


def resources(**limits: str) -> Change:
    """Limits of the first container; its requests are not larger."""

    def change(target: Object) -> None:
        found = container(target)["resources"]
        for kind in ("requests", "limits"):
            found[kind] = {**found[kind], **limits}

    return change


def missing_image(target: Object) -> None:
    """A tag that no registry has."""
    container(target)["image"] = "localhost/scrap:no-such-tag"


def wrong_selector(target: Object) -> None:
    """Labels that no pod has."""
    target["spec"]["selector"]["app.kubernetes.io/component"] = "web"


def wrong_label(target: Object) -> None:
    """The release of another stack."""
    target["metadata"]["labels"]["release"] = "monitoring"


def lost_key(target: Object) -> None:
    """A Secret without one of its keys."""
    del target["data"]["critical"]


def new_template(target: Object) -> None:
    """A rollout of nothing new."""
    target["spec"]["template"]["metadata"].setdefault("annotations", {})["team"] = "previews"


SERVICE = "deployment/scrap"
REPLICAS = 'max by (deployment) (kube_deployment_%s{namespace="NAMESPACE",deployment="scrap"})'
UPDATED = REPLICAS % "status_replicas_updated"
# Pods of the new version are too few, or pods of the old one are left.
ROLLOUT = f"{UPDATED} < {REPLICAS % 'spec_replicas'} or {REPLICAS % 'status_replicas'} > {UPDATED}"
EVENTS = "kubectl -n NAMESPACE get events --sort-by=.lastTimestamp"
PODS = "kubectl -n NAMESPACE get pods --selector app.kubernetes.io/component=service"
FAILURES = 'sum by (reason) (rate(scrap_failures_total{namespace="NAMESPACE",fault="web"}[1m])) > 1'
STUCK_HINTS = (
    "Clients notice nothing. Look at what changes only while a new version is rolled out.",
    "The pods that serve are old ones. Compare their number with the replicas that are requested.",
)


def no_target(selector: str) -> str:
    """Prometheus scrapes nothing of these labels."""
    return f"absent(up{{{selector}}} == 1)"


MYSTERIES = (
    Mystery(
        name="origins-dead",
        broken="Nobody serves the pages: the web was scaled to no pod.",
        target="deployment/web",
        change=replicas(0),
        alert="ScrapUpstreamFailing",
        panel="Overview: Errors, by fault (web); Errors, by reason",
        query=FAILURES,
        command="kubectl -n NAMESPACE get deployment web",
        hints=(
            "Clients notice it. Whose fault are the errors?",
            "In which phase do the fetches end? DNS works.",
            "The service is well. Look at what it fetches from.",
        ),
    ),
    Mystery(
        name="origins-slow",
        broken="Every page of the web begins after four seconds.",
        target="deployment/web",
        change=variable("PAUSE", "4"),
        alert="ScrapUpstreamSlow",
        panel="Overview: Latency: p50, mean, p99, maximum; Latency of a fetch, by phase: p90 (first_byte)",
        query=(
            'sum(rate(scrap_phase_duration_seconds_sum{namespace="NAMESPACE",phase="first_byte"}[1m])) / '
            'sum(rate(scrap_phase_duration_seconds_count{namespace="NAMESPACE",phase="first_byte"}[1m])) > 2'
        ),
        command="kubectl -n NAMESPACE describe deployment web",
        hints=(
            "Compare the median with the mean: is it a few requests, or all?",
            "The slots are in use, and the CPU is not. What do the fetches wait for?",
            "One phase of a fetch takes nearly all of the time: first_byte.",
        ),
    ),
    Mystery(
        name="origins-plain",
        broken="The pages of the web have lost their Open Graph.",
        target="deployment/web",
        change=variable("OPEN_GRAPH", "no"),
        alert="ScrapPreviewsMissing",
        panel="Overview: Request rate, by outcome (no_open_graph); Failed fetches and missing previews",
        query=(
            'sum(rate(scrap_requests_total{namespace="NAMESPACE",outcome="no_open_graph"}[1m])) / '
            'sum(rate(scrap_requests_total{namespace="NAMESPACE",fault="none"}[1m])) > 0.5'
        ),
        command="kubectl -n NAMESPACE describe deployment web",
        hints=(
            "No request fails, and nothing is slow. Are the clients content?",
            "Look at the outcomes of the requests, one by one.",
            "A response of 200 may be an empty object.",
        ),
    ),
    Mystery(
        name="dns-dead",
        broken="No name can be resolved in the cluster: CoreDNS was scaled to no pod.",
        target="deployment/coredns",
        where="kube-system",
        change=replicas(0),
        alert="ScrapUpstreamFailing",
        panel="Overview: Errors, by reason (dns_failed); Latency of a fetch, by phase: p90 (dns)",
        query=FAILURES,
        command="kubectl -n kube-system get deployment coredns",
        hints=(
            "Clients notice it. Whose fault are the errors?",
            "The web runs. In which phase do the fetches end?",
            "The phase is dns. Who resolves names in this cluster?",
        ),
    ),
    Mystery(
        name="short-deadline",
        broken="A request may take a tenth of a second: SCRAP_DEADLINE was set to 0.1 in the Deployment.",
        target=SERVICE,
        change=variable("SCRAP_DEADLINE", "0.1"),
        alert="ScrapUpstreamFailing",
        panel="Overview: Errors, by reason (timeout_total); Latency: p50, mean, p99, maximum",
        query=FAILURES,
        command=f"kubectl -n NAMESPACE get {SERVICE} -o yaml",
        hints=(
            "The errors look like the web's. Did something else begin at the same time?",
            "Look at the maximum of the latency beside what it was before.",
            "Who gives up, and after how long? Read the pods' environment.",
        ),
    ),
    Mystery(
        name="bad-setting",
        broken="A setting has an impossible value: SCRAP_MAX_FETCHES is 'many' in the Deployment.",
        target=SERVICE,
        change=variable("SCRAP_MAX_FETCHES", "many"),
        alert="ScrapRolloutStuck",
        panel="Overview: Pods not ready; Replicas",
        query=ROLLOUT,
        command="kubectl -n NAMESPACE logs --selector app.kubernetes.io/component=service --tail=3",
        hints=(*STUCK_HINTS, "The new pod starts, and ends. Its last log line says why."),
    ),
    Mystery(
        name="memory-limit",
        broken="New pods have a memory limit of 24 MiB, which is less than the service needs at rest.",
        target=SERVICE,
        change=resources(memory="24Mi"),
        alert="ScrapOutOfMemory",
        panel="Overview: Pods not ready; Memory usage, by pod",
        query=(
            'max by (pod) (kube_pod_container_status_last_terminated_reason{namespace="NAMESPACE",container="scrap",'
            'reason="OOMKilled"}) == 1'
        ),
        command="kubectl -n NAMESPACE describe pods --selector app.kubernetes.io/component=service",
        hints=(*STUCK_HINTS, "The new pod is killed before it can log anything. Ask Kubernetes for the reason."),
    ),
    Mystery(
        name="cpu-limit",
        broken="The pods may use 4 % of a core: a CPU limit was set.",  # with 2 % they are not scraped in time
        target=SERVICE,
        change=resources(cpu="40m"),
        alert="ScrapEventLoopLag",
        panel="Overview: Event loop lag, by pod; CPU usage, by pod",
        query=(
            'max by (pod) (kube_pod_container_resource_limits{namespace="NAMESPACE",container="scrap",'
            'resource="cpu"}) < 0.1'
        ),
        command=f"kubectl -n NAMESPACE describe {SERVICE}",
        hints=(
            "Everything in the service became slower, and the web did not.",
            "The nodes have CPU left. Does the service use it?",
            "The event loop is late, and the CPU usage has a ceiling.",
        ),
    ),
    Mystery(
        name="wrong-selector",
        broken="The Service has no pods behind it: its selector was changed.",
        target="service/scrap",
        change=wrong_selector,
        alert="",
        panel="Overview: Request rate, by outcome (it falls to nothing)",
        query='sum(rate(scrap_requests_total{namespace="NAMESPACE",route="/api/v1/scrap"}[1m])) < 0.5',
        command="kubectl -n NAMESPACE get endpointslices --selector kubernetes.io/service-name=scrap",
        hints=(
            "No alert fires, and no request fails. Is that good news?",
            "The pods are ready. Do requests reach them?",
            "What leads from the Service's address to the pods?",
        ),
    ),
    Mystery(
        name="image-pull",
        broken="The new version's image does not exist: its tag is no-such-tag.",
        target=SERVICE,
        change=missing_image,
        alert="ScrapRolloutStuck",
        panel="Overview: Pods not ready; Replicas",
        query=ROLLOUT,
        command=PODS,
        hints=(*STUCK_HINTS, "The new pod never started. What does it wait for?"),
    ),
    Mystery(
        name="quota",
        broken="The namespace may have no new pod: a ResourceQuota came with a rollout.",
        target=SERVICE,
        change=new_template,
        alert="ScrapRolloutStuck",
        panel="Overview: Replicas (updated ones are missing)",
        query=ROLLOUT,
        command=EVENTS,
        hints=(*STUCK_HINTS, "There is no new pod at all. Who refuses it? Read the events."),
        created={
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team"},
            "spec": {"hard": {"pods": "0"}},
        },
    ),
    Mystery(
        name="cache-gone",
        broken="The service has a shared cache that does not exist: SCRAP_CACHE_URL was set in the Deployment.",
        target=SERVICE,
        change=variable("SCRAP_CACHE_URL", "redis://cache.invalid:6379"),
        alert="ScrapSharedCacheDown",
        panel="Overview: Cache hit ratio, by level",
        query='sum(1 - scrap_cache_shared_up{namespace="NAMESPACE"}) > 0',
        command="kubectl -n NAMESPACE logs --selector app.kubernetes.io/component=service --tail=20",
        hints=(
            "Clients notice nothing: what is gone is not needed, but wanted.",
            "A rollout was a moment ago. What do the new pods do that the old ones did not?",
            "The pods log which server they do not reach.",
        ),
    ),
    Mystery(
        name="monitor-label",
        broken="Prometheus no longer selects the ServiceMonitor: its label names another release.",
        target="servicemonitor/scrap",
        change=wrong_label,
        alert="ScrapNotMeasured",
        panel="Overview: every panel is empty",
        query='absent_over_time(up{namespace="NAMESPACE",job="scrap"}[1m])',
        command="kubectl -n NAMESPACE get servicemonitor --show-labels",
        hints=(
            "Clients notice nothing. Do you?",
            "The service runs; its figures end a moment ago.",
            "How does Prometheus know what to scrape?",
        ),
    ),
    Mystery(
        name="slack-secret",
        broken="The Secret scrap-slack lost its key critical, so Prometheus' operator rejects the routes to Slack.",
        target="secret/scrap-slack",
        change=lost_key,
        alert="ScrapMonitoringRejected",
        panel="Overview: Firing alerts",
        query='sum(prometheus_operator_managed_resources{state="rejected",resource="AlertmanagerConfig"}) > 0',
        command="kubectl -n NAMESPACE get events --field-selector reason=InvalidConfiguration",
        hints=(
            "Clients notice nothing. Who would notify you if they did?",
            "Nothing comes to Slack, not even about this. Send a test: `make alert-test`.",
            "Alertmanager has lost its routes. What do they need?",
        ),
    ),
    Mystery(
        name="operator-dead",
        broken="There is no operator: it was scaled to no pod.",
        target="deployment/scrap-operator",
        change=replicas(0),
        alert="ScrapOperatorDown",
        panel="Operator: Age of the last tick",
        query=no_target('namespace="NAMESPACE",job="scrap-operator"'),
        command="kubectl -n NAMESPACE get deployments",
        hints=(
            "Clients notice nothing, as long as the load stays as it is.",
            "Who would add pods now?",
            "Open the dashboard Operator.",
        ),
    ),
    Mystery(
        name="alertmanager-dead",
        broken="There is no Alertmanager: it was scaled to no pod.",
        target="alertmanager/kube-prometheus-stack-alertmanager",
        where=STACK,
        change=replicas(0),
        alert="ScrapOperatorSourceDown",
        panel="Operator: Source of the alerts",
        query='min(scrap_operator_source_up{namespace="NAMESPACE"}) == 0',
        command="kubectl -n monitoring get pods",
        hints=(
            "Slack is silent. That is the symptom.",
            "Prometheus has alerts that fire. Where should it send them?",
            "The operator needs the same source as you do. Open its dashboard.",
        ),
    ),
    Mystery(
        name="forbidden-wave",
        broken="A client asks for the cloud's metadata, ten times a second.",
        alert="ScrapManyBlockedTargets",
        panel="Overview: Request rate, by outcome (blocked); Blocked targets, by verdict",
        query='sum(rate(scrap_requests_total{namespace="NAMESPACE",outcome="blocked"}[1m])) > 1',
        command="kubectl -n NAMESPACE get pods",
        hints=(
            "There are more requests than before. Which ones?",
            "The service responds 403 to them, and that is right.",
            "Who asks? It is a pod of this namespace.",
        ),
        created=town.deployment(
            "crawler", "load", {"SERVICE": "scrap.NAMESPACE.svc", "WEB": "http://169.254.169.254", "RATE": "10"}
        ),
    ),
    Mystery(
        name="second-scaler",
        broken="Two scalers have the same target: somebody made a HorizontalPodAutoscaler.",
        alert="ScrapOperatorConflict",
        panel="Operator: Exceptional conditions (Conflict)",
        query='max(scrap_operator_condition{namespace="NAMESPACE",type="Conflict"}) == 1',
        command="kubectl -n NAMESPACE get hpa,alertscaler",
        hints=(
            "Clients notice nothing, as long as the load stays as it is.",
            "The operator runs, and it decides nothing.",
            "Its dashboard has a condition that should not be there.",
        ),
        created={
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "team"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scrap"},
                "minReplicas": 2,
                "maxReplicas": 4,
            },
        },
    ),
)
BY_NAME = {mystery.name: mystery for mystery in MYSTERIES}
