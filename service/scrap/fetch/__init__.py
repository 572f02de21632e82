"""Fetches pages from a hostile web: guarded at the connection, every part limited, with per-host limits."""

from scrap.fetch.deadline import Deadline
from scrap.fetch.egress_policy import EgressPolicy
from scrap.fetch.fetcher import Fetcher
from scrap.fetch.limits import FetchLimits
from scrap.fetch.page import FetchedPage, Wants

__all__ = [
    "Deadline",
    "EgressPolicy",
    "FetchLimits",
    "FetchedPage",
    "Fetcher",
    "Wants",
]
