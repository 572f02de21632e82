"""Which client sent a request, and how much of it is recorded."""

import ipaddress
import re
import sys
from collections import Counter
from types import FrameType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrap.clients import ClientPolicy, ClientReader

PROXY = "10.0.0.1"
TRUSTED = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "fd00::/8")))
FULL = ClientReader(ClientPolicy(log="full", trusted=TRUSTED))
PREFIX = ClientReader(ClientPolicy(trusted=TRUSTED))
XFF, FORWARDED = b"x-forwarded-for", b"forwarded"


def address(header: bytes = b"", name: bytes = XFF, *, peer: str = PROXY, reader: ClientReader = FULL) -> str:
    return reader.read((peer, 40000), {name: header} if header else {})[0]


def test_the_address_is_the_peers() -> None:
    assert address(peer="192.0.2.7") == "192.0.2.7"
    assert address(peer="2001:db8::7") == "2001:db8::7"
    assert FULL.read(("fe80::1%eth0", 40000, 0, 2), {}) == ("fe80::1", "")
    assert address(peer="::ffff:192.0.2.7") == "192.0.2.7"  # as a socket of both families has it


@pytest.mark.parametrize("peer", [None, (), ("", 0)])
def test_the_peer_may_be_unknown(peer: tuple[str, int] | None) -> None:
    assert FULL.read(peer, {XFF: b"192.0.2.7"}) == ("", "")


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
    ],
)
def test_a_prefix_is_shown_by_default(peer: str, shown: str) -> None:
    assert address(peer=peer, reader=PREFIX) == shown
    assert address(peer.encode(), reader=PREFIX) == shown


def test_off_means_neither_address_nor_user_agent() -> None:
    reader = ClientReader(ClientPolicy(log="off", trusted=TRUSTED))
    assert reader.read((PROXY, 1), {XFF: b"192.0.2.7", b"user-agent": b"curl"}) == ("", "")


@pytest.mark.parametrize("name", [XFF, FORWARDED])
def test_headers_of_untrusted_peers_are_ignored(name: bytes) -> None:
    assert address(b"for=198.51.100.1", name, peer="192.0.2.7") == "192.0.2.7"
    assert address(b"198.51.100.1", name, peer="192.0.2.7") == "192.0.2.7"
    nobody = ClientReader(ClientPolicy(log="full"))
    assert address(b"198.51.100.1", name, reader=nobody) == PROXY, "no proxy is trusted by default"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"192.0.2.7", "192.0.2.7"),
        (b"198.51.100.9, 192.0.2.7", "192.0.2.7"),  # the client invented the first
        (b"192.0.2.7, 10.1.1.1", "192.0.2.7"),
        (b"192.0.2.7,10.1.1.1 ,\tfd00::1", "192.0.2.7"),
        (b"192.0.2.7:443, 10.1.1.1:80, [fd00::1]:80", "192.0.2.7"),
        (b"[2001:db8::1]:4711", "2001:db8::1"),
        (b"[2001:db8::1]", "2001:db8::1"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"192.0.2.7,", "192.0.2.7"),
        (b",,,", PROXY),
        (b"10.1.1.2, 10.1.1.1", "10.1.1.2"),  # all are proxies: the first of them
        (b"192.0.2.7, unknown, 10.1.1.1", "10.1.1.1"),  # which received from it
        (b"192.0.2.7, _hidden", PROXY),
        (b"192.0.2.7, 10.0.0.256", PROXY),
        (b"192.0.2.7, 010.0.0.1", PROXY),
        (b"192.0.2.7, [::1", "::1"),
        (b"192.0.2.7, ]", PROXY),
        (b"\xff\xfe", PROXY),
        (b"fe80::1%" + b"z" * 9000, "fe80::1"),
        (b"1" * 9000, PROXY),
        (b"for=192.0.2.7", PROXY),
    ],
)
def test_x_forwarded_for(header: bytes, expected: str) -> None:
    assert address(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # The examples of RFC 7239, sections 4 to 7.
        (b'For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        (b"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        (b"for=198.51.100.17, for=192.0.2.43", "192.0.2.43"),
        (b'for="_gazonk"', PROXY),
        (b"for=_hidden, for=_SEVKISEK", PROXY),
        (b"for=unknown", PROXY),
        (b'for="192.0.2.43:47011"', "192.0.2.43"),
        (b"by=203.0.113.43 ; FOR=192.0.2.60", "192.0.2.60"),
        (b"for=192.0.2.43, for=10.1.1.1", "192.0.2.43"),
        (b'for=192.0.2.43, for="[fd00::1]";proto=https', "192.0.2.43"),
        (b"proto=https", PROXY),
        (b"for", PROXY),
        (b'for="', PROXY),
        (b'for=";, for=192.0.2.43', "192.0.2.43"),  # a quote that the client left open
        # What a proxy quotes is the client's choice, and names no hop.
        (b'for=192.0.2.43;host="x,for=198.51.100.1"', PROXY),
        (b'for=192.0.2.43;host="x,for=198.51.100.1;a=b"', PROXY),
        (b'for=192.0.2.43;host="x,for=198.51.100.1";proto=https', PROXY),
        (b'for=192.0.2.43;host="x;for=198.51.100.1"', PROXY),
    ],
)
def test_forwarded(header: bytes, expected: str) -> None:
    assert address(header, FORWARDED) == expected


def test_x_forwarded_for_precedes_forwarded() -> None:
    fields = {XFF: b"192.0.2.7", FORWARDED: b"for=198.51.100.1"}
    assert FULL.read((PROXY, 1), fields)[0] == "192.0.2.7"


NODES = st.sampled_from(["10.0.0.1", "192.0.2.7", "fd00::1", "[::1]:80", "unknown", "_x", "", '"', "for=", "%", ";"])
HEADERS = st.one_of(
    st.binary(max_size=300),
    st.lists(NODES).map(lambda nodes: ",".join(nodes).encode()),
    st.lists(NODES).map(lambda nodes: ", ".join(f"for={node}" for node in nodes).encode()),
)


@given(header=HEADERS, name=st.sampled_from([XFF, FORWARDED]), user_agent=st.binary(max_size=999))
def test_no_header_is_an_error_or_leaves_its_form(header: bytes, name: bytes, user_agent: bytes) -> None:
    found, agent = FULL.read((PROXY, 1), {name: header, b"user-agent": user_agent})
    assert str(ipaddress.ip_address(found)) == found
    assert agent.isprintable()
    assert len(agent) <= 200
    shown, _ = PREFIX.read((PROXY, 1), {name: header})
    network = ipaddress.ip_network(shown)
    assert network.prefixlen == (24 if network.version == 4 else 48)
    assert ipaddress.ip_address(found) in network


@example(user_agent=b"a\r\nb\x00\x1b[2J\xe2\x80\xae")
@given(user_agent=st.binary(max_size=99))
def test_a_user_agent_is_one_line_without_control_characters(user_agent: bytes) -> None:
    _, agent = FULL.read((PROXY, 1), {b"user-agent": user_agent})
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", agent)


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        (b"curl/8.14.1", "curl/8.14.1"),
        ("Vorschau/1 (+Straße)".encode(), "Vorschau/1 (+Straße)"),
        (b"a\tb", "a\N{REPLACEMENT CHARACTER}b"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"x" * 16_000, "x" * 200),
    ],
)
def test_user_agents(given_: bytes, shown: str) -> None:
    assert FULL.read(None, {b"user-agent": given_})[1] == shown


def calls(header: bytes, name: bytes) -> int:
    """How many functions, C ones included, reading a header calls in a reader that has cached nothing."""
    reader = ClientReader(ClientPolicy(log="full", trusted=TRUSTED))
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, argument: object) -> None:
        counted[event] += 1

    sys.setprofile(count)
    try:
        address(header, name, reader=reader)
    finally:
        sys.setprofile(None)
    return counted["call"] + counted["c_call"]


def all_trusted(count: int) -> bytes:
    """A chain of that many trusted hops, none of which is twice in it."""
    return ",".join(f"10.0.{number >> 8}.{number & 255}" for number in range(count)).encode()


def test_a_long_chain_costs_no_more_than_its_last_hops() -> None:
    assert calls(all_trusted(32), XFF) < calls(all_trusted(1300), XFF) < 1.1 * calls(all_trusted(40), XFF)
    assert address(all_trusted(1300)) == "10.0.4.244"  # the 32nd from the end
    assert address(all_trusted(33)) == "10.0.0.1"  # likewise: the 33rd is an address, and is not read


@pytest.mark.parametrize("element", [b"a=b;", b";", b'"', b"for=[;", b"=", b" ;"])
def test_a_long_element_costs_linear_time(element: bytes) -> None:
    short, long = (calls(element * count, FORWARDED) for count in (200, 2000))
    assert long <= 10 * short + 100
