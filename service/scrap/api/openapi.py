"""The API's description (OpenAPI 3.1), built from the tables that responses are made of."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson

from scrap import opengraph
from scrap.api import problem, scrap
from scrap.errors import Fault, Reason

PATH = "/openapi.json"
CACHE_CONTROL = "public, max-age=3600"  # it changes with our version alone

_EXAMPLE = Path(__file__).parent / "pages" / "example.json"
_STRING = {"type": "string"}
_SECONDS = {"type": "integer", "minimum": 0}
_ID = "b1946ac92492d234"
_PHASES = "dns;dur=1.2, connect;dur=21.0, fetch;dur=140.3, parse;dur=0.4"
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_TIMINGS = "The time of the look-up, the connection, the fetch and the parsing in milliseconds; 0.0 from the cache."
_LOCATION = "The page's URL after its redirects (RFC 9110, section 8.7); absent where it has over 2,048 characters."


def _ref(kind: str, name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _problem_schema() -> dict[str, Any]:
    instance = "The request's id, as in X-Request-ID and the logs."
    required: dict[str, dict[str, Any]] = {
        "type": {"description": "Stable.", "enum": sorted({problem.type_of(reason) for reason in Reason})},
        "title": {"description": "The type, in words.", **_STRING},
        "status": {"description": "The response's status.", "type": "integer"},
        "detail": {"description": "The reason, in words.", "enum": sorted(reason.sentence for reason in Reason)},
        "instance": {"description": instance, **_STRING},
        "reason": {"description": "Stable, and finer than the type.", "enum": sorted(Reason)},
        "fault": {"description": "The client's, the page's or the service's.", "enum": sorted(Fault)},
    }
    upstream_status = {"type": "integer", "description": "The status of the page's response, where there was one."}
    return {
        "type": "object",
        "description": "A problem (RFC 9457).",
        "properties": required | {"upstream_status": upstream_status},
        "required": list(required),
        "additionalProperties": False,
    }


def _header(description: str, example: Any, schema: dict[str, Any] = _STRING, **more: Any) -> dict[str, Any]:
    return {"description": description, "schema": schema, "example": example} | more


_HEADERS = {
    "X-Request-ID": _header("The request's id; the request's log line has it, too.", _ID, required=True),
    "Cache-Control": _header("How long this response may be cached.", "public, max-age=600"),
    "Age": _header("Seconds since it was made.", 12, _SECONDS),
    "ETag": _header("The entity-tag of the body, for If-None-Match.", '"2Yz5kWbYvY7vJ1lHq3Cq"'),
    "Vary": _header("Accept-Language: it chooses the page.", "accept-language"),
    "Content-Location": _header(_LOCATION, "https://ogp.me/", {"type": "string", "format": "uri", "maxLength": 2048}),
    "Server-Timing": _header(_TIMINGS, _PHASES),
    "Link": _header("A page that explains the problem's type (rel=help).", '</problems/shed>; rel="help"'),
    "Retry-After": _header("Seconds to wait before the next request.", 1, _SECONDS | {"minimum": 1}),
    "Allow": _header("The methods that the path supports.", "GET, HEAD"),
}
# The headers of problems, by status, beside X-Request-ID and Link.
_OF_PROBLEM = {status: ["Server-Timing"] for status in (403, 504)} | {405: ["Allow"]}
_OF_PROBLEM |= {status: ["Server-Timing", "Retry-After"] for status in (502, 503)}


def _headers(*names: str) -> dict[str, Any]:
    return {name: _ref("headers", name) for name in ("X-Request-ID", *names)}


def _problems() -> dict[int, list[Reason]]:
    """The reasons of each status."""
    by_status: dict[int, list[Reason]] = {}
    for reason in Reason:
        by_status.setdefault(problem.status_of(reason), []).append(reason)
    return dict(sorted(by_status.items()))


def _name(status: int) -> str:
    """The name of a status's component: BadGateway."""
    named = {499: "Client Closed Request"}  # nginx's
    return (named.get(status) or HTTPStatus(status).phrase).title().replace(" ", "")


def _problem_response(status: int, reasons: list[Reason]) -> dict[str, Any]:
    here = {"status": {"const": status}, "reason": {"enum": sorted(reasons)}}
    examples = {
        reason.value: {"summary": reason.sentence, "value": problem.members_of(reason) | {"instance": _ID}}
        for reason in reasons
    }
    return {
        "description": " ".join(reason.sentence for reason in reasons),
        "headers": _headers("Link", *_OF_PROBLEM.get(status, ())),
        "content": {
            problem.MEDIA_TYPE: {"schema": _ref("schemas", "Problem") | {"properties": here}, "examples": examples}
        },
    }


def _parameter(name: str, description: str, example: str, where: str = "header", **more: Any) -> dict[str, Any]:
    found = {"name": name, "in": where, "description": description, "schema": _STRING, "example": example}
    return found | more


_LANGUAGES = "The languages that the page's host is asked for, the three preferred most; without it, the setting's."
_NO_CACHE = "With no-cache the page is fetched anew, if that was not done a moment ago."
_PARAMETERS = {
    "url": _parameter(
        "url",
        "The page's absolute http or https URL, percent-encoded.",
        "https://ogp.me/",
        "query",
        schema={"type": "string", "minLength": 1, "maxLength": 2048},
        required=True,
    ),
    "AcceptLanguage": _parameter("Accept-Language", _LANGUAGES, "de-CH,de;q=0.9,en;q=0.8"),
    "CacheControl": _parameter("Cache-Control", _NO_CACHE, "no-cache"),
    "IfNoneMatch": _parameter("If-None-Match", "ETags of responses that the client has.", '"2Yz5kWbYvY7vJ1lHq3Cq"'),
    "RequestID": _parameter(
        "X-Request-ID", "The client's own id; used where it is at most 64 letters, digits and ._-", _ID
    ),
    "TraceParent": _parameter("traceparent", "The client's trace, which the request's spans join (W3C).", _TRACE),
    "TraceState": _parameter("tracestate", "What tracing systems add to it (W3C).", "vendor=1"),
}
_OF_ANY = ("RequestID", "TraceParent", "TraceState")


def _operations(identity: str, summary: str, parameters: Any, responses: dict[str, Any], tag: str) -> dict[str, Any]:
    """GET and HEAD of a path: the same, but for the body."""
    refs = [_ref("parameters", name) for name in parameters]
    shared = {"tags": [tag], "summary": summary, "parameters": refs, "responses": responses}
    return {"get": shared | {"operationId": identity}, "head": shared | {"operationId": f"{identity}Head"}}


_SUMMARY = "Returns the Open Graph of the page at a URL."
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_OF_ANY_REQUEST = {400, 408, 431, 500, 503}  # of the connection, and of a bug
_OF_OTHERS = {404, 405}  # no responses of an operation: those of another path, and of another method


def render(version: str) -> bytes:
    """The description as JSON."""
    headers = _headers("Cache-Control", "Age", "ETag", "Vary", "Content-Location", "Server-Timing")
    examples = {
        "preview": {"summary": "A page with Open Graph", "value": orjson.loads(_EXAMPLE.read_bytes())},
        "nothing": {"summary": "A page without it", "value": {}},
    }
    found = {
        "description": "The page's Open Graph; {} where it has none, or is not HTML.",
        "headers": headers,
        "content": {"application/json": {"schema": _ref("schemas", "OpenGraph"), "examples": examples}},
    }
    unchanged = {"description": "The client has this response already (If-None-Match).", "headers": headers}
    description = {
        "description": "An OpenAPI 3.1 document.",
        "headers": _headers("Cache-Control"),
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    problems = _problems()
    refs = {status: _ref("responses", _name(status)) for status in problems}
    responses = {"200": found, "304": unchanged} | {str(s): ref for s, ref in refs.items() if s not in _OF_OTHERS}
    described = {"200": description} | {str(s): ref for s, ref in refs.items() if s in _OF_ANY_REQUEST}
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "scrap", "version": version, "summary": _SUMMARY, "license": _LICENSE},
        "servers": [{"url": "/", "description": "The service that this document is from."}],
        "tags": [
            {"name": "Previews", "description": "What a chat shows of a link."},
            {"name": "Description", "description": "The API, for machines."},
        ],
        "paths": {
            scrap.PATH: _operations("scrap", "The Open Graph of a page", _PARAMETERS, responses, "Previews"),
            PATH: _operations("describe", "This description", _OF_ANY, described, "Description"),
        },
        "components": {
            "schemas": {"OpenGraph": opengraph.SCHEMA, "Problem": _problem_schema()},
            "responses": {_name(status): _problem_response(status, reasons) for status, reasons in problems.items()},
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
        },
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)
