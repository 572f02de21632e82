"""Header fields as they were received: names in lower case, values as bytes (RFC 9110, section 5)."""

Fields = list[tuple[bytes, bytes]]


def values(fields: Fields, name: bytes) -> list[bytes]:
    """Returns every value of a field, in order."""
    return [value for key, value in fields if key == name]


def combined(fields: Fields, name: bytes) -> str:
    """Returns a list field's values as one, "" where there is none (RFC 9110, section 5.3)."""
    return b", ".join(values(fields, name)).decode("latin-1")
