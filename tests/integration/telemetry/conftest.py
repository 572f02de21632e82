"""Every test begins outside of any trace, whatever the tests before it left in this process."""

from collections.abc import Iterator

import pytest

from scrap.telemetry.trace import current_trace


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    """Leaves no trace."""
    token = current_trace.set(None)
    yield
    current_trace.reset(token)
