"""The Retry-After of a rejection by the service (RFC 9110, section 10.2.3)."""

RETRY_AFTER = 1  # seconds: a client that waits for longer finds free slots unused
