"""Fetches pages from a hostile web: guarded at the connection, bounded everywhere, polite."""

from scrap.fetch.fetcher import Fetcher, Page
from scrap.fetch.limits import Limits
from scrap.fetch.policy import Policy
from scrap.fetch.resolver import Resolve
from scrap.fetch.verdict import Verdict

__all__ = ["Fetcher", "Limits", "Page", "Policy", "Resolve", "Verdict"]
