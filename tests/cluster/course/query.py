"""`make ask QUERY='up'`: what Prometheus has for a query now, in a terminal."""

import os
import sys

from tests.cluster.clusters import CommandError
from tests.cluster.course.reader_cluster import ask


def main() -> int:
    """Asks for QUERY, of the environment: make passes it on, and no shell reads its quotation marks."""
    try:
        print(ask(os.environ.get("QUERY", "up")) or "no result")
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
