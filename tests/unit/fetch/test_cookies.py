"""Cookies from hop to hop: RFC 6265's algorithms, and the kinds that http-state's vectors and WPT's cookies/ have."""

from datetime import UTC, datetime

import pytest

from scrap import urls
from scrap.fetch.cookies import Jar, read_date
from scrap.fetch.limits import FetchLimits

HERE = "https://www.example.com/a/b?c/d"


def jar(*cookies: bytes, url: str = HERE, limits: FetchLimits | None = None) -> Jar:
    jar = Jar(limits or FetchLimits())
    jar.keep(urls.parse(url), {b"set-cookie": list(cookies)})
    return jar


def sent(*cookies: bytes, url: str = HERE, to: str | None = None) -> bytes:
    """What a second request has of the cookies that the first one's response set."""
    return jar(*cookies, url=url).header(urls.parse(to or url))


@pytest.mark.parametrize(
    ("cookie", "pair"),
    [
        (b"a=b", b"a=b"),
        (b"a=b;", b"a=b"),
        (b" \ta = b \t;", b"a=b"),
        (b"a=b=c", b"a=b=c"),
        (b'a="b c"', b'a="b c"'),
        (b"a=b, c=d", b"a=b, c=d"),
        (b"a=", b"a="),
        (b"a=b; nonsense; =; Max-Age; HttpOnly; SameSite=Strict", b"a=b"),
        (b"a=\xe4\xff", b"a=\xe4\xff"),
        (b"a=b\tc", b"a=b\tc"),
        (b"nonsense", b"nonsense"),  # a cookie without a name is its value alone (6265bis)
        (b"=b", b"b"),
        (b"==b", b"=b"),
        (b"a" * 4095 + b"=b", b"a" * 4095 + b"=b"),
        (b"a" * 4096 + b"=b", b""),
        *((cookie, b"") for cookie in (b"", b"=", b" ; Path=/", b";a=b")),
        # Control characters: the whole cookie is ignored (6265bis, section 5.6).
        *((b"a=b%cc; Path=/" % octet, b"") for octet in (0, 1, 10, 13, 31, 127)),
        (b"a=b; Path=/\x01", b""),
        (b"a=b\r\nX-Injected: yes", b""),
    ],
)
def test_name_and_value(cookie: bytes, pair: bytes) -> None:
    assert sent(cookie) == pair


def test_nothing_kept_nothing_sent() -> None:
    assert sent() == b""


@pytest.mark.parametrize(
    ("path", "urls_with_it", "urls_without_it"),
    [
        (b"", "/a/ /a/b /a/b/c /a/x?y", "/ /ab /A/ /b"),
        (b"; Path=/", "/ /a /b?/c", ""),
        (b"; Path", "/a/b", "/ /b"),
        (b"; Path=", "/a/b", "/ /b"),
        (b'; Path="/"', "/a/b", "/ /b"),  # no slash: the default path
        (b"; Path=b", "/a/b", "/ /b"),
        (b"; Path=/x", "/x /x/ /x/y /x?y", "/ /xy /X /a/b"),
        (b"; Path=/x/", "/x/ /x/y", "/x /xy"),
        (b"; path = /x ", "/x", "/a/b"),
        (b"; Path=/x; Path=/y", "/y", "/x /a/b"),
        (b"; Path=/x; Path=y", "/a/b", "/x"),  # the last one counts, and it is the default
        (b"; Path=/x; Path=/" + b"y" * 1024, "/x", "/a/b"),  # too long to count
        (b"; Path=/%C3%A4", "/ä", "/"),
        (b"; Path=/x?y", "", "/x /x?y"),
    ],
)
def test_path(path: bytes, urls_with_it: str, urls_without_it: str) -> None:
    for url in urls_with_it.split():
        assert sent(b"a=b" + path, to=f"https://www.example.com{url}") == b"a=b", url
    for url in urls_without_it.split():
        assert sent(b"a=b" + path, to=f"https://www.example.com{url}") == b"", url


@pytest.mark.parametrize(("url", "path"), [("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b/c", "/a/b"), ("//a", "/")])
def test_default_path(url: str, path: str) -> None:
    other = urls.parse(f"https://www.example.com{path}/x" if path != "/" else "https://www.example.com/x")
    assert jar(b"a=b", url=f"https://www.example.com{url}").header(other) == b"a=b"


@pytest.mark.parametrize(
    ("domain", "hosts_with_it", "hosts_without_it"),
    [
        (b"", "www.example.com www.example.com:8443", "example.com other.example.com a.www.example.com"),
        (b"; Domain=example.com", "www.example.com example.com other.example.com a.b.example.com", "badexample.com"),
        (b"; Domain=.example.com", "www.example.com example.com", "example.org"),
        (b"; Domain=EXAMPLE.com", "www.example.com example.com", ""),
        (b"; Domain=www.example.com", "www.example.com a.www.example.com", "example.com"),
        (b"; Domain", "www.example.com", "example.com a.www.example.com"),
        (b"; Domain=", "www.example.com", "a.www.example.com"),
        (b"; Domain=.", "www.example.com", "a.www.example.com"),
        (b"; Domain=other.com; Domain=example.com", "example.com", ""),
        (b"; Domain=example.com; Domain=", "www.example.com", "example.com"),
        *(
            (b"; Domain=" + domain, "", f"www.example.com example.com {domain.decode('latin-1').strip('.')}")
            for domain in (
                *(b"other.example.com", b"a.www.example.com", b"ample.com", b"example.com.", b"example.org"),
                *(b"com", b".com", b"..com"),  # a public suffix
            )
        ),
        (b"; Domain=example.com; Domain=other.com", "", "example.com other.com"),
        (b"; Domain=\xe4.example.com", "", "www.example.com"),
        (b'; Domain="example.com"', "", "www.example.com"),
    ],
)
def test_domain(domain: bytes, hosts_with_it: str, hosts_without_it: str) -> None:
    for host in hosts_with_it.split():
        assert sent(b"a=b" + domain, to=f"https://{host}/a/b") == b"a=b", host
    for host in hosts_without_it.split():
        assert sent(b"a=b" + domain, to=f"https://{host}/a/b") == b"", host


@pytest.mark.parametrize(
    ("host", "domain", "other"),
    [
        ("shop.co.uk", b"co.uk", "other.co.uk"),
        ("a.github.io", b"github.io", "b.github.io"),
        ("a.xn--55qx5d.cn", b"xn--55qx5d.cn", "b.xn--55qx5d.cn"),
        ("a.anything.ck", b"anything.ck", "b.anything.ck"),  # by a wildcard of the list
        ("a.nowhere", b"nowhere", "b.nowhere"),  # a top-level domain that the list does not have
    ],
)
def test_no_cookie_for_a_public_suffix(host: str, domain: bytes, other: str) -> None:
    assert sent(b"a=b; Domain=" + domain, url=f"https://{host}/", to=f"https://{other}/") == b""
    assert sent(b"a=b; Domain=" + domain, url=f"https://{host}/") == b""


def test_a_host_that_is_a_public_suffix_keeps_its_cookies_to_itself() -> None:
    cookie = b"a=b; Domain=github.io"
    assert sent(cookie, url="https://github.io/") == b"a=b"
    assert sent(cookie, url="https://github.io/", to="https://a.github.io/") == b""


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]"])
def test_addresses_are_no_names(host: str) -> None:
    url = f"https://{host}/"
    assert sent(b"a=b", url=url) == b"a=b"
    assert sent(b"a=b; Domain=0.2.1", url=url) == b""
    assert sent(b"a=b; Domain=2.1", url=url, to="https://2.1/") == b""
    assert sent(b"a=b; Domain=192.0.2.1", url="https://192.0.2.1/") == b"a=b"


@pytest.mark.parametrize(
    ("attributes", "is_kept"),
    [
        (b"; Max-Age=3600", True),
        (b"; Max-Age=3600.0", True),
        (b"; Max-Age=0.5", True),
        (b"; Max-Age=", True),
        (b"; Max-Age=+1", True),
        (b'; Max-Age="0"', True),
        (b"; Max-Age=0 seconds", True),
        (b"; Max-Age=- 1", True),
        (b"; Max-Age=\xb20", True),
        (b"; Max-Age=" + b"9" * 1000, True),
        (b"; Max-Age=-1; Max-Age=10", True),
        (b"; Max-Age=0", False),
        (b"; max-age = 00 ", False),
        (b"; Max-Age=-1", False),
        (b"; Max-Age=-" + b"9" * 1000, False),
        (b"; Max-Age=10; Max-Age=0", False),
        (b"; Max-Age=0; Max-Age=never", False),  # the last one that can be read
        (b"; Expires=Thu, 01 Jan 1970 00:00:00 GMT", False),
        (b"; Expires=Thu, 01-Jan-70 00:00:01 GMT", False),
        (b"; Expires=Fri, 31 Dec 9999 23:59:59 GMT", True),
        (b"; Expires=0", True),
        (b"; Expires=-1", True),
        (b"; Expires=Thu, 01 Jan 1970", True),
        (b"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=never", False),
        (b"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=Fri, 31 Dec 9999 23:59:59 GMT", True),
        (b"; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),  # Max-Age first (section 5.3, step 3)
        (b"; Max-Age=0; Expires=Fri, 31 Dec 9999 23:59:59 GMT", False),
    ],
)
def test_age(attributes: bytes, is_kept: bool) -> None:
    assert sent(b"a=b" + attributes) == (b"a=b" if is_kept else b"")
    assert sent(b"a=before", b"a=b" + attributes) == (b"a=b" if is_kept else b"")


@pytest.mark.parametrize(
    ("text", "date"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        (b"Sun Nov  6 08:49:37 1994", (1994, 11, 6, 8, 49, 37)),
        (b"1994 nov 6 8:49:37", (1994, 11, 6, 8, 49, 37)),
        (b"08:49:37 6 NOVEMBER 1994", (1994, 11, 6, 8, 49, 37)),
        (b"6th Nov 1994 08:49:37.123 +0200", (1994, 11, 6, 8, 49, 37)),
        (b"6-Nov-1994;08:49:37", (1994, 11, 6, 8, 49, 37)),
        (b"\t6/Nov/94AD/08:49:37Z", (1994, 11, 6, 8, 49, 37)),
        (b"6 Nov 69 00:00:00", (2069, 11, 6, 0, 0, 0)),
        (b"6 Nov 70 00:00:00", (1970, 11, 6, 0, 0, 0)),
        (b"6 Nov 99 00:00:00", (1999, 11, 6, 0, 0, 0)),
        (b"6 Nov 00 00:00:00", (2000, 11, 6, 0, 0, 0)),
        (b"6 Nov 1601 00:00:00", (1601, 11, 6, 0, 0, 0)),
        (b"29 Feb 2028 23:59:59", (2028, 2, 29, 23, 59, 59)),
        (b"6 Nov 1994 1995 08:49:37 09:00:00 Dec", (1994, 11, 6, 8, 49, 37)),  # the first of each counts
        *(
            (text, None)
            for text in (
                *(b"", b"Nov", b"6 Nov 1994", b"6 Nov 08:49:37", b"6 1994 08:49:37", b"Nov 1994 08:49:37"),
                *(b"6 Nov 1600 00:00:00", b"0 Nov 1994 00:00:00", b"32 Nov 1994 00:00:00", b"29 Feb 2027 00:00:00"),
                *(b"6 Nov 1994 24:00:00", b"6 Nov 1994 00:60:00", b"6 Nov 1994 00:00:60", b"6 Nov 1994 00:00"),
                *(b"6 Nov 1994 00:00:000", b"6 Nov 19940 00:00:00", b"006 Nov 94 00:00:00", b"6 No 1994 00:00:00"),
                *(b"0 6 Nov 1994 00:00:00", b"\xb9 Nov 1994 00:00:00"),
            )
        ),
    ],
)
def test_dates(text: bytes, date: tuple[int, int, int, int, int, int] | None) -> None:
    assert read_date(text) == (None if date is None else datetime(*date, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("cookie", "url", "pair"),
    [
        (b"a=b; Secure", "https://www.example.com/", b"a=b"),
        (b"a=b; secure=no", "https://www.example.com/", b"a=b"),
        (b"a=b; Secure", "http://www.example.com/", b""),
        (b"__Secure-a=b; Secure", "https://www.example.com/", b"__Secure-a=b"),
        (b"__Secure-a=b", "https://www.example.com/", b""),
        (b"__secure-a=b", "https://www.example.com/", b""),
        (b"__Host-a=b; Secure; Path=/", "https://www.example.com/", b"__Host-a=b"),
        (b"__HOST-a=b; Secure; Path=/a", "https://www.example.com/a", b""),
        (b"__Host-a=b; Secure", "https://www.example.com/", b""),
        (b"__Host-a=b; Path=/", "https://www.example.com/", b""),
        (b"__Host-a=b; Secure; Path=/; Domain=www.example.com", "https://www.example.com/", b""),
        (b"__Host-a=b; Secure; Path=/; Domain=", "https://www.example.com/", b"__Host-a=b"),
        (b"=__Secure-a=b; Secure", "https://www.example.com/", b""),
        (b"__Host-; Secure; Path=/", "https://www.example.com/", b""),
        (b"__Hosta=b", "https://www.example.com/", b"__Hosta=b"),
    ],
)
def test_secure_and_prefixes(cookie: bytes, url: str, pair: bytes) -> None:
    assert sent(cookie, url=url) == pair


def test_a_secure_cookie_is_not_sent_in_the_clear() -> None:
    assert sent(b"a=b; Secure; Path=/", b"c=d; Path=/", to="http://www.example.com/") == b"c=d"


def test_longer_paths_come_first_then_older_cookies() -> None:
    cookies = (b"a=1; Path=/", b"b=2; Path=/a/b", b"c=3; Path=/a", b"d=4; Path=/a", b"c=5; Path=/a")
    assert sent(*cookies) == b"b=2; c=5; d=4; a=1"


def test_cookies_of_one_name_differ_by_domain_and_path() -> None:
    cookies = (b"a=1", b"a=2; Path=/", b"a=3; Path=/; Domain=example.com", b"a=4; Path=/; Domain=www.example.com")
    assert sent(*cookies) == b"a=1; a=2; a=3; a=4"
    assert sent(*cookies, b"a=; Path=/; Max-Age=0") == b"a=1; a=3; a=4"


def test_hosts_that_only_browsers_understand() -> None:
    """Underscores beside an internationalized label: httpx2's URLs fail on these."""
    assert sent(b"a=b", url="http://my_shop.bücher.example/") == b"a=b"


def test_cookies_are_limited() -> None:
    here, many = urls.parse(HERE), [b"c%d=%d" % (number, number) for number in range(100)]
    kept = jar(*many)
    assert kept.header(here) == b"; ".join(many[:50])
    kept.keep(here, {b"set-cookie": [b"c0=new", b"c1=; Max-Age=0", b"more=1", b"even-more=1"]})
    assert kept.header(here) == b"; ".join([b"c0=new", *many[2:50], b"more=1"])


def test_bytes_of_cookies_are_limited() -> None:
    here, limits = urls.parse(HERE), FetchLimits(cookie_bytes=10)
    kept = jar(b"a=1234", b"b=1", b"c=12", b"d=", limits=limits)
    assert kept.header(here) == b"a=1234; b=1"
    kept.keep(here, {b"set-cookie": [b"a=", b"c=12", b"b=12345"]})
    assert kept.header(here) == b"a=; b=1; c=12"


def test_at_most_50_cookies_and_8_kib_are_kept_of_a_fetch() -> None:
    assert (FetchLimits().cookies, FetchLimits().cookie_bytes) == (50, 8192)


def test_what_is_read_of_a_response_is_limited() -> None:
    """Its header lines may have 64 KiB, and each attribute and each part of a date takes a microsecond."""
    here = urls.parse(HERE)
    assert jar(*[b"c=%d" % number for number in range(60)]).header(here) == b"c=49"
    assert jar(b"a=b" + b";x" * 15 + b";Max-Age=0").header(here) == b""
    assert jar(b"a=b" + b";x" * 16 + b";Max-Age=0").header(here) == b"a=b"
    old = b"1 Jan 1990 00:00:00"
    assert read_date(b"z " * 4 + old) is not None
    assert read_date(b"z " * 5 + old) is None
    assert jar(b"a=b;Expires=%b;Expires=?" % old).header(here) == b""
    assert jar(b"a=b;Expires=%b;Expires=?;Expires=?" % old).header(here) == b"a=b"
