"""Which failures are ours; EADDRNOTAVAIL needs a socket: tests/integration/fetch/test_exhaustion.py."""

import errno
import socket
from ipaddress import ip_address

import pytest

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch import exhaustion


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_what_this_machine_runs_out_of_is_our_fault(number: int) -> None:
    error = exhaustion.blame(OSError(number, "gone"), Reason.CONNECT_FAILED, "why")
    assert isinstance(error, Overloaded)
    assert (error.reason, error.internal) == (Reason.EXHAUSTED, "why")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        OSError(errno.ENETUNREACH, "no route"),
        OSError("without a number"),
        TimeoutError(errno.ETIMEDOUT, "silence"),
        socket.gaierror(socket.EAI_NONAME, "no such name"),
        socket.gaierror(errno.EMFILE, "an EAI code of some system, and no errno"),
    ],
)
def test_what_the_host_does_is_its_own(error: OSError) -> None:
    blamed = exhaustion.blame(error, Reason.DNS_FAILED, "why", ip_address("192.0.2.1"))
    assert isinstance(blamed, UpstreamError)
    assert (blamed.reason, blamed.internal) == (Reason.DNS_FAILED, "why")


def test_the_resolver_without_memory_is_our_fault() -> None:
    assert exhaustion.is_ours(socket.gaierror(socket.EAI_MEMORY, "no memory"))
    assert not exhaustion.is_ours(ValueError("no system call failed"))
