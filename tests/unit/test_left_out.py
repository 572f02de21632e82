"""What is left out is said in one line."""

from tests import left_out


def test_each_reason_is_said_once() -> None:
    reasons = [
        "Skipped: redis-server is not installed",
        "no ../shared/corpus",
        "Skipped: redis-server is not installed",
    ]
    assert left_out.line(reasons) == "left out: no ../shared/corpus; redis-server is not installed"


def test_nothing_is_said_of_nothing() -> None:
    assert left_out.line([]) == ""
