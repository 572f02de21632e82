"""Which addresses are public."""

import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from scrap.fetch.addresses import classify
from scrap.fetch.verdict import GuardVerdict

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "address",
    [
        "192.0.78.212",  # wordpress.com, beside 192.0.0.0/24
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "198.17.255.255",
        "198.20.0.1",
        "11.0.0.1",
        "9.255.255.255",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.1",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.1",
        "223.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
        "2606:4700::1111",
        "2001:200::1",
        "2001:db7:ffff::1",
        "2a00:1450:4001::200e",
        "::ffff:8.8.8.8",  # what the kernel takes for 8.8.8.8
        "64:ff9b::8.8.8.8",  # what DNS64 gives a machine without IPv4
        "2002:808:808::1",
        "2001:0:808:808::f7f7:f7f7",  # Teredo: server and client are 8.8.8.8
        "2606:4700::5efe:808:808",
    ],
)
def test_public(address: str) -> None:
    assert classify(ip_address(address)) is GuardVerdict.PUBLIC


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        ("0.0.0.0", GuardVerdict.THIS_NETWORK),
        ("0.255.255.255", GuardVerdict.THIS_NETWORK),
        ("10.0.0.0", GuardVerdict.PRIVATE),
        ("10.255.255.255", GuardVerdict.PRIVATE),
        ("172.16.0.1", GuardVerdict.PRIVATE),
        ("172.31.255.255", GuardVerdict.PRIVATE),
        ("192.168.0.1", GuardVerdict.PRIVATE),
        ("100.64.0.1", GuardVerdict.SHARED),
        ("100.100.100.200", GuardVerdict.SHARED),  # a cloud's metadata
        ("100.127.255.255", GuardVerdict.SHARED),
        ("127.0.0.1", GuardVerdict.LOOPBACK),
        ("127.255.255.255", GuardVerdict.LOOPBACK),
        ("169.254.169.254", GuardVerdict.LINK_LOCAL),  # most clouds' metadata
        ("168.63.129.16", GuardVerdict.PLATFORM),
        ("192.0.0.1", GuardVerdict.SPECIAL_PURPOSE),
        ("192.0.0.9", GuardVerdict.SPECIAL_PURPOSE),  # anycast: the nearest one may be ours
        ("192.0.0.192", GuardVerdict.SPECIAL_PURPOSE),  # a cloud's metadata
        ("192.88.99.1", GuardVerdict.SPECIAL_PURPOSE),
        ("192.0.2.1", GuardVerdict.DOCUMENTATION),
        ("198.51.100.1", GuardVerdict.DOCUMENTATION),
        ("203.0.113.1", GuardVerdict.DOCUMENTATION),
        ("198.18.0.1", GuardVerdict.BENCHMARKING),
        ("198.19.255.255", GuardVerdict.BENCHMARKING),
        ("224.0.0.1", GuardVerdict.MULTICAST),
        ("239.255.255.255", GuardVerdict.MULTICAST),
        ("240.0.0.1", GuardVerdict.RESERVED),
        ("255.255.255.255", GuardVerdict.RESERVED),
        ("::", GuardVerdict.THIS_NETWORK),
        ("::1", GuardVerdict.LOOPBACK),
        ("::127.0.0.1", GuardVerdict.LOOPBACK),
        ("::8.8.8.8", GuardVerdict.RESERVED),  # v4-compatible: nothing routes it
        ("::ffff:127.0.0.1", GuardVerdict.LOOPBACK),
        ("::ffff:169.254.169.254", GuardVerdict.LINK_LOCAL),
        ("::ffff:0:127.0.0.1", GuardVerdict.LOOPBACK),
        ("::ffff:0:8.8.8.8", GuardVerdict.RESERVED),
        ("64:ff9b::7f00:1", GuardVerdict.LOOPBACK),
        ("64:ff9b::a00:1", GuardVerdict.PRIVATE),
        ("64:ff9b:1::10.0.0.1", GuardVerdict.PRIVATE),
        (
            "64:ff9b:1::8.8.8.8",
            GuardVerdict.SPECIAL_PURPOSE,
        ),  # our own network's: the operator knows, the table does not
        ("2002:7f00:1::", GuardVerdict.LOOPBACK),
        ("2002:a9fe:a9fe::1", GuardVerdict.LINK_LOCAL),
        ("2001:0:7f00:1::f7f7:f7f7", GuardVerdict.LOOPBACK),
        ("2001:0:808:808::80ff:fffe", GuardVerdict.LOOPBACK),  # the client's address, inverted
        ("2606:4700::5efe:10.0.0.1", GuardVerdict.PRIVATE),
        ("2606:4700::200:5efe:10.0.0.1", GuardVerdict.PRIVATE),
        ("100::1", GuardVerdict.SPECIAL_PURPOSE),
        ("2001:1::1", GuardVerdict.SPECIAL_PURPOSE),
        ("2001:2::1", GuardVerdict.BENCHMARKING),
        ("2001:db8::1", GuardVerdict.DOCUMENTATION),
        ("3fff::1", GuardVerdict.DOCUMENTATION),
        ("4000::1", GuardVerdict.RESERVED),
        ("5f00::1", GuardVerdict.SPECIAL_PURPOSE),
        ("fc00::1", GuardVerdict.PRIVATE),
        ("fd00:ec2::254", GuardVerdict.PRIVATE),  # a cloud's metadata
        ("fe80::1", GuardVerdict.LINK_LOCAL),
        ("fec0::1", GuardVerdict.PRIVATE),
        ("ff02::1", GuardVerdict.MULTICAST),
        ("fe80::1%eth0", GuardVerdict.ZONE),
        ("2606:4700::1111%1", GuardVerdict.ZONE),
    ],
)
def test_not_public(address: str, verdict: GuardVerdict) -> None:
    assert classify(ip_address(address)) is verdict


def test_table_is_what_the_registries_say() -> None:
    """After a change in data/iana: `python scripts/iana.py`."""
    subprocess.run([sys.executable, ROOT / "scripts" / "iana.py", "--check"], check=True)
