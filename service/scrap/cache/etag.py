"""Entity-tags: made of a body, compared with those that a client has."""

import re
from base64 import urlsafe_b64encode
from hashlib import blake2b

# entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE (RFC 9110, section 8.8.3); a comma may be part of one.
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def of(body: bytes) -> str:
    """The strong entity-tag of a body: equal bytes, equal tag, on every replica and release."""
    return f'"{urlsafe_b64encode(blake2b(body, digest_size=15).digest()).decode()}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match names this quoted tag, compared weakly (RFC 9110, section 13.1.2)."""
    if if_none_match == etag or if_none_match.strip() == "*":
        return True
    opaque = etag.removeprefix("W/")
    return any(match[1] == opaque for match in _TAG.finditer(if_none_match))
