"""A server of TLS 1.2 that knows no extension at all, as those before RFC 5746 (2010): ECDHE, ECDSA, AES-GCM.

OpenSSL always sends `renegotiation_info`, so this is written by hand (RFC 5246, 5288, 8422), for one connection.
"""

import asyncio
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.hostile.certificates import Issued

ECDHE_ECDSA_AES128_GCM_SHA256 = b"\xc0\x2b"
ALERT, HANDSHAKE, CONTENT = 21, 22, 23
CHANGE_CIPHER_SPEC = b"\x14\x03\x03\0\x01\x01"


def record(kind: int, data: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(data)) + data


def message(kind: int, data: bytes) -> bytes:
    return bytes([kind]) + len(data).to_bytes(3, "big") + data


def server_hello(random: bytes) -> bytes:
    """A ServerHello that ends with its compression method: no extensions."""
    return message(2, b"\x03\x03" + random + b"\0" + ECDHE_ECDSA_AES128_GCM_SHA256 + b"\0")


def prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """The pseudorandom function (RFC 5246, section 5)."""
    made, a = b"", label + seed
    while len(made) < size:
        a = hmac.digest(secret, a, hashlib.sha256)
        made += hmac.digest(secret, a + label + seed, hashlib.sha256)
    return made[:size]


class RecordProtection:
    """Protects the records of one direction (RFC 5288)."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._aead, self._salt, self._number = AESGCM(key), salt, 0

    def _next(self, kind: int, size: int) -> bytes:
        self._number += 1
        return struct.pack("!QBHH", self._number - 1, kind, 0x0303, size)

    def seal(self, kind: int, data: bytes) -> bytes:
        explicit = os.urandom(8)
        sealed = self._aead.encrypt(self._salt + explicit, data, self._next(kind, len(data)))
        return record(kind, explicit + sealed)

    def open(self, kind: int, data: bytes) -> bytes:
        return self._aead.decrypt(self._salt + data[:8], data[8:], self._next(kind, len(data) - 24))


class LegacyServer:
    """Answers one connection with this plaintext; serve `connected`.

    Attributes:
        alerts: what the client sent in place of the next message of its handshake.
        request: the client's, decrypted.
    """

    def __init__(self, leaf: Issued, plaintext: bytes) -> None:
        self.alerts: list[bytes] = []
        self.request = b""
        self._leaf = leaf
        self._plaintext = plaintext

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except asyncio.IncompleteReadError:
            pass  # the client has left
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        kind, _, size = struct.unpack("!BHH", await reader.readexactly(5))
        data = await reader.readexactly(size)
        if kind == ALERT:
            self.alerts.append(data)
        return kind, data

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, hello = await self._read(reader)
        client, server = hello[6:38], os.urandom(32)
        ours = ec.generate_private_key(ec.SECP256R1())
        point = ours.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        exchange = b"\x03\0\x17" + bytes([len(point)]) + point  # the named curve secp256r1
        signature = self._leaf.key.sign(client + server + exchange, ec.ECDSA(hashes.SHA256()))
        der = self._leaf.certificate.public_bytes(serialization.Encoding.DER)
        certificates = len(der).to_bytes(3, "big") + der
        said = (
            server_hello(server)
            + message(11, len(certificates).to_bytes(3, "big") + certificates)
            + message(12, exchange + b"\x04\x03" + struct.pack("!H", len(signature)) + signature)
            + message(14, b"")
        )
        writer.write(record(HANDSHAKE, said))
        kind, key_exchange = await self._read(reader)
        if kind == ALERT:
            return
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key_exchange[5:])
        secret = prf(ours.exchange(ec.ECDH(), theirs), b"master secret", client + server, 48)
        keys = prf(secret, b"key expansion", server + client, 40)
        reading, writing = RecordProtection(keys[:16], keys[32:36]), RecordProtection(keys[16:32], keys[36:])
        await self._read(reader)  # ChangeCipherSpec
        transcript = hello + said + key_exchange
        finished = reading.open(HANDSHAKE, (await self._read(reader))[1])
        assert finished[4:] == prf(secret, b"client finished", hashlib.sha256(transcript).digest(), 12)
        verify = prf(secret, b"server finished", hashlib.sha256(transcript + finished).digest(), 12)
        writer.write(CHANGE_CIPHER_SPEC + writing.seal(HANDSHAKE, message(20, verify)))
        self.request = reading.open(CONTENT, (await self._read(reader))[1])
        writer.write(writing.seal(CONTENT, self._plaintext) + writing.seal(ALERT, b"\x01\0"))
        await writer.drain()
