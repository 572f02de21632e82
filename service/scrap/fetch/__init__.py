"""Fetches pages from a hostile web: guarded at the connection, bounded everywhere, polite."""

from scrap.fetch.fetcher import FetchedPage, Fetcher
from scrap.fetch.limits import FetchLimits
from scrap.fetch.policy import EgressPolicy
from scrap.fetch.resolver import Resolve
from scrap.fetch.verdict import GuardVerdict

__all__ = ["EgressPolicy", "FetchLimits", "FetchedPage", "Fetcher", "GuardVerdict", "Resolve"]
