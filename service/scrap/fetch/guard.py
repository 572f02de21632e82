"""May this target be fetched? Decided here, without I/O, for every hop; acted on where connections are opened."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from scrap.fetch.addresses import Address, classify
from scrap.fetch.egress_policy import EgressPolicy
from scrap.fetch.verdict import GuardVerdict

# Names that are never on the internet, or only inside somebody's cluster (RFC 6761, 6762, 7686, 8375; ICANN for
# .internal; Kubernetes' search domains, and the namespace of its API).
_REFUSED_SUFFIXES = (".local", ".internal", ".localhost", ".default", ".svc", ".cluster.local", ".onion", ".home.arpa")
# A top-level domain has letters only, or is an internationalized one's A-label (RFC 3696, section 2). What has another
# last label, as `app.kube-system` and `db.ns1` have, is a name of some network of its own.
_TOP_LEVEL = re.compile(r"[a-z]+|xn--[a-z0-9-]*[a-z0-9]")


def literal(host: str) -> Address | None:
    """Returns the address that a host is, or None where it is a name.

    The URL standard has already turned 0177.0.0.1, 2130706433 and 0x7f.1 into what they mean.
    """
    if ":" not in host and not host[-1:].isdigit():
        return None
    try:
        return ip_address(host)
    except ValueError:
        return None


def judge_name(host: str, policy: EgressPolicy) -> GuardVerdict:
    """Judges the kind of name that a target's host is (without the root dot), before it is looked up."""
    name = host.lower()
    if len(name) > 253 or not all(0 < len(label) < 64 for label in name.split(".")):  # RFC 1035, section 2.3.4
        return GuardVerdict.NAME
    if names(policy.hosts, host):
        return GuardVerdict.ALLOWED
    _, dot, last = name.rpartition(".")
    is_public = dot and _TOP_LEVEL.fullmatch(last) and not f".{name}".endswith(_REFUSED_SUFFIXES)
    return GuardVerdict.PUBLIC if is_public else GuardVerdict.NAME


def judge_address(address: Address, policy: EgressPolicy) -> GuardVerdict:
    """Judges one address that a target's name stands for.

    An IPv4 address and its IPv4-mapped form are one to the kernel, so a network that has either allows both.
    """
    verdict = classify(address)
    if verdict is GuardVerdict.PUBLIC or verdict is GuardVerdict.ZONE:
        return verdict
    other = IPv6Address(0xFFFF << 32 | int(address)) if isinstance(address, IPv4Address) else address.ipv4_mapped
    is_allowed = any(address in network or (other and other in network) for network in policy.networks)
    return GuardVerdict.ALLOWED if is_allowed else verdict


def names(hosts: tuple[str, ...], host: str) -> bool:
    """Whether a list of names (`EgressPolicy.hosts`) has a host."""
    name = host.lower()
    return any(name.endswith(entry) if entry.startswith(".") else name == entry for entry in hosts)
