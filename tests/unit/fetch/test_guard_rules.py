"""What may be fetched: ports, names, and what an operator allows."""

from ipaddress import ip_address, ip_network

import pytest

from scrap.errors import Reason
from scrap.fetch import EgressPolicy, guard
from scrap.fetch.verdict import GuardVerdict


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "intranet",
        "printer.local",
        "metadata.google.internal",
        "METADATA.google.internal",
        "a.localhost",
        "kubernetes.default",
        "KUBERNETES.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion",
        "router.home.arpa",
        "home.arpa",
        "app.kube-system",  # the last label is none of a top-level domain
        "db.ns1",
        "example.c0m",
        "example.a_b",
        "example.xn--",
        "example.xn--a-",
        "example.xn-a",
        ".",
        "..local",
        "a..example.com",
        ".example.com",
        "example.com.",
        "example.com..",
        f"{'a' * 64}.example.com",
        f"{'a.' * 123}examples",  # 254
    ],
)
def test_names_that_are_never_on_the_internet(host: str) -> None:
    verdict = guard.judge_name(host, EgressPolicy())
    assert (verdict, verdict.reason) == (GuardVerdict.NAME, Reason.BLOCKED_NAME)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "a_b.example.com",
        "xn--bcher-kva.example",
        "xn--e1afmkfd.xn--p1ai",
        "xn--e1afmkfd.xn--80akhbyknj4f",
        "kube-system.example",
        "ns1.example",
        "default.example",
        "notdefault.default.example",
        "1.example",
        "example.COM",
        "local.example",
        "notlocal.org",
        f"{'a' * 63}.example.com",
        f"{'a.' * 123}example",  # 253
    ],
)
def test_names_that_may_be(host: str) -> None:
    assert guard.judge_name(host, EgressPolicy()) is GuardVerdict.PUBLIC


@pytest.mark.parametrize(
    ("host", "verdict"),
    [
        ("origin.demo.svc", GuardVerdict.ALLOWED),
        ("ORIGIN.demo.svc", GuardVerdict.ALLOWED),
        ("x.origin.demo.svc", GuardVerdict.NAME),
        ("a.pages.svc", GuardVerdict.ALLOWED),
        ("a.b.pages.svc", GuardVerdict.ALLOWED),
        ("pages.svc", GuardVerdict.NAME),
        ("notpages.svc", GuardVerdict.NAME),
        ("single", GuardVerdict.ALLOWED),
        ("kubernetes.default", GuardVerdict.ALLOWED),
        ("other.default", GuardVerdict.NAME),
        ("app.kube-system", GuardVerdict.ALLOWED),
        ("app.kube-public", GuardVerdict.NAME),
    ],
)
def test_names_that_an_operator_allows(host: str, verdict: GuardVerdict) -> None:
    policy = EgressPolicy(hosts=("origin.demo.svc", ".pages.svc", "single", "kubernetes.default", ".kube-system"))
    assert guard.judge_name(host, policy) is verdict


@pytest.mark.parametrize(
    "host",
    ["*.example.com", "https://example.com", "example.com:8080", "a..b", ".", "bücher.example", "10.0.0.1", "::1"],
)
def test_what_could_match_no_name_is_rejected_at_the_start(host: str) -> None:
    with pytest.raises(ValueError, match="hosts must be names"):
        EgressPolicy(hosts=(host,))


def test_names_are_allowed_in_any_case_and_with_the_dot_of_the_root() -> None:
    policy = EgressPolicy(hosts=("App.Kube-System.", "_dmarc.x", "xn--bcher-kva.example", "4.app.svc"))
    assert policy.hosts == ("app.kube-system", "_dmarc.x", "xn--bcher-kva.example", "4.app.svc")


def test_allowed_name_opens_no_network() -> None:
    policy = EgressPolicy(hosts=("origin.demo.svc",))
    assert guard.judge_address(ip_address("10.96.0.1"), policy) is GuardVerdict.PRIVATE


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        ("10.96.0.1", GuardVerdict.ALLOWED),
        ("10.112.0.1", GuardVerdict.PRIVATE),
        ("8.8.8.8", GuardVerdict.PUBLIC),
        ("fd00::1", GuardVerdict.ALLOWED),
        ("fe80::1%eth0", GuardVerdict.ZONE),
        ("::ffff:10.96.0.1", GuardVerdict.ALLOWED),  # the same address: the kernel connects by IPv4
        ("::ffff:10.112.0.1", GuardVerdict.PRIVATE),
        ("::ffff:8.8.8.8", GuardVerdict.PUBLIC),
        ("::ffff:10.96.0.1%eth0", GuardVerdict.ZONE),
        ("::10.96.0.1", GuardVerdict.PRIVATE),  # other addresses that carry it
        ("64:ff9b::10.96.0.1", GuardVerdict.PRIVATE),
        ("172.16.0.1", GuardVerdict.ALLOWED),
        ("::ffff:172.16.0.1", GuardVerdict.ALLOWED),
        ("172.17.0.1", GuardVerdict.PRIVATE),
    ],
)
def test_networks_that_an_operator_allows(address: str, verdict: GuardVerdict) -> None:
    networks = ("10.96.0.0/12", "::ffff:172.16.0.0/112", "fd00::/8", "fe80::/10")
    policy = EgressPolicy(networks=tuple(ip_network(network) for network in networks))
    assert guard.judge_address(ip_address(address), policy) is verdict


@pytest.mark.parametrize(("host", "found"), [("127.0.0.1", True), ("::1", True), ("a.1", False), ("a.b", False)])
def test_literals(host: str, found: bool) -> None:
    assert (guard.literal(host) is not None) is found


@pytest.mark.parametrize(
    "arguments",
    [
        {"user_agent": ""},
        {"user_agent": "a\r\nX-Injected: yes"},
        {"user_agent": "bücher"},
        {"accept_language": " en"},
        {"hosts": ("bücher.example",)},
        {"hosts": (".",)},
    ],
)
def test_policy_that_is_none(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        EgressPolicy(**arguments)  # type: ignore[arg-type] # wrong on purpose
