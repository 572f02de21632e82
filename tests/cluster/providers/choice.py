"""Which provider: PROVIDER's, or the first that is there."""

import os
from functools import cache

from tests.cluster.providers.current import Current
from tests.cluster.providers.kind import Kind
from tests.cluster.providers.minikube import Minikube
from tests.cluster.providers.provider import Provider
from tests.cluster.providers.shared import SharedCluster

PROVIDERS: dict[str, type[Provider]] = {each.name: each for each in (Kind, Minikube, Current, SharedCluster)}


class NoProviderError(Exception):
    """There is no cluster to run on; what to install, in one sentence."""


def chosen(name: str, cluster: str, nodes: int) -> Provider:
    """The provider of a name, or without one the first that is there.

    Raises:
        NoProviderError: there is none.
    """
    if name:
        if name not in PROVIDERS:
            raise NoProviderError(f"PROVIDER is one of {', '.join(PROVIDERS)}, and not {name}.")
        found = PROVIDERS[name]
        if missing := found.missing():
            raise NoProviderError(f"PROVIDER={name} cannot be used here: {missing}.")
        return found(cluster, nodes)
    for each in PROVIDERS.values():
        if not each.missing() and each.may_be_taken():
            return each(cluster, nodes)
    raise NoProviderError(
        "No cluster to run on: install kubectl, helm, docker and kind (https://kind.sigs.k8s.io) or minikube, or set "
        "PROVIDER=current to use the cluster of kubectl's current context."
    )


@cache
def provider() -> Provider:
    """The one that this run of the tests was started with; by itself, the default cluster of ../shared/cluster."""
    return PROVIDERS[os.environ.get("PROVIDER") or SharedCluster.name](os.environ.get("CLUSTER", "default"))
