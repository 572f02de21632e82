"""URLs for the eyes of operators."""

import re

_URL = re.compile(r"\bhttps?://[^\s\"'<>]+", re.IGNORECASE)


def without_query(url: str) -> str:
    """Takes the query out of a URL: it may hold a secret of the caller's or the page's."""
    path, question, _ = url.partition("?")
    return f"{path}?…" if question else url


def redact_text(text: str) -> str:
    """Takes queries and credentials out of every URL in a text, such as the message of an exception."""
    return _URL.sub(_redact, text)


def _redact(match: re.Match[str]) -> str:
    scheme, _, rest = without_query(match[0]).partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
