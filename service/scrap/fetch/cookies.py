"""The cookies of one fetch (RFC 6265 and 6265bis): some sites redirect in a circle until they get theirs back."""

import re
import time
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from publicsuffixlist import PublicSuffixList

from scrap.fetch import guard
from scrap.fetch.limits import FetchLimits
from scrap.fetch.response_head import Fields
from scrap.urls import Target

_PUBLIC_SUFFIXES = PublicSuffixList()
_MAX_PAIR, _MAX_ATTRIBUTE = 4096, 1024  # bytes (6265bis, section 5.6)
_MAX_ATTRIBUTES = 16  # that are read of a cookie; there are eight
_MAX_TOKENS = 8  # that are read of a date; it has six
_PREFIXES = (b"__secure-", b"__host-")
_CONTROL = re.compile(rb"[\0-\x08\x0a-\x1f\x7f]")
_MAX_AGE = re.compile(rb"-?[0-9]+")
_DATE_TOKEN = re.compile(rb"[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_CLOCK = re.compile(rb"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(rb"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(rb"([0-9]{2,4})(?![0-9])")
_MONTHS = b"jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = re.compile(b"|".join(_MONTHS), re.IGNORECASE)


class Cookie(NamedTuple):
    """A cookie; one with the same first four fields replaces it. `pair` is sent, an expired one is to be deleted."""

    name: bytes
    domain: str
    host_only: bool
    path: bytes
    pair: bytes
    secure: bool
    expired: bool

    def goes_to(self, target: Target) -> bool:
        """Whether a request has it (RFC 6265, section 5.4)."""
        path = _path(target)
        return (
            (target.host == self.domain or (not self.host_only and _is_below(target.host, self.domain)))
            and (path == self.path or path.startswith(self.path.removesuffix(b"/") + b"/"))
            and (target.scheme == "https" or not self.secure)
        )


class Jar:
    """Keeps cookies from hop to hop, and dies with its fetch. A cookie beyond the limits is not kept."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._cookies: dict[tuple[object, ...], Cookie] = {}  # the oldest first

    def keep(self, target: Target, fields: Fields) -> None:
        """Takes what a response sets (RFC 6265, section 5.3)."""
        for line in fields.get(b"set-cookie", [])[: self._limits.cookies]:
            cookie = read_cookie(line, target, time.time())
            if cookie is None:
                continue
            key = cookie[:4]
            others = [len(kept.pair) for other, kept in self._cookies.items() if other != key]
            if cookie.expired:
                self._cookies.pop(key, None)
            elif len(others) < self._limits.cookies and sum(others) + len(cookie.pair) <= self._limits.cookie_bytes:
                self._cookies[key] = cookie

    def header(self, target: Target) -> bytes:
        """Writes the Cookie header's value for a request, longer paths first; empty where there is none to send."""
        if not self._cookies:
            return b""
        found = [cookie for cookie in self._cookies.values() if cookie.goes_to(target)]
        return b"; ".join(cookie.pair for cookie in sorted(found, key=lambda cookie: -len(cookie.path)))


def read_cookie(line: bytes, target: Target, now: float) -> Cookie | None:
    """Reads a Set-Cookie header's value (RFC 6265, sections 5.2 and 5.3); None for what sets no cookie.

    `target` is the request whose response has it, `now` seconds since the epoch.
    """
    first, *attributes = line.split(b";", _MAX_ATTRIBUTES + 1)[: _MAX_ATTRIBUTES + 1]
    name, equals, value = first.partition(b"=")
    name, value = (name.strip(b" \t"), value.strip(b" \t")) if equals else (b"", first.strip(b" \t"))
    if _CONTROL.search(line) or not (name or value) or len(name) + len(value) > _MAX_PAIR:
        return None
    found: dict[bytes, list[bytes]] = {}
    for attribute in attributes:
        key, _, text = (part.strip(b" \t") for part in attribute.partition(b"="))
        if len(text) <= _MAX_ATTRIBUTE:
            found.setdefault(key.lower(), []).append(text)
    # The last one of a kind that can be read counts; Max-Age before Expires.
    domain = found.get(b"domain", [b""])[-1].removeprefix(b".").decode("latin-1").lower()
    path, secure = found.get(b"path", [b""])[-1], b"secure" in found
    ages = [int(text) for text in found.get(b"max-age", []) if _MAX_AGE.fullmatch(text)]
    dates = [date - now for text in found.get(b"expires", [])[-2:] if (date := read_date(text)) is not None]
    expired = (ages or dates or [1])[-1] <= 0
    if domain and domain != target.host and (not _is_below(target.host, domain) or _PUBLIC_SUFFIXES.is_public(domain)):
        return None
    host_only = not domain or _PUBLIC_SUFFIXES.is_public(domain)
    prefixed = (name or value).lower()
    if (
        (secure and target.scheme != "https")
        or (prefixed.startswith(_PREFIXES) and not (name and secure))
        or (prefixed.startswith(b"__host-") and not (host_only and path == b"/"))
    ):
        return None
    if not path.startswith(b"/"):  # the default path (section 5.1.4)
        path = _path(target).rpartition(b"/")[0] or b"/"
    pair = b"%b=%b" % (name, value) if name else value
    return Cookie(name, domain or target.host, host_only, path, pair, secure, expired)


def read_date(text: bytes) -> float | None:
    """Reads a date as browsers do, its parts in any order (RFC 6265, section 5.1.1): seconds since the epoch."""
    parts: dict[re.Pattern[bytes], re.Match[bytes]] = {}
    for token in islice(_DATE_TOKEN.finditer(text), _MAX_TOKENS):
        for part in (_CLOCK, _DAY, _MONTH, _YEAR):
            if part not in parts and (found := part.match(token[0])):
                parts[part] = found
                break
    try:
        hour, minute, second = map(int, parts[_CLOCK].groups())
        day, month, year = int(parts[_DAY][1]), _MONTHS.index(parts[_MONTH][0].lower()) + 1, int(parts[_YEAR][1])
        year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() if year >= 1601 else None
    except (KeyError, ValueError):
        return None


def _is_below(host: str, domain: str) -> bool:
    """Whether a host's name ends in a domain (RFC 6265, section 5.1.3); an address is no name."""
    return host.endswith(f".{domain}") and guard.literal(host) is None


def _path(target: Target) -> bytes:
    return target.path.partition("?")[0].encode("ascii")
