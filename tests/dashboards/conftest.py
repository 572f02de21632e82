"""The rule for missing tools is the chart's."""

from tests.chart.conftest import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]
