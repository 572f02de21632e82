"""How long a page's preview may be used: RFC 9111 and our bounds, case by case."""

from email.utils import formatdate

import pytest

from scrap.cache.freshness import Freshness, FreshnessPolicy, of_failure, of_page, passing
from scrap.errors import Outcome, Reason

NOW = 1_800_000_000.0
POLICY = FreshnessPolicy(
    minimum=60,
    default=600,
    maximum=86_400,
    negative=30,
    blocked=10,
    stale_while_revalidate=120,
    stale_if_error=7_200,
)
# Without bounds, what RFC 9111 itself says becomes visible.
LITERAL = FreshnessPolicy(minimum=0, default=0, maximum=2**31, stale_while_revalidate=0, stale_if_error=0)


def fields(*headers: tuple[str, str]) -> dict[bytes, list[bytes]]:
    """The header fields, as a response has them."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name.lower().encode(), []).append(value.encode())
    return found


def lifetime(*headers: tuple[str, str], policy: FreshnessPolicy = LITERAL, delay: float = 0.0) -> float:
    return of_page(fields(*headers), now=NOW, delay=delay, policy=policy).lifetime


def cc(value: str) -> tuple[str, str]:
    return ("Cache-Control", value)


def date(name: str, offset: float) -> tuple[str, str]:
    return (name, formatdate(NOW + offset, usegmt=True))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max-age=100", 100),
        ("MAX-AGE=100", 100),
        ('max-age="100"', 100),
        ("public,max-age=100", 100),
        ("max-age=100, s-maxage=50", 50),
        ("s-maxage=50, max-age=100", 50),
        ("max-age=100, max-age=200", 100),
        ("max-age=000000000000000100", 100),
        ("max-age=99999999999999999999999999", 2**31),
        ("max-age=4294967296", 2**31),
        ("max-age=100;public", 100),
        (", ,,max-age=100", 100),
        ('x="max-age=1, no-store", max-age=100', 100),
        ('x="a\\"b", max-age=100', 100),
        ("no-store, must-understand, max-age=100", 100),
        ('private="set-cookie", max-age=100', 100),
        ('no-cache="set-cookie", max-age=100', 100),
        ("immutable, max-age=100", 100),
    ],
)
def test_reads_cache_control(value: str, expected: float) -> None:
    assert lifetime(cc(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "max-age=",
        "max-age",
        "max-age=-1",
        "max-age=1.5",
        "max-age=abc",
        "max-age= 100",
        "max-age=\u0661\u0660\u0660",  # digits, but not ASCII
        "s-maxage=x, max-age=100",
        "no-store, max-age=100",
        "No-Store, max-age=100",
        "no-cache, max-age=100",
        "private, max-age=100",
    ],
)
def test_what_is_invalid_or_forbidden_is_stale(value: str) -> None:
    assert lifetime(cc(value), date("Expires", 500)) == 0


def test_reads_the_beginning_of_a_long_field() -> None:
    assert lifetime(cc("a, " * 1350 + "max-age=70")) == 70
    assert lifetime(cc("a, " * 1400 + "max-age=70")) == lifetime()


def test_joins_the_lines_of_a_field() -> None:
    assert lifetime(cc("public"), cc("max-age=70")) == 70


def test_expires_counts_from_the_date() -> None:
    assert lifetime(date("Expires", 500), date("Date", 0)) == 500
    assert lifetime(date("Expires", 500)) == 500
    # A host whose clock is an hour ahead still means ten minutes.
    assert lifetime(date("Expires", 3_600 + 600), date("Date", 3_600)) == 600


@pytest.mark.parametrize("value", ["0", "-1", "", "tomorrow", "Thu, 99 Xxx 2099 00:00:00 GMT"])
def test_an_expires_that_is_no_date_is_past(value: str) -> None:
    assert lifetime(("Expires", value), policy=POLICY) == POLICY.minimum


@pytest.mark.parametrize(
    "value",
    ["Fri, 15 Jan 2027 08:10:00 GMT", "Friday, 15-Jan-27 08:10:00 GMT", "Fri Jan 15 08:10:00 2027"],
)
def test_reads_all_three_date_formats(value: str) -> None:
    assert lifetime(("Expires", value)) == 600


def test_the_first_expires_counts() -> None:
    assert lifetime(date("Expires", 100), date("Expires", 900)) == 100


def test_max_age_overrides_expires() -> None:
    assert lifetime(cc("max-age=10"), date("Expires", 500)) == 10


@pytest.mark.parametrize(
    ("headers", "delay", "expected"),
    [
        ([("Age", "30")], 0.0, 70),
        ([("age", "30")], 2.0, 68),
        ([("Age", "30, 90")], 0.0, 70),
        ([("Age", "30"), ("Age", "90")], 0.0, 70),
        ([("Age", "-30")], 0.0, 100),
        ([("Age", "soon")], 0.0, 100),
        ([date("Date", -40)], 0.0, 60),
        ([date("Date", -40), ("Age", "50")], 0.0, 50),
        ([date("Date", 40)], 0.0, 100),
        ([("Date", "rubbish")], 0.0, 100),
        ([("Age", "1000")], 0.0, 0),
        ([], -5.0, 100),
    ],
)
def test_subtracts_the_age(headers: list[tuple[str, str]], delay: float, expected: float) -> None:
    assert lifetime(cc("max-age=100"), *headers, delay=delay) == expected


def test_bounds() -> None:
    assert lifetime(cc("max-age=1"), policy=POLICY) == 60
    assert lifetime(cc("max-age=31536000"), policy=POLICY) == 86_400
    assert lifetime(policy=POLICY) == 600
    # Nothing was promised, so an intermediary's Age breaks no promise.
    assert lifetime(("Age", "5000"), policy=POLICY) == 600


def test_the_default_is_within_the_bounds() -> None:
    assert lifetime(policy=FreshnessPolicy(minimum=0, default=600, maximum=100)) == 100
    assert lifetime(policy=FreshnessPolicy(minimum=100, default=0, maximum=100)) == 100


@pytest.mark.parametrize("value", ["no-store", "no-cache", "private", "private, no-cache, no-store, max-age=0"])
def test_a_page_that_asks_not_to_be_kept_is_kept_for_the_minimum_and_never_stale(value: str) -> None:
    assert of_page(fields(cc(value)), now=NOW, policy=POLICY) == Freshness(60, 0, 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max-age=100", Freshness(100, 120, 7_200)),
        ("max-age=100, stale-while-revalidate=30", Freshness(100, 30, 7_200)),
        ("max-age=100, stale-while-revalidate=999999, stale-if-error=0", Freshness(100, 120, 0)),
        ("max-age=100, stale-if-error=junk", Freshness(100, 120, 0)),
        ("max-age=100, must-revalidate", Freshness(100, 0, 0)),
        ("max-age=100, proxy-revalidate, stale-if-error=9", Freshness(100, 0, 0)),
        ("s-maxage=100", Freshness(100, 0, 0)),
        ("s-maxage=100, stale-while-revalidate=30", Freshness(100, 30, 0)),
        ("", Freshness(600, 120, 7_200)),
    ],
)
def test_stale_windows(value: str, expected: Freshness) -> None:
    assert of_page(fields(cc(value)), now=NOW, policy=POLICY) == expected


@pytest.mark.parametrize(
    ("reason", "retry_after", "expected"),
    [
        (Reason.UPSTREAM_STATUS, None, 30),
        (Reason.DNS_FAILED, None, 30),
        (Reason.TIMEOUT_TOTAL, None, 30),
        (Reason.UPSTREAM_STATUS, 120.0, 120),
        (Reason.UPSTREAM_STATUS, 0.0, 1),
        (Reason.UPSTREAM_STATUS, -5.0, 1),
        (Reason.UPSTREAM_STATUS, float("nan"), 1),
        (Reason.BLOCKED_ADDRESS, None, 10),
    ],
)
def test_failures_are_kept_for_less_time(reason: Reason, retry_after: float | None, expected: float) -> None:
    assert of_failure(reason, retry_after=retry_after, policy=POLICY) == expected


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if reason.outcome in {Outcome.CALLER_ERROR, Outcome.SHED}]
)
def test_faults_of_the_client_and_of_the_service_are_not_kept(reason: Reason) -> None:
    assert of_failure(reason, policy=POLICY) == 0
    assert of_failure(Reason.INTERNAL, policy=POLICY) == 0


@pytest.mark.parametrize(
    ("reason", "status", "expected"),
    [
        (Reason.UPSTREAM_STATUS, 500, True),
        (Reason.UPSTREAM_STATUS, 503, True),
        (Reason.UPSTREAM_STATUS, 429, True),
        (Reason.UPSTREAM_STATUS, 408, True),
        (Reason.CONNECT_FAILED, None, True),
        (Reason.TIMEOUT_CONNECT, None, True),
        (Reason.FULL, None, True),
        (Reason.UPSTREAM_STATUS, 404, False),
        (Reason.UPSTREAM_STATUS, 410, False),
        (Reason.UPSTREAM_STATUS, 403, False),
        (Reason.BLOCKED_ADDRESS, None, False),
        (Reason.URL_SCHEME, None, False),
        (Reason.INTERNAL, None, False),
    ],
)
def test_a_stale_preview_stands_in_only_for_passing_failures(
    reason: Reason, status: int | None, expected: bool
) -> None:
    assert passing(reason, status) is expected


@pytest.mark.parametrize(
    "values",
    [
        {"negative": -1.0},
        {"default": float("nan")},
        {"maximum": float("inf")},
        {"stale_if_error": 1e10},
        {"minimum": 10, "maximum": 9},
    ],
)
def test_an_impossible_policy_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be|above"):
        FreshnessPolicy(**values)
