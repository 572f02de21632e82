"""URLs without what is private. Texts are cut into words, and each is looked at once: that takes linear time."""

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

_CREDENTIALS = re.compile(r"//[^/?#\s]*@")  # may hold quotation marks
_WORD = re.compile(r"[^\s\"'<>]+")  # no URL spans two of them
_QUERY = re.compile(r"[?#]")
_RELATIVE = re.compile(r"\?\w")  # a relative URL with a query, and no question
_SEPARATOR = re.compile(r"[/?#]")
_BEFORE_A_NAME = re.compile(r".*[(\[{,=]")


def without_query(url: str) -> str:
    """Takes the query out of a URL: it may hold a secret of the client's or the page's."""
    path, question, _ = url.partition("?")
    return f"{path}?…" if question else url


def redact_text(text: str) -> str:
    """Takes queries, fragments and credentials out of every URL in a text, such as the message of an exception."""
    return _changed(text, _redacted)


def only_hosts(text: str, target: str, host: str) -> str:
    """Leaves of every URL in a text its scheme and host, and of a request's target, however it is spelt, its host."""
    for spelling in _spellings(target):
        text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", host, text, flags=re.IGNORECASE)
    return _changed(text, lambda word: _host(_redacted(word)))


def _changed(text: str, change: Callable[[str], str]) -> str:
    return _WORD.sub(lambda word: change(word[0]), _CREDENTIALS.sub("//", text))


def _redacted(word: str) -> str:
    if "%3a%2f%2f" in word.lower():  # a URL inside another's query
        word = unquote(word)
    start, slashes, rest = word.partition("//")
    if not slashes:
        start, rest = "", word
    word = start + slashes + _without_credentials(rest, is_url=bool(slashes))
    path, *query = _QUERY.split(word, maxsplit=1)
    is_url = "/" in path or "=" in word[len(path) :] or _RELATIVE.search(word)
    return f"{path}?…" if query and is_url else word


def _without_credentials(rest: str, *, is_url: bool) -> str:
    """Takes what stands before a host; a password may hold any character, encoded or not."""
    authority = _SEPARATOR.split(rest, maxsplit=1)[0]
    if "@" in authority and is_url:
        return rest[authority.rindex("@") + 1 :]
    name, colon, port = authority.partition(":")
    _, at, host = rest[len(name) :].partition("@")
    if colon and at and not port.isdecimal():
        before = _BEFORE_A_NAME.match(name)
        return (before[0] if before else "") + host
    return rest


def _host(word: str) -> str:
    start, slashes, rest = word.partition("//")
    return start + slashes + _SEPARATOR.split(rest, maxsplit=1)[0]


def _spellings(url: str) -> list[str]:
    """What a URL, or what of it says more than its host, may look like in a text; the longest first."""
    parts = urlsplit(url)
    whole = {url, parts._replace(scheme="", netloc="").geturl(), parts.path, parts.query}
    spellings = {made for one in whole for made in (one, quote(one, safe=""), quote(one), unquote(one))}
    return sorted((one for one in spellings if one not in {"", "/", "%2F"}), key=len, reverse=True)
