"""Cookies from hop to hop."""

import pytest

from scrap import urls
from scrap.fetch.cookies import Jar

HERE = urls.parse("https://www.example.com/a/b")


def kept(*cookies: bytes) -> Jar:
    jar = Jar(50)
    jar.keep(HERE, [(b"set-cookie", cookie) for cookie in cookies])
    return jar


def test_nothing_kept_nothing_sent() -> None:
    assert kept().header(HERE) == b""


@pytest.mark.parametrize(
    ("cookie", "url", "sent"),
    [
        (b"a=b", "https://www.example.com/a/c", True),
        (b"a=b", "https://www.example.com/", False),
        (b"a=b; Path=/", "https://www.example.com/", True),
        (b"a=b; Path=/", "https://www.example.com:8443/", True),
        (b"a=b; Path=/", "https://example.com/", False),
        (b"a=b; Path=/; Domain=example.com", "https://other.example.com/", True),
        (b"a=b; Path=/; Domain=other.example", "https://other.example/", False),
        (b"a=b; Path=/; Domain=com", "https://other.com/", False),
        (b"a=b; Path=/; Secure", "http://www.example.com/", False),
        (b"a=b; Path=/; Max-Age=0", "https://www.example.com/", False),
        (b"nonsense", "https://elsewhere.example/", False),
    ],
)
def test_cookie_goes_where_it_belongs(cookie: bytes, url: str, sent: bool) -> None:
    assert kept(cookie).header(urls.parse(url)) == (b"a=b" if sent else b"")


def test_bytes_come_back_as_they_came() -> None:
    assert kept(b"a=\xe4\xff").header(HERE) == b"a=\xe4\xff"


@pytest.mark.parametrize("cookie", [b"a=b\r\nX-Injected: yes", b"a=b\nc", b"a=\0"])
def test_cookie_that_would_break_the_line_is_not_sent(cookie: bytes) -> None:
    """The HTTP parser lets none through; this does not depend on it."""
    assert b"\n" not in kept(cookie).header(HERE)
    assert b"\0" not in kept(cookie).header(HERE)


def test_hosts_that_only_browsers_understand() -> None:
    """Underscores beside an internationalized label: httpx2's URLs fail on these."""
    here = urls.parse("http://my_shop.bücher.example/")
    jar = Jar(50)
    jar.keep(here, [(b"set-cookie", b"a=b")])
    assert jar.header(here) == b"a=b"
