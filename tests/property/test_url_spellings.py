"""Whatever a client or a redirect writes: one spelling comes out, or a known error."""

import ipaddress
from urllib.parse import urlsplit

import ada_url
from hypothesis import example, given
from hypothesis import strategies as st

from scrap import urls
from scrap.errors import InvalidURL

texts = st.one_of(
    st.text(max_size=80),
    st.builds("{}{}{}".format, st.sampled_from(["http://", "https://"]), st.text(max_size=30), st.text(max_size=30)),
    st.builds("http://{}:{}/".format, st.ip_addresses(v=4), st.integers(0, 70_000)),
    st.builds("https://[{}]/".format, st.ip_addresses(v=6)),
)


@given(texts)
@example("http://example.com/?")
@example("http://ex.com:80/a/../b?q#f")
@example("http://bücher.example/ä?ü")
@example("http://a_b.example/")
@example("http://0177.0.0.1/")
@example("http://example.com.:81/a.")
@example("http://example.com../")
@example("http://./")
def test_target_is_what_the_standard_reads(text: str) -> None:
    try:
        target = urls.parse(text)
    except InvalidURL:
        return
    url = ada_url.URL(text)
    url.hash = ""
    if url.hostname.endswith(".") and all(url.hostname[:-1].split(".")):  # a name's root dot, which only we leave out
        url.hostname = url.hostname[:-1]
    assert target.href == url.href
    assert target.scheme == url.protocol[:-1]
    assert target.host == url.hostname.strip("[]")
    assert target.authority == url.host
    assert target.path in (url.pathname + url.search, url.pathname + "?")
    assert (url.username, url.password) == ("", "")


@given(texts, st.sampled_from([None, "https://example.org/a/b?c", "http://[::1]:8080/"]))
def test_target_is_one_safe_spelling(text: str, base: str | None) -> None:
    try:
        target = urls.parse(text, base=base)
    except InvalidURL:
        return
    assert urls.parse(target.href, base=base) == target
    assert target.href.isascii()
    assert not set(target.href) & set(" \t\r\n#\\")
    assert target.href == f"{target.scheme}://{target.authority}{target.path}"
    assert target.scheme in ("http", "https")
    assert 0 <= target.port <= 65535


@given(st.ip_addresses())
def test_address_stays_the_address_it_is(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    assert ipaddress.ip_address(urls.parse(f"http://{host}/").host) == address


@given(texts)
def test_other_parsers_see_the_same_host(text: str) -> None:
    """The one spelling has no second reading: who parses it again, by another rule, is led nowhere else."""
    try:
        target = urls.parse(text)
    except InvalidURL:
        return
    again = urlsplit(target.href)
    assert again.hostname == target.host.lower()
    assert again.port in (target.port, None)
    assert again.username is None


@given(st.text(max_size=60), st.sampled_from(["https://example.org/a/b", "http://x.example:81/"]))
def test_links_become_absolute_or_nothing(link: str, base: str) -> None:
    found = urls.resolve(base, link)
    assert found is None or found.startswith(("http://", "https://"))
