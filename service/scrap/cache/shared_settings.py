"""Where the shared level is, and what it may cost."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SharedSettings:
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
