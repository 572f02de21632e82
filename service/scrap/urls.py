"""URLs of targets, in one spelling, and the links of pages.

Parsing is the WHATWG URL standard's (ada), so `http://0177.0.0.1/` and `http://bücher.example/ä` mean here what they
mean to a browser. What the standard would repair inside the authority is rejected, but for tabs and line breaks: the
guard must see what was written.
"""

import re
from typing import NamedTuple

import ada_url

from scrap.errors import InvalidURL, Reason

MAX_LENGTH = 2048  # characters; shared links are shorter
_MAX_LENGTH_BEYOND = 4 * MAX_LENGTH  # of a redirect's target, which carries state between pages, and once encoded

# A host has 253 characters at most (RFC 1035). To write one of thousands in ASCII takes time quadratic in its length.
_MAX_AUTHORITY = 1024
# The scheme and the authority as they were written, the latter up to the first of / ? #, with any number of slashes
# before it, backslashes too (WHATWG URL, section 4.4, "special authority ignore slashes state").
_AUTHORITY = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*:)|(?=[/\\]{2}))([/\\]*[^/?#]*)")
_ENDS = "".join(map(chr, range(0x21)))  # C0 controls and space: no part of a URL (section 4.4)
_NOT_UTF8 = re.compile(r"[\udc80-\udcff]")
_UNSAFE_IN_AUTHORITY = re.compile(r"[\s\\%<>\"^`{|}\x00-\x20\x7f-\xa0]")
# An http(s) URL as the standard writes it down again (WHATWG URL, section 4.5), up to its fragment: in this one
# spelling the parts are found by their delimiters.
_SERIALIZED = re.compile(r"(https?)://(?:([^/@]*)@)?(\[[^\]]*\]|[^/:]+)(?::(\d+))?(/[^#]*)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Target(NamedTuple):
    """A page to fetch: absolute, http or https, ASCII, normalized, without a fragment."""

    href: str  # the URL in its one spelling
    scheme: str  # "http" or "https"
    host: str  # without the dot of the DNS root; an IPv6 address without its brackets
    port: int  # to connect to, always given
    path: str  # and query, for the request line
    key: str  # what its preview is cached under: the URL, and the languages
    languages: str = ""  # the Accept-Language of its request; "" for the setting's

    def in_languages(self, languages: str) -> "Target":
        """The same page for a client that prefers these."""
        return self._replace(key=f"{self.href} {languages}", languages=languages)

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def decode(url: bytes) -> str:
    """Decodes UTF-8; bytes that are none stay the bytes they are, percent-encoded."""
    text = url.decode("utf-8", "surrogateescape")
    return text if text.isascii() else _NOT_UTF8.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", text)


def parse(text: str, *, base: str | None = None) -> Target:
    """Reads the URL of a page: an absolute one, or a redirect's, relative to the redirecting page's (`base`).

    Raises:
        InvalidURL: it is too long, malformed, not http(s), or carries credentials.
    """
    text = _without_breaks(text)
    if len(text) > (MAX_LENGTH if base is None else _MAX_LENGTH_BEYOND):
        raise InvalidURL(Reason.URL_TOO_LONG)
    authority = _authority(text, base)
    if len(authority) > _MAX_AUTHORITY or _UNSAFE_IN_AUTHORITY.search(authority):
        raise InvalidURL(Reason.URL_MALFORMED)
    try:
        href = ada_url.join_url(base, text) if base else ada_url.normalize_url(text)
    except ValueError:
        raise InvalidURL(Reason.URL_MALFORMED) from None
    parts = _SERIALIZED.match(href)
    if parts is None:
        raise InvalidURL(Reason.URL_SCHEME)
    scheme, credentials, host, port, path = parts.groups()
    if credentials is not None or "@" in authority:
        raise InvalidURL(Reason.URL_CREDENTIALS)
    if len(href) > _MAX_LENGTH_BEYOND:
        raise InvalidURL(Reason.URL_TOO_LONG)
    href, name = parts[0], host.removesuffix(".")
    # `example.com.` and `example.com` are one DNS name (RFC 1034, section 3.1). `.` and `example.com..` have an empty
    # label: they are none, and keep their dots: `fetch.guard` rejects them.
    if name != host and name and not name.endswith("."):
        href, host = href.replace(host, name, 1), name
    return Target(
        href=href,
        scheme=scheme,
        host=host.strip("[]"),
        port=int(port) if port else _DEFAULT_PORTS[scheme],
        path=path,
        key=href,
    )


def resolve(base: str | None, link: str) -> str | None:
    """Makes a link, as the page has it, absolute by its base; None where that gives no http or https URL."""
    url = _join(base, link)
    return url if url and url.startswith(("https://", "http://")) else None


def base_of(url: str, href: str) -> str:
    """The base of a document's links: its `<base href>`, if that may be one (HTML, section 4.2.3), else its URL."""
    base = _join(url, href) if len(href) <= _MAX_LENGTH_BEYOND else None
    return url if base is None or base.startswith(("data:", "javascript:")) else base


def _join(base: str | None, link: str) -> str | None:
    if len(link) > _MAX_AUTHORITY and len(_authority(_without_breaks(link), base)) > _MAX_AUTHORITY:
        return None
    try:
        return ada_url.join_url(base, link) if base else ada_url.normalize_url(link)
    except ValueError:
        return None


def _without_breaks(url: str) -> str:
    """A URL without what is no part of it, wherever it stands (WHATWG URL, section 4.4)."""
    return url.strip(_ENDS).replace("\t", "").replace("\n", "").replace("\r", "")


def _authority(url: str, base: str | None) -> str:
    """The authority as it was written, with the slashes before it; "" where there is none.

    What follows the scheme of the base is relative to the base, but for two slashes (WHATWG URL, section 4.4, "special
    relative or authority state").
    """
    written = _AUTHORITY.match(url)
    if written is None:
        return ""
    scheme, authority = written.groups()
    is_relative = base and scheme and base.startswith(scheme.lower()) and authority[:2].strip("/\\")
    return "" if is_relative else authority
