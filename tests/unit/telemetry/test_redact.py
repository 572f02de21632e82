"""What an operator may see of a URL."""

import pytest

from scrap.telemetry.redact import only_hosts, redact_text, without_query

TARGET = "https://example.org/page?token=secret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("https://example.org/a?token=1&x=2", "https://example.org/a?…"),
        ("https://example.org/?", "https://example.org/?…"),
        ("", ""),
    ],
)
def test_a_query_is_not_shown(url: str, shown: str) -> None:
    assert without_query(url) == shown


def test_every_url_in_a_text_is_redacted() -> None:
    text = "cannot read 'https://ann:pw@example.org/a?t=1' nor HTTP://x.example?y=2 (but 3 < 4?)"
    assert redact_text(text) == "cannot read 'https://example.org/a?…' nor HTTP://x.example?… (but 3 < 4?)"


@pytest.mark.parametrize(
    ("text", "redacted", "hosts"),
    [
        ("b'/page?token=secret'", "b'/page?…'", "b'example.org'"),
        ("no token=secret here", "no token=secret here", "no example.org here"),
        (f"at {TARGET}, twice {TARGET}", "at https://example.org/page?… twice https://example.org/page?…", None),
        ("url=https%3A%2F%2Fx%2F%3Ftoken%3Dsecret", "url=https://x/?…", "url=https://x"),
        ("https%3a%2f%2fexample.org%2fpage%3ftoken%3dsecret", "https://example.org/page?…", "example.org"),
        ("//x/?t=secret", "//x/?…", "//x"),
        ("https://x/a#token=secret", "https://x/a?…", "https://x"),
        ("ann:secret@example.org", "example.org", "example.org"),
        ("url=(ann:secret@example.org)", "url=(example.org)", "url=(example.org)"),
        ("https://ann:p/secret@example.org/a", "https://example.org/a", "https://example.org"),
        ("https://ann:p?secret@example.org/a", "https://example.org/a", "https://example.org"),
        ("https://ann:secret@example.org/page?token=secret", "https://example.org/page?…", "https://example.org"),
        ("https://ann:p'secret@example.org/a", "https://example.org/a", "https://example.org"),
        ("'next?secret'", "'next?…'", "'next?…'"),
        ("redis://u:secret@h:1/0?x=1", "redis://h:1/0?…", "redis://h:1"),
        ("https://x.example:8080/@ann/a", "https://x.example:8080/@ann/a", "https://x.example:8080"),
        ("what? a @b: 3 < 4?", "what? a @b: 3 < 4?", "what? a @b: 3 < 4?"),
    ],
)
def test_no_spelling_of_a_url_gives_a_secret_away(text: str, redacted: str, hosts: str | None) -> None:
    assert redact_text(text) == redacted
    shown = only_hosts(text, TARGET, "example.org")
    assert shown == (hosts or "at example.org, twice example.org")
    assert "secret" not in shown


def test_without_a_target_the_rules_for_urls_are_left() -> None:
    assert only_hosts("cannot read https://example.org/a?b", "", "") == "cannot read https://example.org"
