"""Which responses are redirects, which refreshes are like one, and where they lead.

`Fetcher._begin_hop` ends a loop, and a chain of more than `FetchLimits.redirects`.
"""

from scrap import urls
from scrap.errors import InvalidURL, Reason, UpstreamError
from scrap.fetch.response_head import Fields
from scrap.refresh import Refresh, parse_refresh
from scrap.urls import Target

STATUSES = frozenset({301, 302, 303, 307, 308})  # RFC 9110, section 15.4
REFRESH_SECONDS = 5  # after which a refresh is a redirect, at most; a page that is shown for longer is meant to be read


def location_of(status: int, fields: Fields) -> str | None:
    """Returns a redirect's Location, None where the response is no redirect."""
    found = fields.get(b"location") if status in STATUSES else None
    return urls.decode(found[0]) if found else None


def resolve(location: str, base: Target) -> Target:
    """Parses a Location once, by the parser whose result the guard judges; raises UpstreamError where it is no URL."""
    try:
        target = urls.parse(location, base=base.href)
    except InvalidURL as error:
        raise UpstreamError(Reason.REDIRECT_INVALID, f"{error.reason}: {location[:200]!r}") from None
    return target.in_languages(base.languages) if base.languages else target


def refreshed(header: str, declared: Refresh | None, here: Target, base: str | None) -> Target | None:
    """Returns where an immediate refresh leads; None where there is none, or to no other page that can be fetched.

    A `Refresh` header counts before what the page declares (HTML, section 7.5.1), and is relative to the page's URL;
    what it declares, to its `<base href>` (as written).
    """
    sent = parse_refresh(header) if header else None
    refresh = sent or declared
    if refresh is None or refresh.url is None or refresh.seconds > REFRESH_SECONDS:
        return None
    origin = here.href if sent or not base else urls.base_of(here.href, base)
    try:
        target = resolve(refresh.url, here._replace(href=origin))
    except UpstreamError:
        return None
    return None if target.href == here.href else target
