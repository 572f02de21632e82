"""Which responses are redirects, and where they lead."""

from scrap import urls
from scrap.errors import InvalidURL, Reason, UpstreamError
from scrap.fetch.response_head import Fields
from scrap.urls import Target

STATUSES = frozenset({301, 302, 303, 307, 308})  # RFC 9110, section 15.4


def location_of(status: int, fields: Fields) -> str | None:
    """Returns a redirect's Location, None where the response is no redirect."""
    found = fields.get(b"location") if status in STATUSES else None
    return urls.decode(found[0]) if found else None


def resolve(location: str, base: Target) -> Target:
    """Parses a Location once, by the parser whose result the guard judges.

    Raises:
        UpstreamError: REDIRECT_INVALID; it is no URL.
    """
    try:
        target = urls.parse(location, base=base.href)
    except InvalidURL as error:
        raise UpstreamError(Reason.REDIRECT_INVALID, f"{error.reason}: {location[:200]!r}") from None
    return target.in_languages(base.languages) if base.languages else target
