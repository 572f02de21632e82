"""A caller's connection, without a socket."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from scrap.api.connection import Connection, ConnectionConfig, ConnectionLimits
from scrap.api.refusals import Refusals
from scrap.events import ignore

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """What goes out."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    resume_reading = pause_reading


class Caller:
    """Somebody connected to an application that answers everything."""

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        self.asked = 0
        self.refusal: bytes | None = None
        self.wire = Wire()
        config = ConnectionConfig(
            limits=limits or ConnectionLimits(),
            refusals=Refusals(ignore),
            turn_away=lambda data: self.refusal,
            app=self.answer,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            timeout_keep_alive=0,
        )
        self.connection = Connection(config=config, server_state=ServerState(), app_state={})
        self.connection.connection_made(self.wire)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_leaves_while_unread_answers_wait_is_missed_by_every_request() -> None:
    caller = Caller()
    caller.connection.pause_writing()
    caller.connection.data_received(REQUEST * 3)
    await settle()
    assert (caller.asked, caller.wire.said) == (1, [])
    caller.wire.closed = True
    caller.connection.connection_lost(ConnectionResetError())
    await settle()
    assert (caller.asked, caller.wire.said) == (1, [])


async def test_who_is_turned_away_is_no_request_and_keeps_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller()
    caller.refusal = b"no"
    for _ in range(2):
        caller.connection.data_received(REQUEST)
    assert (caller.asked, caller.wire.said) == (0, [b"no", b"no"])
    caller.connection.timeout_keep_alive_handler()  # it has been in use
    assert not caller.wire.closed
    caller.refusal = None
    caller.connection.data_received(REQUEST)
    await settle()
    assert caller.asked == 1
    caller.connection.timeout_keep_alive_handler()
    assert caller.wire.closed


async def test_nobody_is_turned_away_in_the_middle_of_a_request() -> None:
    caller = Caller()
    caller.connection.data_received(REQUEST[:10])
    caller.refusal = b"no"
    caller.connection.data_received(REQUEST[10:])
    await settle()
    assert caller.asked == 1
    caller.connection.connection_lost(None)


async def test_one_connection_too_many_costs_an_answer() -> None:
    caller = Caller(ConnectionLimits(connections=0))
    assert caller.wire.said[0].startswith(b"HTTP/1.1 503 ")
    assert caller.wire.closed
    caller.connection.data_received(REQUEST)
    caller.connection.connection_lost(None)
    await settle()
    assert caller.asked == 0
