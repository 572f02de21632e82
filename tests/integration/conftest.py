"""One real service, and one real origin, for the tests of a whole session."""

from collections.abc import Iterator

import pytest

from tests import running


@pytest.fixture(scope="session")
def service() -> Iterator[running.Service]:
    """A running service that may fetch from loopback."""
    with running.service() as service:
        yield service


@pytest.fixture(scope="session")
def origin() -> Iterator[running.Origin]:
    """A running origin with our own pages."""
    with running.origin() as origin:
        yield origin
