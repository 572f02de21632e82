"""Which responses are redirects, and where they lead."""

from scrap import urls
from scrap.errors import InvalidURL, Reason, UpstreamError
from scrap.fetch.fields import Fields, values
from scrap.urls import Target

STATUSES = frozenset({301, 302, 303, 307, 308})  # RFC 9110, section 15.4


def location_of(status: int, fields: Fields) -> str | None:
    """Returns a redirect's Location, None where the response is no redirect; some hosts send it in UTF-8, unencoded."""
    if status in STATUSES:
        for value in values(fields, b"location"):
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                return value.decode("latin-1")
    return None


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
