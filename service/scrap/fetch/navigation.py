"""What the hops of one fetch have in common, and which refreshes lead to another hop."""

from dataclasses import dataclass, field

from scrap import urls
from scrap.errors import UpstreamError
from scrap.events import FetchEnded
from scrap.fetch import redirects
from scrap.fetch.cookies import Jar
from scrap.fetch.deadline import Deadline
from scrap.refresh import Refresh, parse_refresh
from scrap.urls import Target

REFRESH_SECONDS = 5  # after which a refresh is a redirect, at most; a page that is shown for longer is meant to be read


@dataclass(frozen=True, slots=True)
class Navigation:
    """What the hops of one fetch have in common."""

    summary: FetchEnded
    deadline: Deadline
    jar: Jar
    seen: set[tuple[str, bytes]] = field(default_factory=set)  # the requests: URL and Cookie header


def refreshed(header: str, declared: Refresh | None, here: Target, base: str | None) -> Target | None:
    """Returns where an immediate refresh leads; None where there is none, or to no other page that can be fetched.

    A `Refresh` header counts before what the page declares (HTML, section 7.5.1), and is relative to the page's URL;
    what it declares, to its `<base href>` (as written).
    """
    sent = parse_refresh(header) if header else None
    refresh = sent or declared
    if refresh is None or refresh.url is None or refresh.seconds > REFRESH_SECONDS:
        return None
    origin = here.href if header or not base else urls.resolve(here.href, base) or here.href
    try:
        target = redirects.resolve(refresh.url, here._replace(href=origin))
    except UpstreamError:
        return None
    return None if target.href == here.href else target
