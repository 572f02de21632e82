"""`scrap serve` that looks names up in a table, for names that lie and names that are silent.

    NAMES='{"rebinding.example": [["127.0.0.1"], ["10.0.0.1"]]}' python -m tests.hostile.serve

A name has a list of answers, given in turn; the last one stays. A name with none, and every name below it, is silent
for as long as glibc asks silent servers in `scrap serve`. The resolver is replaced at its seam, in its threads:
everything but the question to the name server is the real service.
"""

import json
import os
import sys
import time

from scrap.cli import main
from scrap.fetch import resolver

SILENCE = 3.0  # seconds

_answers: dict[str, list[list[str]]] = json.loads(os.environ.get("NAMES", "{}"))


def addresses(name: bytes) -> list[str]:
    """Looks a name up."""
    host = name.decode().rstrip(".")
    turns = _answers.get(host, _answers.get(host.partition(".")[2]))
    if not turns:
        time.sleep(SILENCE if turns is not None else 0)
        raise OSError(f"no answer for {host}")
    return turns.pop(0) if len(turns) > 1 else turns[0]


if __name__ == "__main__":
    resolver._addresses = addresses
    sys.argv[1:] = ["serve"]
    main()
