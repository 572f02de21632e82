"""The client of a request: its address and its User-Agent, as much of both as is recorded. No I/O."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

_HOPS: Final = 32  # read of a header, the last ones
_NODE_CHARS: Final = 64  # no address is longer
_USER_AGENT_BYTES: Final = 200
_PREFIXES: Final = {4: 24, 6: 48}  # bits, by IP version


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """What is recorded of clients, and which proxies may name them."""

    log: Literal["full", "prefix", "off"] = "prefix"
    trusted: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()


class ClientReader:
    """Reads which client sent a request.

    Its address is the peer's, or behind trusted proxies that of the last hop that is not one. A hop that cannot be read
    (`unknown`, `_obfuscated`) ends the search: the client is then the proxy that received from it.
    """

    def __init__(self, policy: ClientPolicy) -> None:
        self._policy = policy
        self._hop = lru_cache(512)(self._read_hop)  # clients repeat theirs

    def read(self, peer: Sequence[Any] | None, fields: Mapping[bytes, bytes]) -> tuple[str, str]:
        """The address and the User-Agent; "" for what is unknown or not recorded. `peer` is a socket's address."""
        if self._policy.log == "off":
            return "", ""
        address, is_trusted = self._hop(peer[0] if peer else "")
        for node in _nodes(fields) if is_trusted else ():
            found, is_trusted = self._hop(node)
            address = found or address
            if not is_trusted:
                break
        return address, _printable(fields.get(b"user-agent", b"")[:_USER_AGENT_BYTES])

    def _read_hop(self, node: str) -> tuple[str, bool]:
        """The address as it is recorded, "" where it cannot be read; and whether it is a trusted proxy's."""
        try:
            address = ipaddress.ip_address(node.partition("%")[0])  # without its zone (RFC 4007, section 11)
        except ValueError:
            return "", False
        address = getattr(address, "ipv4_mapped", None) or address  # from a socket of both families
        is_trusted = any(address in network for network in self._policy.trusted)
        if self._policy.log == "full":
            return str(address), is_trusted
        return str(ipaddress.ip_network((address, _PREFIXES[address.version]), strict=False)), is_trusted


NO_CLIENTS: Final = ClientReader(ClientPolicy(log="off"))


def _nodes(fields: Mapping[bytes, bytes]) -> Iterator[str]:
    """The addresses in X-Forwarded-For, else in Forwarded (RFC 7239), the last first: the peer added that one."""
    x_forwarded_for = fields.get(b"x-forwarded-for")
    hops = fields.get(b"forwarded", b"") if x_forwarded_for is None else x_forwarded_for
    for hop in reversed(hops.decode("latin-1").rsplit(",", _HOPS)[-_HOPS:]):
        if node := hop.strip(" \t"):
            if x_forwarded_for is None:
                node = _parameter_for(node)
            if node.startswith("["):
                node = node[1:].partition("]")[0]
            elif node.count(":") == 1:  # a port
                node = node.partition(":")[0]
            yield node[:_NODE_CHARS]


def _parameter_for(element: str) -> str:
    """The parameter `for` of an element of Forwarded; "" where there is none, or the element is malformed.

    Both parts of an element are malformed whose quoted string contains a comma. Otherwise the client's Host, which a
    proxy may quote, could be read as a hop.
    """
    found = ""
    for pair in element.split(";"):
        name, _, value = pair.strip(" \t").partition("=")
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if '"' in value:
            return ""
        if name.lower() == "for":
            found = value
    return found


@lru_cache(256)
def _printable(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
