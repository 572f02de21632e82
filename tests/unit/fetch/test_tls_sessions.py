"""Sessions are resumed where it pays: from the third connection on, for an hour, and not where a host does not."""

import contextlib
import ssl
import time

import pytest
import trustme

from scrap.fetch.tls_sessions import SECONDS, TLSSessions

AUTHORITY = trustme.CA()
HOST, PORT = "site.example", 443


def server_context(*, tls13: bool = True, tickets: bool = True) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(HOST, "other.example").configure_cert(context)
    if not tls13:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if not tickets:
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    return context


@pytest.fixture
def client() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def connected(client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLObject:
    """A connection that shook hands and carried something in both directions, in memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=HOST, session=session)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    steps = [ours.do_handshake, theirs.do_handshake]
    while steps:
        for step in steps[:]:
            with contextlib.suppress(ssl.SSLWantReadError):
                step()
                steps.remove(step)
    theirs.write(b"page")
    assert ours.read(4) == b"page"
    return ours


def visit(sessions: TLSSessions, client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    """One connection; whether its session was resumed."""
    session = sessions.get(HOST, PORT)
    connection = connected(client, server, session)
    sessions.note(HOST, PORT, connection, was_offered=session is not None)
    return bool(connection.session_reused)


@pytest.mark.parametrize("tls13", [True, False])
def test_a_host_that_is_seen_again_is_resumed_from_then_on(client: ssl.SSLContext, tls13: bool) -> None:
    sessions, server = TLSSessions(), server_context(tls13=tls13)
    assert [visit(sessions, client, server) for _ in range(5)] == [False, False, True, True, True]


def test_a_host_without_tickets_is_not_resumed(client: ssl.SSLContext) -> None:
    sessions, server = TLSSessions(), server_context(tickets=False)
    assert [visit(sessions, client, server) for _ in range(4)] == [False] * 4
    assert sessions.get(HOST, PORT) is None


def test_a_host_that_did_not_resume_is_not_asked_to_again(client: ssl.SSLContext) -> None:
    """Behind its name are several servers, which do not share their keys."""
    sessions, server = TLSSessions(), server_context()
    for _ in range(2):
        visit(sessions, client, server)
    assert sessions.get(HOST, PORT)
    assert not visit(sessions, client, server_context())
    assert sessions.get(HOST, PORT) is None
    assert not visit(sessions, client, server)
    assert sessions.get(HOST, PORT) is None


def test_a_certificate_is_verified_anew_after_an_hour(client: ssl.SSLContext) -> None:
    now = time.time()
    sessions, server = TLSSessions(clock=lambda: now), server_context()
    for _ in range(2):
        visit(sessions, client, server)
    now += SECONDS - 5
    assert sessions.get(HOST, PORT)
    now += 10
    assert sessions.get(HOST, PORT) is None


def test_only_so_many_hosts_are_remembered(client: ssl.SSLContext) -> None:
    sessions, server = TLSSessions(hosts=2), server_context()
    connection = connected(client, server, None)
    for host in ("a.example", "b.example", "a.example", "c.example", "b.example", "a.example"):
        sessions.note(host, PORT, connection, was_offered=False)
    assert sessions.get("a.example", PORT) is None, "it was forgotten, and is seen for the first time"
    sessions.note("b.example", PORT, connection, was_offered=False)
    assert sessions.get("b.example", PORT)
