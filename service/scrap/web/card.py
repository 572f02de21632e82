"""The card of a page, as chats show it. No I/O."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from scrap.explanation import image_of

_LARGE_WIDTH, _LARGE_HEIGHT = 600, 315  # pixels; what Facebook's guide asks of a large image
_SQUARE = 1.3  # width to height; below it, an image is shown beside the text
_DAY = len("2026-11-23")


class Card(NamedTuple):
    layout: str  # "large": the image above the text; "small": beside it; "plain": there is none
    kind: str  # "video", "article" or "link"
    site: str
    title: str
    description: str
    image: str  # an http or https URL
    alt: str
    about: list[str]  # of an article its authors, section and time of publication; of a video its size


def card_of(graph: dict[str, Any], url: str) -> Card:
    """Makes the card of a page's Open Graph; `url` is where the page was found."""
    image, first = graph.get("image", ""), image_of(graph)
    article, videos = graph.get("article", {}), graph.get("videos", [])
    kind, about = "link", list[str]()
    if videos or graph.get("type", "").startswith("video"):
        kind, about = "video", [size for size in map(_size, videos[:1]) if size]
    elif article or graph.get("type") == "article":
        about = [_joined(article.get("author")), article.get("section", ""), article.get("published_time", "")[:_DAY]]
        kind, about = "article", list(filter(None, about))
    return Card(
        layout=_layout(first) if image else "plain",
        kind=kind,
        site=graph.get("site_name") or urlsplit(graph.get("url") or url).hostname or "",
        title=graph.get("title", ""),
        description=graph.get("description", ""),
        image=first.get("secure_url") or image,
        alt=first.get("alt", ""),
        about=about,
    )


def _layout(image: dict[str, Any]) -> str:
    """Large, unless the page gives a size that is too small, or nearly square."""
    width, height = image.get("width"), image.get("height")
    if (isinstance(width, int) and width < _LARGE_WIDTH) or (isinstance(height, int) and height < _LARGE_HEIGHT):
        return "small"
    if isinstance(width, int) and isinstance(height, int) and width < height * _SQUARE:
        return "small"
    return "large"


def _size(video: dict[str, Any]) -> str:
    return f"{video['width']}x{video['height']}" if {"width", "height"} <= video.keys() else ""


def _joined(value: str | list[str] | None) -> str:
    return ", ".join(value[:3]) if isinstance(value, list) else value or ""
