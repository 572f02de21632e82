"""PromQL with short words for what every query says alike.

`@here` are the labels of the service's series, `@pods` those of the chosen pods alone, `@operator` those of its
operator's, `@deployment` those by which kube-state-metrics knows the Deployment, `@cluster` those of everything in it.
"""

# The chart names the job, the Deployment and the AlertScaler alike: after the release.
_WORDS = {
    "@here": '@namespace, job="$job"',
    "@pods": '@namespace, job="$job", pod=~"$pod"',
    "@operator": '@namespace, alertscaler="$job"',
    "@deployment": '@namespace, deployment="$job"',
    "@namespace": '@cluster, namespace="$namespace"',
    # A series without the label matches as well: the variable is `.*` where there is only one cluster.
    "@cluster": 'cluster=~"$cluster"',
}

# Whether each node is ready; once, however many kube-state-metrics there are.
READY = 'max by (node) (kube_node_status_condition{@cluster, condition="Ready", status="true"})'


def full(expression: str) -> str:
    """The expression, with the short words written out."""
    for word, labels in _WORDS.items():
        expression = expression.replace(word, labels)
    return expression


def by_server(expression: str) -> str:
    """Gives node-exporter's series the name of their server, where they know an address only.

    A name is remembered for an hour: an exporter that is down is to be seen by name.
    """
    names = "max by (instance, nodename) (last_over_time(node_uname_info{@cluster}[1h]))"
    return f"({expression}) * on (instance) group_left (nodename) {names}"


def named_server(expression: str) -> str:
    """The same for kube-state-metrics' series, which call it `node`."""
    return f'label_replace({expression}, "nodename", "$1", "node", "(.+)")'
