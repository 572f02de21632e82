"""The User-Agent of requests to pages, where no setting gives another (RFC 9110, section 10.1.5)."""

from scrap import __version__

# An honest name, and where to read about the service; a source tree has no page of its own (RFC 6761, section 6.4).
# "bot": some sites give their Open Graph to bots alone.
USER_AGENT = f"Mozilla/5.0 (compatible; scrapbot/{__version__}; +https://scrap.invalid/)"
