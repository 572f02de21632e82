"""The page at `/`, for people: paste a URL, see the card, and why it is empty. `page` imports Jinja2."""

from dataclasses import dataclass

STATIC = ("page.css", "page.js", "icon.svg")
ROUTES = frozenset({"/", *(f"/static/{name}" for name in STATIC)})


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Whether there is a page, and what it shows."""

    is_on: bool = True  # whether there is one
    has_images: bool = True  # whether the browser loads the card's image from its host
