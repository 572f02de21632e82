"""The reasons of problems, by what they have in common."""

from typing import Any

from scrap.api.problem import members_of
from scrap.errors import Reason


def reasons_by(member: str) -> dict[Any, list[Reason]]:
    """The reasons whose problems have the same value of a member, by that value."""
    found: dict[Any, list[Reason]] = {}
    for reason in Reason:
        found.setdefault(members_of(reason)[member], []).append(reason)
    return found
