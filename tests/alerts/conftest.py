"""What the chart's tests need of the machine, and what they say where it is not there."""

import pytest

from tests.chart.rendering import skip_where_tools_are_missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what has no tools here."""
    skip_where_tools_are_missing(items)
