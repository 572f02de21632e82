"""Entity-tags: made of a body, compared with those that a client has."""

import re
from base64 import urlsafe_b64encode
from hashlib import blake2b

# The opaque-tag, DQUOTE *etagc DQUOTE, of an entity-tag (RFC 9110, section 8.8.3); a comma may be part of one.
_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


def of(body: bytes) -> str:
    """The strong entity-tag of a body: equal bytes, equal tag, on every replica and release."""
    return f'"{urlsafe_b64encode(blake2b(body, digest_size=15).digest()).decode()}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match names this strong tag, compared weakly (RFC 9110, section 13.1.2)."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
