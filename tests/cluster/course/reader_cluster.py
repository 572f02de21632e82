"""The reader's own cluster: that of kubectl's current context, reached through the API server alone."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.cluster.alerts.scene import Stack
from tests.cluster.clusters import STACK, run
from tests.cluster.faults import runbook
from tests.cluster.providers.current import CONTEXT, LOCAL


class ForeignContextError(Exception):
    """The current context is not that of a cluster on this machine, and nobody named it."""


def check_context(named: str) -> None:
    """Does nothing where the current context is one of this machine, or the one that the reader named.

    Raises:
        ForeignContextError: it is neither.
    """
    context = run(*CONTEXT).strip()
    if context != named and not LOCAL.fullmatch(context):
        raise ForeignContextError(
            f"The current context, {context}, is not known as a cluster on this machine. The course breaks what it "
            f"runs on. If you want that: ARGS='--context {context}'."
        )


def proxied(namespace: str, service: str, path: str) -> str:
    """The response of a Service, through the API server: no port-forward, no route into the cluster's network.

    Args:
        service: with its port, such as `web:80`.
        path: without its first slash.
    """
    return run("kubectl", "get", "--raw", f"/api/v1/namespaces/{namespace}/services/{service}/proxy/{path}")


@dataclass(frozen=True)
class ProxiedStack(Stack):
    """The monitoring stack, through the API server."""

    def ask(self, path: str) -> Any:
        return json.loads(proxied(STACK, "kube-prometheus-stack-prometheus:9090", f"api/v1/{path}"))["data"]


def ask(query: str) -> str:
    """What Prometheus has for a query: a line for each series, the largest value first; empty where there is none."""
    return runbook.asked(query, ProxiedStack())


def is_firing(alert: str, namespace: str) -> bool:
    """Whether an alert of the release fires, in any severity."""
    query = f'ALERTS{{alertstate="firing",namespace="{namespace}",alertname="{alert}"}}'
    return bool(ProxiedStack().ask(f"query?query={quote(query)}")["result"])
