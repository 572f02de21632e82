"""The NetworkPolicy, asked as a packet would ask it: may this pod reach that?

The cluster of the tests does not enforce policies, so the policy is read here, by the rules of its API: a policy that
selects a pod allows what one of its rules allows, and nothing else.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest

from scrap.fetch import iana
from scrap.fetch.addresses import classify
from scrap.fetch.verdict import GuardVerdict
from tests.chart.rendering import NAMESPACE, Object, one, render

pytestmark = pytest.mark.needs("helm")

Protocol = Literal["TCP", "UDP"]
PORTS = {"http": 8080, "management": 8081}  # the pod's own names


@dataclass(frozen=True)
class Peer:
    """Who is at the other end: an address, and the pod that has it, if it is one."""

    address: str
    labels: Object = field(default_factory=dict)
    namespace: str | None = None


def takes(selector: Object, labels: Object) -> bool:
    """Does a label selector take these labels? Only the forms that the chart uses."""
    assert selector.keys() <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def is_peer(rule: Object, peer: Peer) -> bool:
    """Is this who the rule's peer means?"""
    if block := rule.get("ipBlock"):
        address = ipaddress.ip_address(peer.address)
        excepted = any(address in ipaddress.ip_network(network) for network in block.get("except", ()))
        return address in ipaddress.ip_network(block["cidr"]) and not excepted
    if peer.namespace is None:
        return False
    if "namespaceSelector" in rule:
        in_namespace = takes(rule["namespaceSelector"], {"kubernetes.io/metadata.name": peer.namespace})
    else:
        in_namespace = peer.namespace == NAMESPACE
    return in_namespace and takes(rule.get("podSelector", {}), peer.labels)


def is_port(rule: Object, port: int, protocol: Protocol) -> bool:
    """Is this the port that the rule means?"""
    first: int = PORTS[rule["port"]] if rule["port"] in PORTS else rule["port"]
    return rule.get("protocol", "TCP") == protocol and first <= port <= int(rule.get("endPort", first))


def allows(
    policy: Object, way: Literal["ingress", "egress"], peer: Peer, port: int, protocol: Protocol = "TCP"
) -> bool:
    """Does the policy allow it?"""
    side = "from" if way == "ingress" else "to"
    assert way.capitalize() in policy["spec"]["policyTypes"]
    return any(
        any(is_port(item, port, protocol) for item in rule["ports"])
        and (side not in rule or any(is_peer(item, peer) for item in rule[side]))
        for rule in policy["spec"][way]
    )


def policy(values: Object) -> Object:
    """The policy that these values give."""
    return one(render(values), "NetworkPolicy")


DNS = Peer("10.244.0.2", {"k8s-app": "kube-dns"}, "kube-system")
PROMETHEUS = Peer("10.244.0.9", {"app.kubernetes.io/name": "prometheus"}, "monitoring")
NEIGHBOUR = Peer("10.244.0.10", {"app": "shop"}, NAMESPACE)
OWN_TEST = Peer("10.244.0.11", {"app.kubernetes.io/name": "scrap", "app.kubernetes.io/instance": "scrap"}, NAMESPACE)
STRANGER = Peer("10.244.0.12", {"app": "shop"}, "shop")


@pytest.mark.parametrize("port", [80, 443])
@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.215.14",
        "192.0.78.212",
        "172.32.0.1",
        "100.128.0.1",
        "198.20.0.1",
        "11.0.0.1",
        "2606:4700::1111",
    ],
)
def test_the_public_web_is_reached(address: str, port: int) -> None:
    assert allows(policy({}), "egress", Peer(address), port)


@pytest.mark.parametrize("port", [80, 443, 53, 6443])
@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "10.96.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "172.16.0.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ],
)
def test_what_is_inside_is_not_reached(address: str, port: int) -> None:
    assert not allows(policy({}), "egress", Peer(address), port)
    assert not allows(policy({}), "egress", Peer(address, {"app": "shop"}, "shop"), port)


def edges(table: Sequence[tuple[int, int, str]]) -> set[int]:
    """The first and the last address of each range, and their neighbours outside."""
    return {edge for first, last, _ in table for edge in (first - 1, first, last, last + 1)}


def test_it_opens_what_the_services_own_guard_lets_through() -> None:
    """The policy is nowhere more open than the guard, and for IPv4 nowhere more closed."""
    opened = policy({})
    v4 = [ipaddress.IPv4Address(edge) for edge in edges(iana.V4) if 0 <= edge < 2**32]
    v6 = [ipaddress.IPv6Address(edge) for edge in edges(iana.V6) if 0 <= edge < 2**128]
    for address in v4:
        assert allows(opened, "egress", Peer(str(address)), 443) is (classify(address) is GuardVerdict.PUBLIC), address
    for v6_address in v6:
        if allows(opened, "egress", Peer(str(v6_address)), 443):
            assert classify(v6_address) is GuardVerdict.PUBLIC, v6_address


@pytest.mark.parametrize("port", [22, 25, 53, 8080, 6379])
def test_only_the_webs_ports_are_reached(port: int) -> None:
    assert not allows(policy({}), "egress", Peer("1.1.1.1"), port)


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_dns_is_reached(protocol: Protocol) -> None:
    assert allows(policy({}), "egress", DNS, 53, protocol)
    assert allows(policy({}), "egress", Peer("169.254.20.10"), 53, protocol)
    assert not allows(policy({}), "egress", Peer("8.8.8.8"), 53, protocol)
    assert not allows(policy({}), "egress", Peer("10.244.0.3", {"app": "shop"}, "kube-system"), 53, protocol)


def test_an_allowed_network_is_reached_at_the_allowed_ports() -> None:
    opened = policy({"config": {"allowedNetworks": ["10.9.0.0/16"], "allowedPorts": [80, "8000-8080"]}})
    assert allows(opened, "egress", Peer("10.9.1.1"), 8080)
    assert not allows(opened, "egress", Peer("10.9.1.1"), 443)
    assert not allows(opened, "egress", Peer("10.8.1.1"), 8080)
    assert allows(opened, "egress", Peer("1.1.1.1"), 8080), "and so is the public web, as by the service itself"
    assert not allows(opened, "egress", Peer("1.1.1.1"), 443)


def test_without_ports_of_its_own_an_allowed_network_is_reached_at_the_webs() -> None:
    opened = policy({"config": {"allowedNetworks": ["10.9.0.0/16"], "allowedPorts": None}})
    assert [port for port in (22, 80, 443, 6443, 8080) if allows(opened, "egress", Peer("10.9.1.1"), port)] == [80, 443]


def test_a_single_address_is_a_network_of_one() -> None:
    opened = policy({"config": {"allowedNetworks": ["10.9.0.5", "fd00::5"]}})
    assert allows(opened, "egress", Peer("10.9.0.5"), 443)
    assert allows(opened, "egress", Peer("fd00::5"), 443)
    assert not allows(opened, "egress", Peer("10.9.0.6"), 443)


def test_the_operator_is_reached_by_prometheus_alone_and_reaches_the_api_server() -> None:
    """Whose address a chart cannot know: so its policy says nothing of what it reaches, and that is all of it."""
    operators = one(render({"operator": {"enabled": True}}), "NetworkPolicy", "scrap-operator")
    assert allows(operators, "ingress", PROMETHEUS, 8081)
    assert not allows(operators, "ingress", NEIGHBOUR, 8081)
    assert not allows(operators, "ingress", STRANGER, 8081)
    assert operators["spec"]["policyTypes"] == ["Ingress"], "no word on egress: everything is allowed"
    assert "egress" not in operators["spec"]


def test_the_clients() -> None:
    for peer in (NEIGHBOUR, STRANGER, Peer("203.0.113.9")):
        assert allows(policy({}), "ingress", peer, 8080)
    closed = policy({"networkPolicy": {"ingress": {"http": [{"podSelector": {"matchLabels": {"app": "shop"}}}]}}})
    assert allows(closed, "ingress", NEIGHBOUR, 8080)
    assert allows(closed, "ingress", OWN_TEST, 8080)
    assert not allows(closed, "ingress", STRANGER, 8080)
    assert not allows(closed, "ingress", Peer("203.0.113.9"), 8080)


def test_who_reads_metrics() -> None:
    assert allows(policy({}), "ingress", PROMETHEUS, 8081)
    assert allows(policy({}), "ingress", OWN_TEST, 8081)
    assert not allows(policy({}), "ingress", NEIGHBOUR, 8081)
    assert not allows(policy({}), "ingress", STRANGER, 8081)
