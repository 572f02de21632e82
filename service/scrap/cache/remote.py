"""Where the shared level is, what it may cost, and what of it may fail."""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Remote:
    """A Valkey or Redis server that replicas share. scrap works without it, and goes on when it is slow or down."""

    # redis://[user:password@]host:port/db, rediss:// for TLS, unix:///path?db=n; empty: no shared level. Certificates
    # and other options of redis-py go into the query (rediss://host?ssl_ca_certs=/path). A secret, so never shown.
    url: str = field(default="", repr=False)
    # Seconds that one look-up may add to a miss. Too short: a pause of this process looks like one of the server, and
    # the shared level is off for `retry_first`.
    timeout: float = 0.25
    # Seconds without the server after a failure, doubled at each failed try, up to `retry_last`. Longer: fewer tries in
    # an outage, a later return.
    retry_first: float = 0.5
    retry_last: float = 15.0
    # Bytes of one value. A larger preview stays in this process; a larger foreign value is not read.
    value_bytes: int = 256 * 1024
    # Look-ups, and writes, that may wait for the connection. More are dropped: a look-up is a miss, a write is lost.
    backlog: int = 1024


class SharedCacheErrorKind(StrEnum):
    TIMEOUT = "timeout"  # no reply in time
    CONNECTION = "connection"  # refused, reset, closed, or still loading its data
    AUTH = "auth"  # the password or its permissions
    OUT_OF_MEMORY = "out_of_memory"  # the server is full, and evicts nothing
    READ_ONLY = "read_only"  # the server is a replica
    REFUSED = "refused"  # one command for another reason: a value of another type, a disk that is full
    PROTOCOL = "protocol"  # not the server we expect
    BACKLOG = "backlog"  # more commands than `Remote.backlog`
    ENTRY = "entry"  # a value that is no entry
