"""Content codings, fed byte by byte and at once, whole and broken."""

import gzip
import random
import zlib
from collections.abc import Iterator

import brotli
import pytest
from backports import zstd

from scrap.errors import Reason, UpstreamError
from scrap.fetch import FetchLimits
from scrap.fetch.coding import Brotli, ContentDecoder, codings
from tests.hostile.answers import GIB, MIB, bomb

TEXT = b"<p>some text</p>" * 1000
STEP = 1024


def raw(data: bytes) -> bytes:
    inner = zlib.compressobj(9, zlib.DEFLATED, -15)
    return inner.compress(data) + inner.flush()


CODED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "deflate, raw": raw(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstd.compress(TEXT),
}


def decoder(coding: str, **changes: int) -> ContentDecoder:
    return ContentDecoder(coding, FetchLimits(inflate_step=STEP, **changes))


def pieces(made: ContentDecoder, data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield from made.feed(data[start : start + size])


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize("coding", CODED)
def test_whole_streams_in_bounded_pieces(coding: str, size: int) -> None:
    made = decoder(coding.removesuffix(", raw"))
    got = list(pieces(made, CODED[coding], size))
    assert b"".join(got) == TEXT
    assert max(map(len, got)) <= STEP
    assert made.finished
    assert not made.overflowed


@pytest.mark.parametrize("coding", CODED)
def test_streams_that_end_early(coding: str) -> None:
    made = decoder(coding.removesuffix(", raw"))
    got = b"".join(pieces(made, CODED[coding][:-10], 16))
    assert TEXT.startswith(got)
    assert not made.finished


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_streams_that_are_none(coding: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        list(decoder(coding).feed(b"<!doctype html><title>not coded at all</title>" * 10))
    assert caught.value.reason is Reason.BODY_UNREADABLE


def until_damage(coding: str, data: bytes, size: int) -> bytes:
    """What a damaged stream gives before its error."""
    got: list[bytes] = []
    with pytest.raises(UpstreamError) as caught:
        got.extend(pieces(decoder(coding), data, size))
    assert caught.value.reason is Reason.BODY_UNREADABLE
    assert max(map(len, got), default=0) <= STEP
    return b"".join(got)


def damaged(coding: str, data: bytes) -> bytes:
    """Damages a stream in its last quarter, so that its decoder fails: most damage makes other content."""
    at = len(data) * 3 // 4
    for seed in range(1000):
        made = data[:at] + random.Random(seed).randbytes(len(data) - at)  # noqa: S311 - made for the test
        try:
            list(decoder(coding).feed(made))
        except UpstreamError:
            return made
    raise AssertionError(coding)


def in_small_blocks(text: bytes) -> bytes:
    made = zstd.ZstdCompressor()
    blocks = (made.compress(text[at : at + STEP], made.FLUSH_BLOCK) for at in range(0, len(text), STEP))
    return b"".join((*blocks, made.flush()))


COMPRESS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate, raw": raw,
    "br": brotli.compress,
    "zstd": in_small_blocks,
    "gzip, br": lambda text: brotli.compress(gzip.compress(text)),
    "deflate, gzip": lambda text: gzip.compress(zlib.compress(text)),
}


@pytest.mark.parametrize("coding", COMPRESS)
def test_what_came_before_the_damage_is_given(coding: str) -> None:
    """Libraries give nothing of the call that fails; in whatever pieces the bytes come, little is lost."""
    text = b"".join(b"%x " % (number * 7919 * number % 1_000_003) for number in range(4000))
    name = coding.removesuffix(", raw")
    data = damaged(name, COMPRESS[coding](text))
    bytewise = until_damage(name, data, 1)
    assert text.startswith(bytewise[:10_000])
    for size in (700, 100_000):
        assert bytewise.startswith(until_damage(name, data, size)[:-600])
        assert len(until_damage(name, data, size)) >= len(bytewise) - 600


def test_damage_behind_the_limit_of_a_page() -> None:
    """brotli fails in one call for what is behind the limit, and in small ones it does not come to it."""
    text = b"".join(b"<p>%d %x</p>" % (number, number * 7919) for number in range(1500))
    made, got = decoder("br", decoded_bytes=5 * STEP), list[bytes]()
    with pytest.raises(UpstreamError) as caught:
        got.extend(made.feed(damaged("br", brotli.compress(text))))
    assert caught.value.reason is Reason.BODY_UNREADABLE
    assert b"".join(got) == text[: 5 * STEP]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_all_is_given_where_the_checksum_is_wrong(coding: str) -> None:
    for size in (1, 100_000):
        assert until_damage(coding, CODED[coding][:-4] + b"\xff" * 4, size) == TEXT


def test_a_damaged_bomb_is_decoded_anew_in_steps_of_their_own() -> None:
    """brotli fills its window before it gives a byte: 35 ms each time, while nothing else runs."""
    bomb = brotli.compress(bytes(15 << 20), quality=5, lgwin=24)
    steps = decoder("br").feed(bomb[:-1] + b"\xff" * 30)
    assert [next(steps) for _ in range(3)] == [b""] * 3
    with pytest.raises(UpstreamError):
        next(steps)


def test_of_a_long_body_the_call_that_failed_is_lost() -> None:
    """More than 32 KiB of coded bytes are not kept: what was given before counts, without what the last call had."""
    text = random.Random(0).randbytes(100_000)  # noqa: S311 - likewise
    got = until_damage("gzip", gzip.compress(text)[:-4] + b"\xff" * 4, 16_384)
    assert text.startswith(got)
    assert len(got) > 80_000


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_several_members(coding: str) -> None:
    data = CODED[coding] + CODED[coding]
    for size in (1, len(CODED[coding]), len(data)):
        assert b"".join(pieces(decoder(coding), data, size)) == TEXT * 2


def test_what_follows_a_gzip_stream_is_ignored() -> None:
    for size in (1, 1000):
        made = decoder("gzip")
        assert b"".join(pieces(made, CODED["gzip"] + b"\0\0\0 padding \x1f", size)) == TEXT
        assert made.finished


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, raw", "br", "zstd"])
def test_bomb_is_inflated_no_further_than_asked(coding: str) -> None:
    """Each piece is a step; whoever stops asking stops the inflating."""
    body = bomb("raw deflate" if coding == "deflate, raw" else coding)
    made = decoder(coding.removesuffix(", raw"), decoded_bytes=10 * STEP)
    assert sum(map(len, made.feed(body))) == 10 * STEP
    assert made.overflowed


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, raw", "br", "zstd"])
def test_bomb_is_one(coding: str) -> None:
    """By its beginning, for it is alike all along: as a whole it would take seconds."""
    body = bomb("raw deflate" if coding == "deflate, raw" else coding)
    assert len(body) <= 1.1 * MIB
    made = ContentDecoder(coding.removesuffix(", raw"), FetchLimits(inflate_step=MIB, decoded_bytes=GIB))
    beginning = body[: len(body) // 32]
    given = sum(map(len, made.feed(beginning)))
    assert given / len(beginning) * len(body) >= 0.95 * GIB


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_members_are_counted(coding: str) -> None:
    data = CODED[coding] * 3
    assert b"".join(decoder(coding, members=3).feed(data)) == TEXT * 3
    with pytest.raises(UpstreamError) as caught:
        list(decoder(coding, members=2).feed(data))
    assert caught.value.reason is Reason.BODY_UNREADABLE


def test_outer_layer_is_bounded_as_well() -> None:
    """gzip in gzip: the outer layer alone would give megabytes, of which the inner one makes nothing."""
    made = decoder("gzip, gzip", decoded_bytes=10 * STEP)
    assert b"".join(made.feed(bomb("gzip, gzip"))) == b""
    assert made.overflowed


def test_zstd_window_is_bounded() -> None:
    frames = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    wide = frames.compress(TEXT) + frames.flush()
    with pytest.raises(UpstreamError) as caught:
        list(decoder("zstd").feed(wide))
    assert caught.value.reason is Reason.BODY_UNREADABLE


@pytest.mark.parametrize("header", ["", "identity", "none", "utf-8", "identity, "])
def test_nothing_to_undo(header: str) -> None:
    assert codings(header, FetchLimits()) == []


@pytest.mark.parametrize("header", ["compress", "gzip, dcb", "gzip, gzip, gzip", "br, br"])
def test_nothing_we_undo(header: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        codings(header, FetchLimits())
    assert caught.value.reason is Reason.BODY_UNREADABLE


@pytest.mark.parametrize(("coding", "least"), [("gzip", 0), ("br", 2 * STEP), ("zstd", STEP)])
def test_decoders_say_what_memory_they_hold(coding: str, least: int) -> None:
    """brotli gives all that its window holds at once; zstd keeps what it gave."""
    made = decoder(coding)
    assert made.held == 0
    assert next(made.feed(CODED[coding]))
    assert made.held >= least
    assert coding != "gzip" or made.held == 0


def test_a_window_of_brotli_is_freed_where_it_holds_more_than_a_page_may_have() -> None:
    """16 MiB of zeros are inflated before the first byte is given: what is kept of them is the page."""
    made = decoder("br", decoded_bytes=MIB)
    taken = made.feed(bomb("br"))
    next(taken)
    assert sum(map(len, taken)) == MIB - STEP
    assert made.overflowed
    (coding,) = codings("br", FetchLimits(decoded_bytes=MIB))
    assert isinstance(coding, Brotli)
    list(coding.feed(bomb("br")))
    assert coding.inflater is None
