"""Which URLs of clients and of redirects are read."""

import pytest

from scrap import urls
from scrap.errors import InvalidURL, Reason


@pytest.mark.parametrize(
    ("text", "href", "host", "port"),
    [
        ("http://example.com", "http://example.com/", "example.com", 80),
        ("HTTPS://EXAMPLE.com:443/A/../b?c=d#e", "https://example.com/b?c=d", "example.com", 443),
        ("http://example.com:9080/", "http://example.com:9080/", "example.com", 9080),
        ("https://bücher.example/ä?q=ü", "https://xn--bcher-kva.example/%C3%A4?q=%C3%BC", "xn--bcher-kva.example", 443),
        ("http://straße.example/", "http://xn--strae-oqa.example/", "xn--strae-oqa.example", 80),
        ("http://a_b.example/", "http://a_b.example/", "a_b.example", 80),
        ("http://example.com./", "http://example.com/", "example.com", 80),
        ("HTTPS://EXAMPLE.com.:8443/a.?b.", "https://example.com:8443/a.?b.", "example.com", 8443),
        ("http://bücher.example。/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80),
        ("http://http./", "http://http/", "http", 80),
        ("http://intranet./", "http://intranet/", "intranet", 80),
        ("http://127.0.0.1./", "http://127.0.0.1/", "127.0.0.1", 80),
        # An empty label is no root dot: the guard rejects these names.
        ("http://example.com../", "http://example.com../", "example.com..", 80),
        ("http://example..com./", "http://example..com/", "example..com", 80),
        ("http://./", "http://./", ".", 80),
        ("http://../", "http://../", "..", 80),
        ("http://0177.0.0.1/", "http://127.0.0.1/", "127.0.0.1", 80),
        ("http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80),
        ("http://127.1/", "http://127.0.0.1/", "127.0.0.1", 80),
        ("http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1", 80),
        ("http://0/", "http://0.0.0.0/", "0.0.0.0", 80),
        ("http:/example.com/a%20b", "http://example.com/a%20b", "example.com", 80),
        ("http:////example.com/a\\b", "http://example.com/a/b", "example.com", 80),
        ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/", "::ffff:7f00:1", 80),
        ("http://example.com/a b|c", "http://example.com/a%20b|c", "example.com", 80),
        ("http://example.com/?a@b:c", "http://example.com/?a@b:c", "example.com", 80),
        # White space and control characters, as WPT's url/resources/urltestdata.json has them.
        (" \t http://example.com/ \r\n", "http://example.com/", "example.com", 80),
        ("\x00\x1b\x04\x12 http://example.com/\x1f \r ", "http://example.com/", "example.com", 80),
        ("h\tt\nt\rp://h\to\ns\rt.example:9\t0\n0\r0/p\ta", "http://host.example:9000/pa", "host.example", 9000),
        ("http://exam\r\nple.com/", "http://example.com/", "example.com", 80),
        ("http://example.com/\r\nHost: evil", "http://example.com/Host:%20evil", "example.com", 80),
        ("http://example.com/\x00?\x1fb", "http://example.com/%00?%1Fb", "example.com", 80),
        ("http://example.com/\x7f", "http://example.com/%7F", "example.com", 80),
        ("http://example.com/a\xa0", "http://example.com/a%C2%A0", "example.com", 80),
        ("http://example.com/a\x85\u3000", "http://example.com/a%C2%85%E3%80%80", "example.com", 80),
        ("http://example.com/a\u2028b ?c d ", "http://example.com/a%E2%80%A8b%20?c%20d", "example.com", 80),
        ("http://example.com/ /", "http://example.com/%20/", "example.com", 80),
    ],
)
def test_one_spelling(text: str, href: str, host: str, port: int) -> None:
    target = urls.parse(text)
    assert (target.href, target.host, target.port) == (href, host, port)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.URL_MALFORMED),
        ("example.com", Reason.URL_MALFORMED),
        ("//example.com/", Reason.URL_MALFORMED),
        ("http://", Reason.URL_MALFORMED),
        ("http://exa mple.com/", Reason.URL_MALFORMED),
        ("http://example.com\\@evil.example/", Reason.URL_MALFORMED),
        ("http://exa%6dple.com/", Reason.URL_MALFORMED),
        ("http:/exa%6dple.com/", Reason.URL_MALFORMED),
        ("http:///exa%6dple.com/", Reason.URL_MALFORMED),
        ("http:exa%6dple.com/", Reason.URL_MALFORMED),
        ("http:/\\example.com/", Reason.URL_MALFORMED),
        ("http:\\\\example.com/", Reason.URL_MALFORMED),
        ("http:/\\/example.com/", Reason.URL_MALFORMED),
        ("http:///example.com\\@evil.example/", Reason.URL_MALFORMED),
        ("http://[fe80::1%25eth0]/", Reason.URL_MALFORMED),
        ("\xa0http://example.com/", Reason.URL_MALFORMED),
        ("http://example.com\xa0", Reason.URL_MALFORMED),
        ("http://exam\x00ple.com/", Reason.URL_MALFORMED),
        ("http://exam\x0bple.com/", Reason.URL_MALFORMED),
        ("http://user\t@example.com/", Reason.URL_CREDENTIALS),
        (" \n", Reason.URL_MALFORMED),
        ("http://example.com:65536/", Reason.URL_MALFORMED),
        ("http://1.2.3.256/", Reason.URL_MALFORMED),
        ("http://[::1", Reason.URL_MALFORMED),
        ("ftp://example.com/", Reason.URL_SCHEME),
        ("file:///etc/passwd", Reason.URL_SCHEME),
        ("javascript:alert(1)", Reason.URL_SCHEME),
        ("gopher://example.com/", Reason.URL_SCHEME),
        ("http://user@example.com/", Reason.URL_CREDENTIALS),
        ("http://user:pass@example.com/", Reason.URL_CREDENTIALS),
        ("http://@example.com/", Reason.URL_CREDENTIALS),
        ("http:///user@example.com/", Reason.URL_CREDENTIALS),
        ("http://example.com/" + "a" * 2048, Reason.URL_TOO_LONG),
        ("http://example.com/" + "ä" * 2000, Reason.URL_TOO_LONG),
        ("http://" + "ä" * 1100 + "/", Reason.URL_MALFORMED),
    ],
)
def test_what_cannot_be_read(text: str, reason: Reason) -> None:
    with pytest.raises(InvalidURL) as caught:
        urls.parse(text)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (b"http://example.com/a", "http://example.com/a"),
        ("http://bücher.example/ä".encode(), "http://bücher.example/ä"),
        (b"/caf\xe9", "/caf%E9"),
        ("/ä/".encode() + b"\xe4\xe4?\xff", "/ä/%E4%E4?%FF"),
        (b"/\xed\xa0\x80", "/%ED%A0%80"),  # a surrogate is no UTF-8
        (b"/\xc3", "/%C3"),
        (b"/%e9", "/%e9"),
        (b"", ""),
    ],
)
def test_bytes_that_are_no_utf8_stay_what_they_are(url: bytes, text: str) -> None:
    assert urls.decode(url) == text


def test_longest_url_is_read() -> None:
    assert len(urls.parse("http://example.com/".ljust(2048, "a")).href) == 2048


@pytest.mark.parametrize("location", ["//exa%6dple.org/", "/\\example.org/", "\\\\example.org/", "///exa%6dple.org/"])
def test_redirects_write_the_authority_plainly_too(location: str) -> None:
    with pytest.raises(InvalidURL):
        urls.parse(location, base="https://example.com/")


@pytest.mark.parametrize(
    ("location", "href"),
    [
        ("http:/@user", "http://example.com/@user"),
        ("HTTP:/caf%C3%A9", "http://example.com/caf%C3%A9"),
        ("http:final", "http://example.com/a/final"),
        ("http:", "http://example.com/a/b"),
        ("http:/", "http://example.com/"),
        ("http:?a@b", "http://example.com/a/b?a@b"),
        ("http://example.org", "http://example.org/"),
        ("http:\\\\example.org", None),  # written with backslashes
        ("http:/\\us@example.org", None),
        ("https:/@user", None),  # of another scheme: a host with credentials
        ("https:/example.org", "https://example.org/"),
    ],
)
def test_redirects_within_a_scheme_are_relative_to_their_page(location: str, href: str | None) -> None:
    """As in browsers (WHATWG URL, section 4.4, "special relative or authority state")."""
    base = "http://example.com/a/b"
    if href:
        assert urls.parse(location, base=base).href == href
        return
    with pytest.raises(InvalidURL):
        urls.parse(location, base=base)


LONG_HOSTS = ["".join(map(chr, range(0x4E00, 0x4E00 + 5300))), "a" + "".join(map(chr, range(0x300, 0x340))) * 125]


@pytest.mark.parametrize("host", LONG_HOSTS)
@pytest.mark.parametrize("link", ["http://{}/", "//{}/", "ht\ntp:/{}:80", " https:{}/x"])
def test_hosts_of_thousands_of_characters_are_not_written_in_ascii(
    monkeypatch: pytest.MonkeyPatch, host: str, link: str
) -> None:
    """The time for that is quadratic: 50 ms for these, on the event loop."""
    monkeypatch.delattr(urls, "ada_url")
    with pytest.raises(InvalidURL):
        urls.parse(link.format(host), base="http://example.com/" if link.startswith(("/", " ")) else None)
    assert urls.resolve("ftp://example.com/", link.format(host)) is None
    assert urls.base_of("http://example.com/", f"foo:{host}") == "http://example.com/"


@pytest.mark.parametrize(
    ("href", "base"),
    [
        ("b/", "https://example.com/a/b/"),
        ("file:///C:/x/", "file:///C:/x/"),
        ("data:,x", "https://example.com/a/"),
        ("javascript:0", "https://example.com/a/"),
        ("http://[", "https://example.com/a/"),
        ("/" + "é" * 8192, "https://example.com/a/"),
    ],
)
def test_base_of_a_document(href: str, base: str) -> None:
    assert urls.base_of("https://example.com/a/", href) == base


def test_redirects_may_be_longer_and_relative() -> None:
    base = "https://example.com/a/b?c"
    assert urls.parse("../d#e", base=base).href == "https://example.com/d"
    assert urls.parse("//example.org", base=base).href == "https://example.org/"
    assert urls.parse("//example.org./", base=base).href == "https://example.org/"
    assert urls.parse("?" + "a" * 8000, base=base).path == "/a/b?" + "a" * 8000
    with pytest.raises(InvalidURL):
        urls.parse("?" + "a" * 9000, base=base)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://example.com:80/", "example.com"),
        ("http://example.com.:81/", "example.com:81"),
        ("http://example.com:443/", "example.com:443"),
        ("https://[::1]/", "[::1]"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ],
)
def test_authority(url: str, authority: str) -> None:
    assert urls.parse(url).authority == authority


@pytest.mark.parametrize(
    ("link", "absolute"),
    [
        ("../image.png", "https://example.com/image.png"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("data:image/png;base64,AA", None),
        ("javascript:alert(1)", None),
        ("http://[", None),
    ],
)
def test_links(link: str, absolute: str | None) -> None:
    assert urls.resolve("https://example.com/a/b", link) == absolute
