"""The API's description (OpenAPI 3.1): pages/openapi.toml, and what the tables that responses are made of know."""

import tomllib
from http import HTTPStatus
from typing import Any

import orjson

from scrap import opengraph
from scrap.api import explain, problem, scrap
from scrap.api_docs.files import PAGES
from scrap.errors import Reason

PATH = "/openapi.json"

_STRING = {"type": "string"}
# The headers of problems, by status, beside X-Request-ID and Link.
_OF_PROBLEM = {status: ["Server-Timing"] for status in (403, 504)} | {405: ["Allow"]}
_OF_PROBLEM |= {status: ["Server-Timing", "Retry-After"] for status in (502, 503)}
_OF_ANY_REQUEST = {400, 408, 431, 500, 503}  # of the connection, and of a bug
# 404 and 405 are no responses of an operation: they are those of another path, and of another method.
_PROBLEMS_OF = {
    scrap.PATH: _OF_ANY_REQUEST | {403, 499, 502, 504},
    explain.PATH: _OF_ANY_REQUEST | {499},  # a page that failed is explained
    PATH: _OF_ANY_REQUEST,
}


def render(version: str) -> bytes:
    """The description as JSON."""
    document = tomllib.loads((PAGES / "openapi.toml").read_text())
    document["info"]["version"] = version
    components = document["components"]
    for name, parameter in components["parameters"].items():
        components["parameters"][name] = {"name": name, "in": "header", "schema": _STRING} | parameter
    for name, header in components["headers"].items():
        components["headers"][name] = {"schema": _STRING} | header
    components["schemas"]["OpenGraph"] = opengraph.SCHEMA
    for name in ("type", "detail", "reason", "fault"):
        components["schemas"]["Problem"]["properties"][name]["enum"] = sorted(problem.reasons_by(name))
    by_status = sorted(problem.reasons_by("status").items())
    components["responses"] = {_name(status): _response(status, reasons) for status, reasons in by_status}
    for path, item in document["paths"].items():
        get = item["get"]
        get["parameters"] = [_ref("parameters", name) for name in get["parameters"]]
        for response in get["responses"].values():
            response["headers"] = _refs("headers", response["headers"])
        get["responses"] |= {str(status): _ref("responses", _name(status)) for status in sorted(_PROBLEMS_OF[path])}
        item["head"] = get | {"operationId": f"{get['operationId']}Head"}
    example = {"summary": "A page with Open Graph", "value": orjson.loads((PAGES / "example.json").read_bytes())}
    content = document["paths"][scrap.PATH]["get"]["responses"]["200"]["content"]["application/json"]
    content["examples"] = {"preview": example} | content["examples"]
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _ref(kind: str, name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _refs(kind: str, names: list[str]) -> dict[str, Any]:
    return {name: _ref(kind, name) for name in names}


def _name(status: int) -> str:
    """The name of a status's component: BadGateway."""
    phrase = "Client Closed Request" if status == 499 else HTTPStatus(status).phrase  # the former is nginx's
    return phrase.title().replace(" ", "")


def _response(status: int, reasons: list[Reason]) -> dict[str, Any]:
    here = {"status": {"const": status}, "reason": {"enum": sorted(reasons)}}
    id_ = {"instance": "b1946ac92492d234"}
    examples = {
        reason.value: {"summary": reason.sentence, "value": problem.members_of(reason) | id_} for reason in reasons
    }
    schema = _ref("schemas", "Problem") | {"properties": here}
    return {
        "description": " ".join(reason.sentence for reason in reasons),
        "headers": _refs("headers", ["X-Request-ID", "Link", *_OF_PROBLEM.get(status, [])]),
        "content": {problem.MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
