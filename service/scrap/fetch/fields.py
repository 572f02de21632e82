"""Header fields by name, in lower case: the values as bytes, in order (RFC 9110, section 5)."""

Fields = dict[bytes, list[bytes]]


def values(fields: Fields, name: bytes) -> list[bytes]:
    """Returns every value of a field, in order."""
    return fields.get(name, [])


def combined(fields: Fields, name: bytes) -> str:
    """Returns a list field's values as one, "" where there is none (RFC 9110, section 5.3)."""
    return b", ".join(values(fields, name)).decode("latin-1")
