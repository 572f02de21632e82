"""No header makes the decision fail or leave its bounds."""

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from scrap.cache.freshness import FreshnessPolicy, of_page

POLICY = FreshnessPolicy()
NOW = 1_800_000_000.0

seconds = st.integers(-10, 2**40).map(str)
names = st.sampled_from(
    [
        "max-age",
        "S-MaxAge",
        "no-store",
        "no-cache",
        "private",
        "must-revalidate",
        "stale-while-revalidate",
        "stale-if-error",
        "x",
    ]
)
directives = st.one_of(
    names,
    st.tuples(names, st.one_of(seconds, st.text(max_size=8))).map("=".join),
    st.tuples(names, seconds).map(lambda pair: f'{pair[0]}="{pair[1]}"'),
    st.text(alphabet=' ,;="\\ax', max_size=30),
)
dates = st.floats(-2e9, 2e9).map(lambda offset: formatdate(max(0.0, NOW + offset), usegmt=True))
fields = st.one_of(
    st.tuples(st.just("cache-control"), st.lists(directives, max_size=5).map(", ".join)),
    st.tuples(st.sampled_from(["Expires", "Date"]), st.one_of(dates, st.text(max_size=40))),
    st.tuples(st.just("AGE"), st.one_of(seconds, st.text(max_size=10))),
    st.tuples(st.text(max_size=10), st.text(max_size=10)),
)


def by_name(headers: list[tuple[str, str]]) -> dict[bytes, list[bytes]]:
    """The header fields, as a response has them."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name.lower().encode(), []).append(value.encode("utf-8", "surrogatepass"))
    return found


@given(st.lists(fields, max_size=6), st.floats(-1e9, 1e9))
def test_every_answer_is_within_the_bounds(headers: list[tuple[str, str]], delay: float) -> None:
    freshness = of_page(by_name(headers), now=NOW, delay=delay, policy=POLICY)
    assert POLICY.minimum <= freshness.lifetime <= POLICY.maximum
    assert 0 <= freshness.stale_while_revalidate <= POLICY.stale_while_revalidate
    assert 0 <= freshness.stale_if_error <= POLICY.stale_if_error


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_older_answer_is_never_fresh_for_longer(age: int, older: int) -> None:
    def lifetime(age: int) -> float:
        headers = [("Cache-Control", "max-age=1000"), ("Age", str(age))]
        return of_page(by_name(headers), now=NOW, policy=FreshnessPolicy(minimum=0)).lifetime

    assert lifetime(age + older) <= lifetime(age) <= 1000
