"""The description is true: whatever is thrown at the service, each answer is as it says."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis.checks import negative_data_rejection, not_a_server_error, positive_data_acceptance

from scrap.api import problem, request_context
from scrap.errors import Reason
from tests import client, running
from tests.documents import ROOT

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
def document(service: running.Service) -> Any:
    """The same, as JSON."""
    return client.request(service.url, "/openapi.json").json


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
def test_other_paths_and_methods_are_answered_as_described(
    service: running.Service, document: Any, path: str, method: str
) -> None:
    assume(path not in PATHS or method in OTHER_METHODS)
    answer = client.request(service.url, path, method=method)
    name, status = ("MethodNotAllowed", 405) if path in PATHS else ("NotFound", 404)
    assert answer.status == status
    described = document["components"]["responses"][name]
    assert all(answer.headers[header] for header in described["headers"])
    if method != "HEAD":
        schema = described["content"][answer.headers["Content-Type"]]["schema"]
        jsonschema_rs.validate(schema | {"components": document["components"]}, answer.json)


def examples(document: Any) -> Iterator[tuple[Any, Any]]:
    """Each example of a document, and its schema."""
    for part in (*document["components"]["parameters"].values(), *document["components"]["headers"].values()):
        for example in part["schema"].get("examples", [part.get("example")]):
            yield part["schema"], example
    responses = [*document["components"]["responses"].values()]
    for operations in document["paths"].values():
        for operation in operations.values():
            responses += [response for response in operation["responses"].values() if "$ref" not in response]
    for response in responses:
        for content in response.get("content", {}).values():
            yield from ((content["schema"], example["value"]) for example in content.get("examples", {}).values())


def test_every_example_is_valid(document: Any) -> None:
    found = list(examples(document))
    assert len(found) > len(Reason) + len(document["components"]["headers"])
    for schema, example in found:
        jsonschema_rs.validate(schema | {"components": document["components"]}, example)


def test_everything_is_described_once(document: Any) -> None:
    components = document["components"]
    for kind in ("parameters", "headers", "responses", "schemas"):
        assert all(part["description"] for part in components[kind].values())
        for name in components[kind]:
            assert f'"#/components/{kind}/{name}"' in json.dumps(document) or name in {"NotFound", "MethodNotAllowed"}
    assert json.dumps(document).count('"tag:scrap.dev,2026:shed"') == 1 + 3  # the schema, and an example of each reason
    assert document["servers"] == [{"url": "/", "description": "The service that this document is from."}]
    described = {name.lower() for name in components["parameters"]} - {"url"}
    of_the_log = {"forwarded", "user-agent", "x-forwarded-for"}
    assert described == {name.decode() for name in request_context._READ} - of_the_log


def test_the_example_is_that_of_the_readme(document: Any) -> None:
    found = re.search(r"^```json\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    content = document["paths"][PATH]["get"]["responses"]["200"]["content"]
    assert found
    assert content["application/json"]["examples"]["preview"]["value"] == json.loads(found[1])


@pytest.mark.parametrize("reason", Reason)
def test_a_problem_is_described_with_its_status(document: Any, reason: Reason) -> None:
    response = next(
        response
        for response in document["components"]["responses"].values()
        if reason.value in response["content"]["application/problem+json"]["examples"]
    )
    schema = response["content"]["application/problem+json"]["schema"] | {"components": document["components"]}
    members = problem.members_of(reason) | {"instance": "x"}
    jsonschema_rs.validate(schema, members)
    for change in ({"status": 418}, {"reason": "x"}, {"detail": "x"}, {"more": 1}):
        assert not jsonschema_rs.is_valid(schema, members | change)
