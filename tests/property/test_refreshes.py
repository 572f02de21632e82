"""Refreshes of any page: no exception, and no target that is none."""

from hypothesis import example, given
from hypothesis import strategies as st

from scrap import urls
from scrap.fetch.redirects import REFRESH_SECONDS, refreshed
from scrap.refresh import parse_refresh

HERE = urls.parse("http://example.com/a/b?c")
PIECES = st.sampled_from(
    [
        *(
            "0",
            "5",
            "6",
            "9" * 20,
            ".",
            ";",
            ",",
            " ",
            "\t",
            "url",
            "URL",
            "=",
            "'",
            '"',
            "/to",
            "//",
            "http://",
            "[::1]",
        ),
        *("127.0.0.1", "@", ":", "%", "\\", "?", "#", "javascript:", "data:", "\xe4", "\xa0", "\n", "\0", "xn--"),
    ]
)
VALUES = st.one_of(st.lists(PIECES, max_size=20).map("".join), st.text(max_size=60))


@given(VALUES, VALUES, st.none() | VALUES)
def test_where_a_refresh_leads_is_another_page_or_nowhere(header: str, declared: str, base: str | None) -> None:
    target = refreshed(header, parse_refresh(declared), HERE, base)
    if target is not None:
        assert target.scheme in {"http", "https"}
        assert target.href != HERE.href
        assert urls.parse(target.href) == target
        assert "#" not in target.href


@given(st.integers(0, 10**12))
@example(REFRESH_SECONDS)
@example(REFRESH_SECONDS + 1)
def test_only_an_immediate_refresh_is_followed(seconds: int) -> None:
    declared = parse_refresh(f"{seconds};url=/to")
    assert (refreshed("", declared, HERE, None) is not None) == (seconds <= REFRESH_SECONDS)
