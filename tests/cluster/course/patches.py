"""JSON merge patches (RFC 7386): what leads from one object to another, and back."""

from tests.cluster.clusters import Object


def difference(before: Object, after: Object) -> Object:
    """The merge patch that makes `after` of `before`; a list is replaced as a whole."""
    patch: Object = {}
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        patch[name] = difference(old, new) if isinstance(old, dict) and isinstance(new, dict) else new
    return patch
