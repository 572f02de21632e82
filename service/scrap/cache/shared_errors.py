"""What of the shared level may fail."""

from enum import StrEnum


class SharedCacheErrorKind(StrEnum):
    TIMEOUT = "timeout"  # no reply in time
    CONNECTION = "connection"  # refused, reset, closed, or still loading its data
    AUTH = "auth"  # the password or its permissions
    OUT_OF_MEMORY = "out_of_memory"  # the server is full, and evicts nothing
    READ_ONLY = "read_only"  # the server is a replica
    REFUSED = "refused"  # one command for another reason: a value of another type, a disk that is full
    PROTOCOL = "protocol"  # not the server we expect
    BACKLOG = "backlog"  # more commands than `SharedSettings.backlog`
    ENTRY = "entry"  # a value that is no entry
