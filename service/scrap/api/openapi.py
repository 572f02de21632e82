"""The API's description (OpenAPI 3.1), built from the tables that responses are made of."""

from typing import Any

import orjson

from scrap.api import problem, scrap
from scrap.errors import Reason

PATH = "/openapi.json"
CACHE_CONTROL = "public, max-age=3600"  # it changes with our version alone

_STRING = {"type": "string"}
_URL = {"type": "string", "format": "uri", "pattern": "^https?://"}
_STRINGS = {"type": "array", "items": _STRING}


def _object(properties: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "object", "description": description, "properties": properties}


def _media(description: str, **more: Any) -> dict[str, Any]:
    return _object({"url": _URL, "secure_url": _URL, "type": _STRING} | more, description)


_SIZE = {"description": "Pixels; the page's text where it is no integer.", "type": ["integer", "string"]}

_VERTICALS = ("article", "book", "profile", "music", "video", "payment")
_OPEN_GRAPH: dict[str, Any] = _object(
    {
        "title": _STRING,
        "type": _STRING,
        "url": _URL,
        "image": _URL,
        **dict.fromkeys(("description", "site_name", "locale", "determiner"), _STRING),
        "images": {"type": "array", "items": _media("og:image", width=_SIZE, height=_SIZE, alt=_STRING)},
        "videos": {"type": "array", "items": _media("og:video", width=_SIZE, height=_SIZE, alt=_STRING)},
        "audios": {"type": "array", "items": _media("og:audio")},
        "locales_alternate": _STRINGS,
        **{name: _object({}, f"{name}:*, as the page has it.") for name in _VERTICALS},
        "properties": {
            "description": "Every [property, content] of the page, in its order, decoded once and otherwise untouched.",
            "type": "array",
            "minItems": 1,
            # Content is null where the page gives none.
            "items": {"type": "array", "items": {"type": ["string", "null"]}, "minItems": 2, "maxItems": 2},
        },
    },
    "The Open Graph of the page; {} where it has none. A member that the page does not fill is absent.",
) | {"additionalProperties": False, "dependentRequired": {"title": ["properties"], "images": ["properties"]}}


def _problem_schema(reasons: list[Reason]) -> dict[str, Any]:
    schema = _object(
        {
            "type": {"enum": sorted({problem.type_of(reason) for reason in reasons})},
            "title": _STRING,
            "status": {"type": "integer"},
            "detail": {"enum": sorted(reason.sentence for reason in reasons)},
            "instance": {"type": "string", "description": "The request's id, as in X-Request-ID and the logs."},
            "reason": {"enum": sorted(reason.value for reason in reasons)},
            "fault": {"enum": sorted({reason.fault.value for reason in reasons})},
            "upstream_status": {"type": "integer", "description": "The HTTP status of the page's response."},
        },
        "A problem (RFC 9457).",
    )
    required = ["type", "title", "status", "detail", "instance", "reason", "fault"]
    return schema | {"required": required, "additionalProperties": False}


_REQUEST_ID = {"X-Request-ID": {"description": "The request's id.", "schema": _STRING, "required": True}}
_CACHE_CONTROL = {"Cache-Control": {"description": "How long this response may be cached.", "schema": _STRING}}
_TIMING = {"Server-Timing": {"description": "dns, connect, fetch and parse in milliseconds.", "schema": _STRING}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def _problems() -> dict[str, Any]:
    by_status: dict[int, list[Reason]] = {}
    for reason in Reason:
        by_status.setdefault(problem.status_of(reason), []).append(reason)
    return {
        str(status): {
            "description": " ".join(reason.sentence for reason in reasons),
            "headers": _REQUEST_ID
            | (_TIMING if status in {403, 502, 503, 504} else {})
            | (_RETRY_AFTER if status in {502, 503} else {}),
            "content": {problem.MEDIA_TYPE: {"schema": _problem_schema(reasons)}},
        }
        for status, reasons in sorted(by_status.items())
    }


def _parameter(name: str, where: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "description": description, "schema": _STRING} | more


_URL_PARAMETER = _parameter(
    "url",
    "query",
    "The page's absolute http or https URL, percent-encoded.",
    schema={"type": "string", "minLength": 1, "maxLength": 2048},
    required=True,
    example="https://ogp.me/",
)
_ID_PARAMETER = _parameter(
    "X-Request-ID", "header", "The client's own id; used where it is at most 64 letters, digits and ._-"
)
_ETAG_PARAMETER = _parameter("If-None-Match", "header", "ETags of responses that the client has.")
_LANGUAGE_PARAMETER = _parameter(
    "Accept-Language",
    "header",
    "The languages that the page's host is asked for, the three preferred most; without it, those of the settings.",
    example="de-CH,de;q=0.9,en;q=0.8",
)
_CACHE_PARAMETER = _parameter(
    "Cache-Control", "header", "With no-cache the page is fetched anew, if that was not done a moment ago."
)


def _operations(identity: str, summary: str, parameters: list[Any], responses: dict[str, Any]) -> dict[str, Any]:
    """GET and HEAD of a path: the same, but for the body."""
    bodiless = {status: {k: v for k, v in response.items() if k != "content"} for status, response in responses.items()}
    shared = {"summary": summary, "parameters": parameters}
    return {
        "get": shared | {"operationId": identity, "responses": responses},
        "head": shared | {"operationId": f"{identity}Head", "responses": bodiless},
    }


_SUMMARY = "Returns the Open Graph of the page at a URL."
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_OF_ANY_CALL = {"400", "408", "431", "500", "503"}  # of the connection, and of a bug


def render(version: str) -> bytes:
    """The description as JSON."""
    kept = {
        "Age": {"description": "Seconds since it was made.", "schema": {"type": "integer", "minimum": 0}},
        "ETag": {"description": "For If-None-Match.", "schema": _STRING},
        "Vary": {"description": "Accept-Language.", "schema": _STRING},
    }
    headers = _REQUEST_ID | _CACHE_CONTROL | kept | _TIMING
    found = {"description": "The page's Open Graph; {} where it has none, or is not HTML.", "headers": headers}
    unchanged = {"description": "The client has this response already (If-None-Match).", "headers": headers}
    problems = _problems()
    # No responses of an operation: those of another path, and of another method.
    others = {"NotFound": problems.pop("404"), "MethodNotAllowed": problems.pop("405")}
    others["MethodNotAllowed"]["headers"] |= {"Allow": {"description": "Its methods.", "schema": _STRING}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenGraph"}}}
    description = {
        "description": "An OpenAPI 3.1 document.",
        "headers": _REQUEST_ID | _CACHE_CONTROL,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    parameters = [_URL_PARAMETER, _LANGUAGE_PARAMETER, _CACHE_PARAMETER, _ETAG_PARAMETER, _ID_PARAMETER]
    responses = {"200": found | {"content": content}, "304": unchanged} | problems
    described = {"200": description} | {s: r for s, r in problems.items() if s in _OF_ANY_CALL}
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "scrap", "version": version, "summary": _SUMMARY, "license": _LICENSE},
        "paths": {
            scrap.PATH: _operations("scrap", "The Open Graph of a page", parameters, responses),
            PATH: _operations("describe", "This description", [_ID_PARAMETER], described),
        },
        "components": {"schemas": {"OpenGraph": _OPEN_GRAPH}, "responses": others},
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)
