"""May this target be fetched? Decided here, without I/O, for every hop; acted on where connections are opened."""

from ipaddress import ip_address

from scrap.fetch.addresses import Address, classify
from scrap.fetch.policy import Policy
from scrap.fetch.verdict import Verdict

# Names that are never on the internet, or only inside somebody's cluster (RFC 6761, 6762, 7686, 8375; ICANN for
# .internal; Kubernetes' search domains).
_REFUSED_SUFFIXES = (".local", ".internal", ".localhost", ".svc", ".cluster.local", ".onion", ".home.arpa")


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


def judge_port(port: int, policy: Policy) -> Verdict:
    """Judges the port of a target."""
    return Verdict.PUBLIC if port in policy.ports else Verdict.PORT


def judge_name(host: str, policy: Policy) -> Verdict:
    """Judges the kind of name that a target's host is, before it is looked up."""
    name = host.removesuffix(".").lower()
    if len(name) > 253 or not all(0 < len(label) < 64 for label in name.split(".")):  # RFC 1035, section 2.3.4
        return Verdict.NAME
    if names(policy.hosts, host):
        return Verdict.ALLOWED
    if "." not in name or f".{name}".endswith(_REFUSED_SUFFIXES):
        return Verdict.NAME
    return Verdict.PUBLIC


def judge_address(address: Address, policy: Policy) -> Verdict:
    """Judges one address that a target's name stands for."""
    verdict = classify(address)
    if verdict is Verdict.PUBLIC or verdict is Verdict.ZONE:
        return verdict
    if any(address in network for network in policy.networks):
        return Verdict.ALLOWED
    return verdict


def names(hosts: tuple[str, ...], host: str) -> bool:
    """Says whether a list of names (`example.org`, or `.example.org` for every name below) has a host."""
    name = host.rstrip(".").lower()
    return any(name.endswith(entry) if entry.startswith(".") else name == entry for entry in _plain(hosts))


def _plain(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(host.rstrip(".").lower() for host in hosts)
