"""What `scrap get` finds for a URL, and the exit code of an error."""

from typing import Any, NamedTuple

from scrap.errors import Outcome, ScrapError

# By outcome: click's own 2 for a wrong command line, and two of sysexits.h. The greatest is the worst.
EXIT_CODES = {
    Outcome.CALLER_ERROR: 2,
    Outcome.BLOCKED: 3,
    Outcome.UPSTREAM_ERROR: 4,
    Outcome.TIMEOUT: 5,
    Outcome.INTERNAL_ERROR: 70,  # EX_SOFTWARE
    Outcome.SHED: 75,  # EX_TEMPFAIL
}

Object = dict[str, Any]


class GetResult(NamedTuple):
    url: str
    graph: Object
    explanation: Object  # empty where none is wanted
    error: ScrapError | None = None  # why there is no Open Graph
    upstream_status: int | None = None
