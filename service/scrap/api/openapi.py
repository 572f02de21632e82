"""The API's description (OpenAPI 3.1), built from the tables that responses are made of."""

from typing import Any

import orjson

from scrap import opengraph
from scrap.api import explain, problem, scrap
from scrap.errors import Reason

PATH = "/openapi.json"
CACHE_CONTROL = "public, max-age=3600"  # it changes with our version alone

_STRING = {"type": "string"}


def _problem_schema(reasons: list[Reason]) -> dict[str, Any]:
    required = {
        "type": {"enum": sorted({problem.type_of(reason) for reason in reasons})},
        "title": _STRING,
        "status": {"type": "integer"},
        "detail": {"enum": sorted(reason.sentence for reason in reasons)},
        "instance": {"type": "string", "description": "The request's id, as in X-Request-ID and the logs."},
        "reason": {"enum": sorted(reason.value for reason in reasons)},
        "fault": {"enum": sorted({reason.fault.value for reason in reasons})},
    }
    upstream_status = {"type": "integer", "description": "The HTTP status of the page's response."}
    return {
        "type": "object",
        "description": "A problem (RFC 9457).",
        "properties": required | {"upstream_status": upstream_status},
        "required": list(required),
        "additionalProperties": False,
    }


_SECONDS = {"type": "integer", "minimum": 0}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "The request's id.", "schema": _STRING, "required": True},
    "Cache-Control": {"description": "How long this response may be cached.", "schema": _STRING},
    "Age": {"description": "Seconds since it was made.", "schema": _SECONDS},
    "ETag": {"description": "For If-None-Match.", "schema": _STRING},
    "Vary": {"description": "Accept-Language.", "schema": _STRING},
    "Server-Timing": {"description": "dns, connect, fetch and parse in milliseconds.", "schema": _STRING},
    "Retry-After": {"description": "Seconds.", "schema": _SECONDS | {"minimum": 1}},
    "Allow": {"description": "Its methods.", "schema": _STRING},
}
# The headers of problems, by status, beside X-Request-ID.
_OF_PROBLEM = {status: ["Server-Timing"] for status in (403, 504)} | {405: ["Allow"]}
_OF_PROBLEM |= {status: ["Server-Timing", "Retry-After"] for status in (502, 503)}


def _headers(*names: str) -> dict[str, Any]:
    return {name: _HEADERS[name] for name in ("X-Request-ID", *names)}


def _problems() -> dict[str, Any]:
    by_status: dict[int, list[Reason]] = {}
    for reason in Reason:
        by_status.setdefault(problem.status_of(reason), []).append(reason)
    return {
        str(status): {
            "description": " ".join(reason.sentence for reason in reasons),
            "headers": _headers(*_OF_PROBLEM.get(status, ())),
            "content": {problem.MEDIA_TYPE: {"schema": _problem_schema(reasons)}},
        }
        for status, reasons in sorted(by_status.items())
    }


def _parameter(name: str, description: str, where: str = "header", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "description": description, "schema": _STRING} | more


_ID_PARAMETER = _parameter("X-Request-ID", "The client's own id; used where it is at most 64 letters, digits and ._-")
_LANGUAGES = "The languages that the page's host is asked for, the three preferred most; without it, the setting's."
_PARAMETERS = [
    _parameter(
        "url",
        "The page's absolute http or https URL, percent-encoded.",
        "query",
        schema={"type": "string", "minLength": 1, "maxLength": 2048},
        required=True,
        example="https://ogp.me/",
    ),
    _parameter("Accept-Language", _LANGUAGES, example="de-CH,de;q=0.9,en;q=0.8"),
    _parameter("Cache-Control", "With no-cache the page is fetched anew, if that was not done a moment ago."),
    _parameter("If-None-Match", "ETags of responses that the client has."),
    _ID_PARAMETER,
]


def _operations(identity: str, summary: str, parameters: list[Any], responses: dict[str, Any]) -> dict[str, Any]:
    """GET and HEAD of a path: the same, but for the body."""
    bodiless = {status: {k: v for k, v in response.items() if k != "content"} for status, response in responses.items()}
    shared = {"summary": summary, "parameters": parameters}
    return {
        "get": shared | {"operationId": identity, "responses": responses},
        "head": shared | {"operationId": f"{identity}Head", "responses": bodiless},
    }


_OF_EXPLAIN = [parameter for parameter in _PARAMETERS if parameter["name"] not in {"Cache-Control", "If-None-Match"}]
_OPEN_GRAPH = {"$ref": "#/components/schemas/OpenGraph"}
_EXPLANATION = {
    "description": "How the page was fetched and read, and why it has no Open Graph if it has none (docs/explain.md).",
    "headers": _headers("Cache-Control", "Server-Timing"),
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"url": _STRING, "outcome": _STRING, "open_graph": _OPEN_GRAPH},
                "required": ["url", "outcome", "cache", "hops", "seconds", "open_graph"],
            }
        }
    },
}
_SUMMARY = "Returns the Open Graph of the page at a URL."
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_OF_ANY_CALL = {"400", "408", "431", "500", "503"}  # of the connection, and of a bug


def render(version: str) -> bytes:
    """The description as JSON."""
    headers = _headers("Cache-Control", "Age", "ETag", "Vary", "Server-Timing")
    found = {"description": "The page's Open Graph; {} where it has none, or is not HTML.", "headers": headers}
    unchanged = {"description": "The client has this response already (If-None-Match).", "headers": headers}
    problems = _problems()
    # No responses of an operation: those of another path, and of another method.
    others = {"NotFound": problems.pop("404"), "MethodNotAllowed": problems.pop("405")}
    content = {"application/json": {"schema": _OPEN_GRAPH}}
    json = {"application/json": {"schema": {"type": "object"}}}
    description = {"description": "An OpenAPI 3.1 document.", "headers": _headers("Cache-Control"), "content": json}
    responses = {"200": found | {"content": content}, "304": unchanged} | problems
    described = {"200": description} | {s: r for s, r in problems.items() if s in _OF_ANY_CALL}
    page_failed = ("403", "502", "504")  # is explained
    explained = {"200": _EXPLANATION} | {s: r for s, r in problems.items() if s not in page_failed}
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "scrap", "version": version, "summary": _SUMMARY, "license": _LICENSE},
        "paths": {
            explain.PATH: _operations("explain", "How a page's Open Graph is found", _OF_EXPLAIN, explained),
            scrap.PATH: _operations("scrap", "The Open Graph of a page", _PARAMETERS, responses),
            PATH: _operations("describe", "This description", [_ID_PARAMETER], described),
        },
        "components": {"schemas": {"OpenGraph": opengraph.SCHEMA}, "responses": others},
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)
