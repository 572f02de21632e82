"""A cluster, or one clear line that says why there is none."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.chart.rendering import no_cluster, skip_where_tools_are_missing
from tests.cluster.clusters import Namespace
from tests.cluster.providers.choice import provider
from tests.cluster.providers.provider import CannotError
from tests.cluster.story.service_access import is_inside

HERE = Path(__file__).parent


def missing() -> str:
    """What is not there of what a cluster test needs; empty: nothing."""
    tools = ("kubectl", "helm")
    return no_cluster() or ", ".join(f"no {tool} on the PATH" for tool in tools if not shutil.which(tool))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what runs on a cluster where there is none; where the cluster is a must, pytest ends."""
    problem = missing()
    if problem and os.environ.get("SCRAP_CLUSTER_TESTS") == "required":
        pytest.exit(f"the cluster tests have to run, and cannot: {problem}", 1)
    skip_where_tools_are_missing(items)
    if problem:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(problem))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Skips what the provider of the cluster cannot do; the reason says which one."""
    return (yield from skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """The same while a test runs."""
    return (yield from skipping())


def skipping() -> Generator[None]:
    """Runs what it is yielded to; what cannot be done there is a skip."""
    try:
        yield
    except CannotError as error:
        pytest.skip(str(error))  # which says what the provider cannot do; SKIPPED_TESTS_FAIL where all can be done


@pytest.fixture(scope="session")
def inside() -> None:
    """The tests run in the cluster's network, where Services and pods answer by their addresses.

    Raises:
        CannotError: they do not.
    """
    if not is_inside():
        raise CannotError(f"{provider().name}: Services do not answer by their addresses here")


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for the tests of one file."""
    name = str(request.module.__name__).rpartition(".")[2].removeprefix("test_").replace("_", "-")
    found = Namespace(name)
    found.create()
    yield found
    found.delete()
