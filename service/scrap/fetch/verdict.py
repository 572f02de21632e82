"""The guard's verdict on a target: one enum, which log, metric and error all use."""

from enum import StrEnum

from scrap.errors import Reason


class GuardVerdict(StrEnum):
    """Why a target may be fetched, or may not."""

    reason: Reason | None  # what the client receives; None where the target may be fetched

    def __new__(cls, value: str, reason: Reason | None = Reason.BLOCKED_ADDRESS) -> "GuardVerdict":
        member = str.__new__(cls, value)
        member._value_ = value
        member.reason = reason
        return member

    PUBLIC = "public", None
    ALLOWED = "allowed", None  # not public, but the operator's policy names its network

    NAME = "name", Reason.BLOCKED_NAME  # single-label, none of DNS, or under a domain that is never on the internet
    PORT = "port", Reason.BLOCKED_PORT

    THIS_NETWORK = "this_network"  # 0.0.0.0/8, ::
    LOOPBACK = "loopback"
    PRIVATE = "private"  # RFC 1918, unique-local, site-local
    SHARED = "shared"  # carrier-grade NAT, and a cloud's metadata at 100.100.100.200
    LINK_LOCAL = "link_local"  # and most clouds' metadata at 169.254.169.254
    PLATFORM = "platform"  # a cloud's own address inside its tenants' networks
    DOCUMENTATION = "documentation"
    BENCHMARKING = "benchmarking"
    MULTICAST = "multicast"
    RESERVED = "reserved"
    SPECIAL_PURPOSE = "special_purpose"  # everything else in the registries
    ZONE = "zone"  # a zone id: it names a local interface
    UNREADABLE = "unreadable"  # a resolver's result that is no address
