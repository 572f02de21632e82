"""What an operator may see of a URL."""

import pytest

from scrap.telemetry.redact import redact_text, without_query


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
