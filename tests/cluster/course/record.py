"""What is broken, and how it is undone: hidden in the cluster, in a Secret, whose content kubectl shows encoded."""

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tests.cluster.clusters import Namespace, Object

NAME = "mystery"


class ActiveMysteryError(Exception):
    """There is a mystery, and its record says how it is undone."""


@dataclass(frozen=True)
class MysteryRecord:
    """One mystery that was made.

    Attributes:
        name: which one.
        undo: the merge patch that makes the changed object what it was.
    """

    name: str
    undo: Object

    def secret(self) -> Object:
        """The Secret that has it."""
        metadata = {"name": NAME, "labels": {"story": ""}}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": {"record": json.dumps(asdict(self))},
        }


def read(kubectl: Callable[..., str]) -> MysteryRecord | None:
    """The mystery of a namespace; None: there is none.

    Args:
        kubectl: a command in that namespace.
    """
    found = kubectl("get", "secret", NAME, "--ignore-not-found", "-o", "json")
    return MysteryRecord(**json.loads(b64decode(json.loads(found)["data"]["record"]))) if found else None


def check_none(namespace: Namespace) -> None:
    """Does nothing where there is no mystery.

    Raises:
        ActiveMysteryError: there is one.
    """
    if read(namespace.kubectl):
        raise ActiveMysteryError("A mystery is there already: `make reveal` ends it.")


def write(namespace: Namespace, record: MysteryRecord) -> None:
    """Hides it."""
    namespace.kubectl("create", "-f", "-", given=json.dumps(record.secret()))


def remove(namespace: Namespace) -> None:
    """There is no mystery."""
    namespace.kubectl("delete", "secret", NAME)
