"""`make ask QUERY='up'`: what Prometheus has for a query now, in a terminal.

With `ARGS='--until 180'` it waits for a result.
"""

import argparse
import os
import sys
from contextlib import suppress

from tests.cluster.clusters import CommandError, until
from tests.cluster.course.reader_cluster import ask


def main() -> int:
    """Asks for QUERY, of the environment: make passes it on, and no shell reads its quotation marks."""
    parser = argparse.ArgumentParser(prog="make ask", description=__doc__)
    parser.add_argument("--until", type=float, default=0, metavar="SECONDS", help="wait so long for a result")
    options = parser.parse_args()
    query = os.environ.get("QUERY", "up")
    try:
        with suppress(TimeoutError):
            until("there is a result", lambda: bool(ask(query)), options.until)
        result = ask(query)
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(result or "no result")
    return not result and options.until > 0


if __name__ == "__main__":
    sys.exit(main())
