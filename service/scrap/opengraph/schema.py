"""The JSON Schema of the model, for the API's description."""

from typing import Any

from scrap.opengraph.document import VERTICALS

_STRING = {"type": "string"}
_URL = {"type": "string", "format": "uri", "pattern": "^https?://"}
_SIZE = {"description": "Pixels; the page's text where it is no integer.", "type": ["integer", "string"]}


def _media(name: str, **more: Any) -> dict[str, Any]:
    properties = {"url": _URL, "secure_url": _URL, "type": _STRING} | more
    return {"type": "array", "items": {"type": "object", "description": name, "properties": properties}}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The Open Graph of the page; {} where it has none. A member that the page does not fill is absent.",
    "properties": {
        **dict.fromkeys(("title", "type", "description", "site_name", "locale", "determiner"), _STRING),
        **dict.fromkeys(("url", "image"), _URL),
        "images": _media("og:image", width=_SIZE, height=_SIZE, alt=_STRING),
        "videos": _media("og:video", width=_SIZE, height=_SIZE, alt=_STRING),
        "audios": _media("og:audio"),
        "locales_alternate": {"type": "array", "items": _STRING},
        **{
            name: {"type": "object", "description": f"{name}:*, as the page has it.", "properties": {}}
            for name in VERTICALS
        },
        "properties": {
            "description": "Every [property, content] of the page, in its order, decoded once and otherwise untouched.",
            "type": "array",
            "minItems": 1,
            # Content is null where the page gives none.
            "items": {"type": "array", "items": {"type": ["string", "null"]}, "minItems": 2, "maxItems": 2},
        },
    },
    "additionalProperties": False,
    "dependentRequired": {"title": ["properties"], "images": ["properties"]},
}
