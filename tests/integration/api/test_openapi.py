"""The description is true: whatever is thrown at the service, each answer is as it says."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error, positive_data_acceptance

from tests import running

# A url may be well formed and still be nothing that can be fetched: 403, 502 and 504 are right answers to it.
NOT_TRUE_HERE = [positive_data_acceptance, not_a_server_error]


@pytest.fixture(scope="module")
def operations(service: running.Service) -> dict[str, Any]:
    """The operations of the description that the running service gives, by method."""
    paths = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    return dict(paths["/api/v1/scrap"])


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_as_described(
    operations: dict[str, Any], method: str, mode: schemathesis.GenerationMode, data: st.DataObject
) -> None:
    case = data.draw(operations[method].as_strategy(generation_mode=mode))
    assert case.call_and_validate(excluded_checks=NOT_TRUE_HERE).status_code != 500


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("page", sorted(page.name for page in running.PAGES.iterdir()))
def test_every_preview_is_as_described(
    operations: dict[str, Any], origin: running.Origin, method: str, page: str
) -> None:
    case = operations[method].Case(query={"url": f"{origin.url}/{page}"})
    assert case.call_and_validate().status_code == 200
