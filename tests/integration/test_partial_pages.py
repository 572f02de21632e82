"""Pages that end early, over real sockets: what was read by then is the result, if it is of use."""

import asyncio
import gzip
import logging
import random
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from time import perf_counter

import brotli
import orjson
import pytest
from backports import zstd

from scrap.admission import AdmissionLimits
from scrap.cache.freshness import FreshnessPolicy
from scrap.errors import Outcome, Reason
from scrap.events import Event, FetchEnded
from scrap.fetch import FetchLimits
from tests.hostile.answers import HTML, Answer, page, says
from tests.hostile.certificates import NAME, Certificates
from tests.hostile.names import Names
from tests.hostile.origin import Request, serving
from tests.integration.test_previewing import previewing

TITLE = b'<meta property="og:title" content="T">'
HEAD = b"<html><head>" + TITLE + b"</head><body>"
TWO = b"<html><head>" + TITLE + b'<meta property="og:type" content="article">'
CHUNKED = HTML + b"Transfer-Encoding: chunked\r\n\r\n"
DEADLINE = 0.4
PARSE = 0.25  # seconds that are left to parse, as in fetch/deadline.py


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def resets(first: bytes) -> Answer:
    """Sends something, and resets the connection once it has arrived."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        connection = writer.get_extra_info("socket")
        while struct.unpack("I", fcntl_outq(connection))[0]:
            await asyncio.sleep(0.001)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return answer
