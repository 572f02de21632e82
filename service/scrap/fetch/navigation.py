"""The way of one fetch from hop to hop, and which refreshes it follows."""

from scrap import urls
from scrap.errors import Reason, UpstreamError
from scrap.fetch import redirects
from scrap.fetch.cookies import Jar
from scrap.fetch.fields import Fields
from scrap.fetch.limits import FetchLimits
from scrap.refresh import Refresh, parse_refresh
from scrap.urls import Target

REFRESH_SECONDS = 5
"""A refresh after so many seconds, or fewer, is a redirect; a page that is shown for longer is meant to be read."""


class Navigation:
    """The cookies of one fetch, where it has been, and how many hops it has left."""

    def __init__(self, limits: FetchLimits) -> None:
        self._jar = Jar(limits.cookies)
        self._seen: set[tuple[str, bytes]] = set()
        self._left = limits.redirects + 1

    def enter(self, target: Target) -> bytes:
        """Counts a hop; returns its Cookie header's value.

        Raises:
            UpstreamError: REDIRECT_LIMIT, or REDIRECT_LOOP, the same request was sent before.
        """
        if self._left == 0:
            raise UpstreamError(Reason.REDIRECT_LIMIT, target.href)
        self._left -= 1
        cookie = self._jar.header(target)
        if (target.href, cookie) in self._seen:
            raise UpstreamError(Reason.REDIRECT_LOOP, target.href)
        self._seen.add((target.href, cookie))
        return cookie

    def leave(self, target: Target, fields: Fields) -> None:
        """Keeps the cookies of a response that leads on."""
        self._jar.keep(target, fields)


def refreshed(header: str, declared: Refresh | None, here: Target, base: str | None) -> Target | None:
    """Returns where a page leads at once by a refresh; None where it does not, or to no other page that can be fetched.

    Args:
        header: the value of `Refresh`, "" for none; it counts before what the page declares (HTML, section 7.5.1).
        declared: what the page declares.
        here: the page.
        base: its `<base href>`, as written: what it declares is relative to that, the header to `here`.
    """
    sent = parse_refresh(header) if header else None
    refresh = sent or declared
    if refresh is None or refresh.seconds > REFRESH_SECONDS:
        return None
    origin = here.href if sent or not base else urls.resolve(here.href, base) or here.href
    try:
        target = redirects.resolve(urls.resolve(origin, refresh.url) or "", here)
    except UpstreamError:
        return None
    return None if target.href == here.href else target
