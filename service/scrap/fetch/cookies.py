"""The cookies of one fetch: some sites redirect in a circle until they get theirs back."""

import re
from email.message import Message
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, cast
from urllib.request import Request

if TYPE_CHECKING:
    from http.client import HTTPResponse

from scrap.fetch.fields import Fields, values
from scrap.urls import Target

_UNSAFE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class Jar:
    """Keeps cookies from hop to hop, each for the hosts and paths it is meant for (RFC 6265), and dies with its fetch.

    Args:
        most: cookies taken from one response, the first ones.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._jar: CookieJar | None = None  # made when the first cookie comes: most fetches see none

    def keep(self, target: Target, fields: Fields) -> None:
        """Takes what a response sets."""
        cookies = values(fields, b"set-cookie")
        if cookies:
            self._jar = self._jar or CookieJar()
            self._jar.extract_cookies(cast("HTTPResponse", _Response(cookies[: self._most])), _request(target))

    def header(self, target: Target) -> bytes:
        """Writes the Cookie header's value for a request; empty where there is none to send."""
        if self._jar is None:
            return b""
        request = _request(target)
        self._jar.add_cookie_header(request)
        value = request.get_header("Cookie") or ""
        return b"" if _UNSAFE.search(value) else value.encode("latin-1")


class _Response:
    """What a cookie jar reads of a response."""

    def __init__(self, cookies: list[bytes]) -> None:
        self._message = Message()
        for cookie in cookies:
            self._message["Set-Cookie"] = cookie.decode("latin-1")

    def info(self) -> Message:
        return self._message


def _request(target: Target) -> Request:
    return Request(target.href)  # noqa: S310 - nothing is opened: a cookie jar reads the URL from it
