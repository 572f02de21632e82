"""What semantic conventions say of HTTP, and the SDK does not."""

from http import HTTPMethod
from typing import Final

OTHER_METHOD: Final = "_OTHER"  # of a request whose method HTTP does not register
_METHODS: Final = frozenset(map(str, HTTPMethod))


def method_of(method: str) -> str:
    """The method as an attribute: bounded."""
    return method if method in _METHODS else OTHER_METHOD
