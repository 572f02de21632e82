"""HTTP dates (RFC 9110, section 5.6.7)."""

from datetime import UTC
from email.utils import parsedate_to_datetime


def parse(text: str) -> float | None:
    """Reads a date of any of the three formats as seconds since the epoch; None where it is none."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()  # asctime's format names no zone
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
