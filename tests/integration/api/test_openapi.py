"""The description is true: whatever is thrown at the service, each answer is as it says."""

import json
import os
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis.checks import negative_data_rejection, not_a_server_error, positive_data_acceptance

from tests import client, running

# A url may be well formed and still be nothing that can be fetched: 403, 502 and 504 are right answers to it.
NOT_TRUE_HERE = [positive_data_acceptance, not_a_server_error]


PATH = "/api/v1/scrap"
EXPLAIN = "/api/v1/explain"
PATHS = [PATH, EXPLAIN, "/openapi.json", "/"]  # the page's path is no part of the description
_TIMES = int(os.environ.get("SCRAP_FUZZ", "1"))
OTHER_METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]


@pytest.fixture(scope="module")
def description(service: running.Service) -> schemathesis.BaseSchema:
    """The description that the running service gives."""
    return schemathesis.openapi.from_url(f"{service.url}/openapi.json")


@pytest.fixture(scope="module")
def operations(description: schemathesis.BaseSchema) -> dict[str, Any]:
    """The operations of the one path, by method."""
    return dict(description[PATH])


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@settings(max_examples=_TIMES * 40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_as_described(
    operations: dict[str, Any], method: str, mode: schemathesis.GenerationMode, data: st.DataObject
) -> None:
    case = data.draw(operations[method].as_strategy(generation_mode=mode))
    answer = case.call()
    # A query too long for any request is rejected as one: schemathesis does not know that 431 is a rejection.
    excluded = [*NOT_TRUE_HERE, negative_data_rejection] if answer.status_code == 431 else NOT_TRUE_HERE
    case.validate_response(answer, excluded_checks=excluded)
    assert answer.status_code != 500


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("page", sorted(page.name for page in running.PAGES.glob("*.html")))
def test_every_preview_is_as_described(
    operations: dict[str, Any], origin: running.Origin, method: str, page: str
) -> None:
    case = operations[method].Case(query={"url": f"{origin.url}/{page}"})
    assert case.call_and_validate().status_code == 200


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("page", ["card.html", "nothing.html", "missing.html"])
def test_every_explanation_is_as_described(
    description: schemathesis.BaseSchema, origin: running.Origin, method: str, page: str
) -> None:
    case = description[EXPLAIN][method].Case(query={"url": f"{origin.url}/{page}"})
    assert case.call_and_validate().status_code == 200


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("query", [{}, {"url": "ftp://example.com/"}])
def test_an_explanation_of_no_url_is_rejected_as_described(
    description: schemathesis.BaseSchema, method: str, query: dict[str, str]
) -> None:
    assert description[EXPLAIN][method].Case(query=query).call_and_validate().status_code == 400


@pytest.mark.parametrize("method", ["get", "head"])
def test_who_has_the_answer_is_answered_as_described(
    operations: dict[str, Any], origin: running.Origin, method: str
) -> None:
    query = {"url": f"{origin.url}/card.html"}
    tag = operations[method].Case(query=query).call().headers["etag"][0]
    case = operations[method].Case(query=query, headers={"If-None-Match": tag})
    assert case.call_and_validate().status_code == 304


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_description_is_as_described(description: schemathesis.BaseSchema, method: str) -> None:
    answer = description["/openapi.json"][method].Case().call_and_validate()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, ["public, max-age=3600"])


@settings(max_examples=_TIMES * 40, deadline=None)
@given(path=st.sampled_from([*PATHS, "/livez"]) | st.from_regex(r"/[!-\"$->@-~]{0,20}", fullmatch=True),
       method=st.sampled_from(["GET", "HEAD", *OTHER_METHODS]))  # fmt: skip
def test_other_paths_and_methods_are_answered_as_described(service: running.Service, path: str, method: str) -> None:
    assume(path not in PATHS or method in OTHER_METHODS)
    answer = client.request(service.url, path, method=method)
    name, status = ("MethodNotAllowed", 405) if path in PATHS else ("NotFound", 404)
    assert answer.status == status
    described = json.loads(client.request(service.url, "/openapi.json").body)["components"]["responses"][name]
    assert all(answer.headers[header] for header in described["headers"])
    if method != "HEAD":
        jsonschema_rs.validate(described["content"][answer.headers["Content-Type"]]["schema"], answer.json)
