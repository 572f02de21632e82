"""The header fields of a request to a page's host: User-Agent, Accept, Accept-Language, Accept-Encoding."""

from scrap import __version__
from scrap.fetch.coding import ACCEPTED

# "bot": some sites give their Open Graph to bots alone. A source tree has no page of its own (RFC 6761, section 6.4).
USER_AGENT = f"Mozilla/5.0 (compatible; scrapbot/{__version__}; +https://scrap.invalid/)"
ACCEPT_LANGUAGE = "en-US,en;q=0.9"  # as browsers send it: some sites answer English to en-US, and not to en
_ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"


def request_headers(user_agent: str) -> bytes:
    """Writes the fields that are the same in each request (RFC 9110, sections 10.1.5 and 12.5)."""
    return (
        f"User-Agent: {user_agent}\r\nAccept: {_ACCEPT}\r\nAccept-Encoding: {ACCEPTED}\r\nConnection: close\r\n"
    ).encode("ascii")
