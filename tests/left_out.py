"""What a run of the tests left out, in one line."""

from collections.abc import Iterable


def line(reasons: Iterable[str]) -> str:
    """Says why tests were skipped, each reason once; nothing where none was."""
    said = sorted({reason.removeprefix("Skipped: ") for reason in reasons})
    return f"left out: {'; '.join(said)}" if said else ""
