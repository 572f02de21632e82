"""The header fields of a request to a page's host: User-Agent, Accept, Accept-Language, Accept-Encoding."""

from scrap import __version__
from scrap.fetch.coding import ACCEPTED

USER_AGENT = f"Mozilla/5.0 (compatible; scrap/{__version__}; +https://github.com/scrap-dev/scrap)"
_ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"


def request_headers(user_agent: str, accept_language: str) -> bytes:
    """Writes the fields that are the same in each request (RFC 9110, sections 10.1.5 and 12.5)."""
    return (
        f"User-Agent: {user_agent}\r\nAccept: {_ACCEPT}\r\nAccept-Language: {accept_language}\r\n"
        f"Accept-Encoding: {ACCEPTED}\r\nConnection: close\r\n"
    ).encode("ascii")
