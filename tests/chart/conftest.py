"""What the chart's tests need of the machine, and what they say where it is not there."""

import pytest

from tests.chart.rendering import tool


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips a test that is marked with tools which are not here: `pytestmark = pytest.mark.needs("helm")`."""
    for item in items:
        missing = [name for mark in item.iter_markers("needs") for name in mark.args if not tool(name)]
        if missing:
            item.add_marker(pytest.mark.skip(f"no {', '.join(missing)} here: the chart is tested where the tools are"))
