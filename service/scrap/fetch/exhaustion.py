"""Whose fault is it that a look-up or a connection failed: the host's, or this machine's, which had nothing left?

The same exceptions report both. What is ours must not be blamed on the page, nor kept.
"""

import errno
import resource
import socket

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch.addresses import Address

# No descriptor in the process or the machine, no memory for a socket or its buffers.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_FEW = 16  # descriptors: with fewer than this left, a look-up of another thread may have had none


def blame(error: OSError, reason: Reason, internal: str, address: Address | None = None) -> Overloaded | UpstreamError:
    """Translates a failed system call: EXHAUSTED where it is our own fault, else `reason`."""
    return Overloaded(Reason.EXHAUSTED, internal) if is_ours(error, address) else UpstreamError(reason, internal)


def is_ours(error: Exception | None, address: Address | None = None) -> bool:
    """Whether a failure comes from this machine's own exhaustion; `address` is what was being connected to."""
    if isinstance(error, socket.gaierror):  # its errno is an EAI code; Python raises EAI_SYSTEM as the OSError it is
        return error.errno == socket.EAI_MEMORY
    if not isinstance(error, OSError):
        return False
    if error.errno == errno.EADDRNOTAVAIL:
        return address is not None and _has_source(address)
    return error.errno in _OURS


def has_no_descriptors() -> bool:
    """Whether this process has no descriptor left to use, or hardly one.

    After a look-up has failed: without a descriptor glibc reports "no such name" or "try again", as for names that do
    not exist. The kernel gives the lowest number that is free (POSIX, open), so a high one means that few are left.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return most != resource.RLIM_INFINITY and probe.fileno() + _FEW >= most
    except OSError as error:
        return is_ours(error)


def _has_source(address: Address) -> bool:
    """Whether this machine has an address to reach another from: then TCP's EADDRNOTAVAIL means its ports ran out.

    Where it has none (IPv6 is switched off) the error is the same, and does not mean exhaustion. Connecting a datagram
    socket asks the kernel for route and source, and sends nothing.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
    except OSError as error:
        return error.errno in _OURS
    return True
