"""Is this address on the public internet? No I/O.

The table is our own (`iana.py`): `ipaddress.is_global` says True for 64:ff9b::7f00:1, 2002:7f00:1::, ::127.0.0.1,
multicast, fec0::1 and 168.63.129.16.
"""

from bisect import bisect_right
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from operator import itemgetter

from scrap.fetch import iana
from scrap.fetch.verdict import GuardVerdict

Address = IPv4Address | IPv6Address

_V4_MAPPED = 0xFFFF  # ::ffff:0:0/96, the upper 96 bits
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}  # bits 64 to 95 of an interface identifier (RFC 5214, section 6.1)


def classify(address: Address) -> GuardVerdict:
    """Says whether an address is public, or what it is instead.

    An IPv6 address that carries IPv4 addresses is as public as each of them is, and as its own block is.
    """
    if isinstance(address, IPv4Address):
        return _look_up(int(address), iana.V4)
    if address.scope_id is not None:
        return GuardVerdict.ZONE
    number = int(address)
    for inner in _embedded(number):
        verdict = _look_up(inner, iana.V4)
        if verdict is not GuardVerdict.PUBLIC:
            return verdict
    if number >> 32 == _V4_MAPPED:  # the kernel connects by IPv4: nothing but the inner address counts
        return GuardVerdict.PUBLIC
    return _look_up(number, iana.V6)


def _look_up(number: int, table: tuple[tuple[int, int, str], ...]) -> GuardVerdict:
    _, last, verdict = table[bisect_right(table, number, key=itemgetter(0)) - 1]  # 0 is in the first range
    return GuardVerdict(verdict) if number <= last else GuardVerdict.PUBLIC


def _embedded(number: int) -> Iterator[int]:
    """Yields the IPv4 addresses within an IPv6 address."""
    low = number & 0xFFFF_FFFF
    upper = number >> 32
    if upper in (
        0,  # v4-compatible, ::/96 (RFC 4291, section 2.5.5.1)
        _V4_MAPPED,  # ::ffff:0:0/96 (RFC 4291, section 2.5.5.2)
        0xFFFF_0000,  # v4-translated, ::ffff:0:0:0/96 (RFC 2765, section 2.1)
        0x0064_FF9B << 64,  # NAT64, 64:ff9b::/96 (RFC 6052, section 2.1)
    ):
        if number > 1:  # :: and ::1 are themselves
            yield low
    elif number >> 80 == 0x0064_FF9B_0001:  # NAT64 of our own network, 64:ff9b:1::/48 (RFC 8215): refused by its block,
        yield low  # here only to say why
    elif number >> 112 == 0x2002:  # 6to4, 2002:V4ADDR::/48 (RFC 3056, section 2)
        yield number >> 80 & 0xFFFF_FFFF
    elif number >> 96 == 0x2001_0000:  # Teredo: server, and the client's address inverted (RFC 4380, section 4)
        yield number >> 64 & 0xFFFF_FFFF
        yield low ^ 0xFFFF_FFFF
    if upper & 0xFFFF_FFFF in _ISATAP:
        yield low
