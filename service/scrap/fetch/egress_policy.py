"""Targets that are allowed beyond the public web, and the header fields that each request to a page has."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from scrap.fetch.coding import ACCEPTED
from scrap.fetch.user_agent import USER_AGENT

_ACCEPT = f"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.1\r\nAccept-Encoding: {ACCEPTED}\r\n"
# A name, or what all below have in common: labels of letters, digits, hyphens and underscores, and no address.
_HOST = re.compile(r"\.?(?![0-9.]+$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")  # RFC 9110, section 5.5, without obs-text


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Which targets are allowed beyond the public web.

    Raises:
        ValueError: the value of a header field is not valid, or a host is no valid name.
    """

    # Networks that may be fetched though they are not public. They win over the address table, and over nothing else.
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    # Names that may be looked up though their kind is blocked: "origin.demo.svc" is that name, ".demo.svc" every name
    # below. They are looked up with the machine's search domains. Their *addresses* still have to be public or in
    # `networks`: a name never opens a network.
    hosts: tuple[str, ...] = ()
    # Ports that may be connected to.
    ports: frozenset[int] = frozenset({80, 443})
    # The User-Agent header.
    user_agent: str = USER_AGENT
    # The Accept-Language header where the client names no language: the language of pages that have several. As
    # browsers send it: some sites answer English to en-US, and not to en.
    accept_language: str = "en-US,en;q=0.9"

    def __post_init__(self) -> None:
        for name, value in (("user_agent", self.user_agent), ("accept_language", self.accept_language)):
            if not _FIELD_VALUE.fullmatch(value):
                raise ValueError(f"{name} must be printable ASCII, not {value!r}")
        hosts = tuple(host.lower() for host in self.hosts)
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(f"hosts must be names (example.com, or .example.com for all below), not {host!r}")
        object.__setattr__(self, "hosts", tuple(host.rstrip(".") for host in hosts))

    def request_fields(self) -> bytes:
        """Writes the header fields that are the same in each request (RFC 9110, sections 10.1.5 and 12.5)."""
        return f"User-Agent: {self.user_agent}\r\n{_ACCEPT}".encode("ascii")
