"""Refreshes over real sockets: which are followed, and that they are redirects in every other way."""

import asyncio
import random
import time
from urllib.parse import urlsplit

import orjson
import pytest

from scrap.cache.freshness import FreshnessPolicy
from scrap.errors import Outcome, Reason
from scrap.events import Event, FetchEnded
from scrap.preview import Preview
from tests.hostile.answers import HTML, by_path, page, redirect, says
from tests.hostile.origin import Answer, Request, serving
from tests.integration.test_previewing import previewing

CARD = b'<head><meta property="og:title" content="T"></head>'
NOTHING = b"<head><title>One moment</title></head>"


def refresh(value: bytes, body: bytes = NOTHING, *fields: bytes) -> Answer:
    """A page with a Refresh header."""
    return page(body, b"Refresh: " + value, *fields)


def refresh_here(value: bytes) -> Answer:
    """The same, with the origin's own host and port in it."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await refresh(value % (request.header("host") or "").encode())(request, writer)

    return answer


def meta(content: bytes, *, before: bytes = b"", after: bytes = b"") -> Answer:
    """A page that declares a refresh."""
    return page(before + b'<meta http-equiv="refresh" content="%b">' % content + after)


# The answer at /a/from, which leads to /to and its title T.
FOLLOWED: dict[str, Answer] = {
    "header": refresh(b"0;url=/to"),
    "header, relative": refresh(b"0; url=../to"),
    "header, quoted": refresh(b"""3; URL = '/to' and more"""),
    "header, a comma": refresh(b"0,/to"),
    "header, white space alone": refresh(b"5 /to"),
    "header, a fraction": refresh(b".5; /to"),
    "header, scheme-relative": refresh_here(b"0;url=//%b/to"),
    "header, absolute": refresh_here(b"0;url=http://%b/to#there"),
    "header, of what is no HTML": says(b"HTTP/1.1 200 OK\r\nRefresh: 0;url=/to\r\nContent-Length: 0\r\n\r\n"),
    "header, of text": says(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nRefresh: 0;url=/to\r\nContent-Length: 2\r\n\r\nHi"
    ),
    "header, in which base does not count": refresh(b"0;url=../to", b'<base href="/x/y/z">' + NOTHING),
    "header, before the page's own": refresh(b"0;url=/to", b'<meta http-equiv=refresh content="0;url=/other">'),
    "header that is none, and the page's own": refresh(b"now", b'<meta http-equiv=refresh content="0;url=/to">'),
    "meta": meta(b"0;url=/to"),
    "meta, upper case and quoted": page(b"<META HTTP-EQUIV=Refresh CONTENT=\"1; URL='/to'\">"),
    "meta, in noscript": meta(b"0;url=/to", before=b"<noscript>", after=b"</noscript><script>location='/x'</script>"),
    "meta, with references": meta(b"0;url=&#47;to"),
    "meta, relative to base": meta(b"0;url=to", before=b'<base href="/">'),
    "meta, and a base that is none": meta(b"0;url=/to", before=b'<base href="data:,x">'),
    "meta, which the reference parser reads": page(
        b'<table><tr><td></table><meta http-equiv=refresh content="0;url=/to"><svg></svg>'
    ),
    "meta, and the content ends early": says(
        HTML + b'Content-Length: 9999\r\n\r\n<head><meta http-equiv=refresh content="0;url=/to"></head>'
    ),
    "a chain": refresh(b"0;url=/one"),
    "cookies": refresh(b"0;url=/gate", NOTHING, b"Set-Cookie: seen=yes; Path=/"),
}
# Likewise; it stays where it is.
STAYS: dict[str, Answer] = {
    "too late": refresh(b"6;url=/to"),
    "too late, though the page's own is not": refresh(b"30", b'<meta http-equiv=refresh content="0;url=/to">'),
    "no URL": refresh(b"0"),
    "no time": refresh(b"url=/to"),
    "itself": refresh(b"0;url=/a/from"),
    "itself, whatever the base": page(b'<base href="/to"><meta http-equiv=refresh content="5">'),
    "a host that a Location could not have, either": refresh(b"0;url=http://exa%6Dple.com/"),
    "itself, elsewhere in the page": meta(b"0;url=#there"),
    "javascript": meta(b"0;url=javascript:location='/to'"),
    "mail": refresh(b"0;url=mailto:somebody@example.com"),
    "an app": meta(b"0;url=intent://to#Intent;scheme=https;end"),
    "a file": refresh(b"0;url=file:///etc/passwd"),
    "credentials": refresh_here(b"0;url=http://user:secret@%b/to"),
    "no host": refresh(b"0;url=http://"),
    "a long URL": refresh(b"0;url=/" + b"a" * 9000),
    "the word in a comment": page(b'<!-- <meta http-equiv=refresh content="0;url=/to"> -->'),
    "the word in a template": page(b'<template><meta http-equiv=refresh content="0;url=/to"></template>'),
    "the word in a name": page(b'<meta name=refresh content="0;url=/to">'),
}
LEADS_NOWHERE: dict[str, tuple[Answer, int]] = {  # and how many hops there are
    "to what is not there": (refresh(b"0;url=/nowhere"), 2),
    "to a name that is none": (meta(b"0;url=http://name.invalid/"), 2),
    "to a page that breaks off": (refresh(b"0;url=/broken"), 2),
    "in a loop": (refresh(b"0;url=/back"), 2),
    "in a loop of both kinds": (meta(b"0;url=/redirects-back"), 2),
    "too often": (refresh(b"0;url=/1"), 6),
}


FAILS: dict[str, tuple[Answer, Reason]] = {
    "to what is private": (refresh(b"0;url=http://10.0.0.1/"), Reason.BLOCKED_ADDRESS),
    "to metadata": (meta(b"0;url=http://169.254.169.254/latest/"), Reason.BLOCKED_ADDRESS),
    "to an odd spelling of it": (meta(b"0;url=http://0xa9fea9fe/"), Reason.BLOCKED_ADDRESS),
    "to a name that is blocked": (refresh(b"0;url=http://metadata.google.internal/"), Reason.BLOCKED_NAME),
    "to what redirects to what is private": (refresh(b"0;url=/private"), Reason.BLOCKED_ADDRESS),
    "of an error's response": (
        says(b"HTTP/1.1 404 Not Found\r\nRefresh: 0;url=/to\r\nContent-Length: 0\r\n\r\n"),
        Reason.UPSTREAM_STATUS,
    ),
}


async def gate(request: Request, writer: asyncio.StreamWriter) -> None:
    await page(CARD if request.header("cookie") == "seen=yes" else NOTHING)(request, writer)


AROUND: dict[str, Answer] = {
    "/to": page(CARD),
    "/other": page(NOTHING),
    "/one": redirect(b"/two"),
    "/two": meta(b"0;url=/three"),
    "/three": redirect(b"/to"),
    "/gate": gate,
    "/broken": says(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9999\r\n\r\n<p"),
    "/private": redirect(b"http://10.0.0.1/"),
    "/back": meta(b"0;url=/a/from"),
    "/redirects-back": redirect(b"/a/from"),
    **{f"/{number}": refresh(b"0;url=/%d" % (number + 1)) for number in (1, 3, 5)},
    **{f"/{number}": redirect(b"/%d" % (number + 1)) for number in (2, 4)},
    "/6": page(CARD),
}


async def preview_of(answer: Answer) -> tuple[Preview, FetchEnded, list[str]]:
    """The preview of /a/from, what its fetch emitted, and which paths were asked for."""
    emitted: list[Event] = []
    async with (
        serving(by_path({"/a/from": answer, **AROUND})) as origin,
        previewing(emit=emitted.append) as make,
    ):
        preview = await make(origin.url("/a/from"))
    (event,) = (each for each in emitted if isinstance(each, FetchEnded))
    return preview, event, [request.path for request in origin.requests]


@pytest.mark.parametrize("name", FOLLOWED)
async def test_a_refresh_that_is_followed(name: str) -> None:
    preview, event, paths = await preview_of(FOLLOWED[name])
    assert orjson.loads(preview.entry.body).get("title") == "T"
    middle = {"a chain": ["/one", "/two", "/three", "/to"], "cookies": ["/gate"]}.get(name, ["/to"])
    assert paths == ["/a/from", *middle]
    assert [urlsplit(hop.url).path for hop in event.hops] == paths


@pytest.mark.parametrize("name", STAYS)
async def test_a_refresh_that_is_not_followed(name: str) -> None:
    preview, event, paths = await preview_of(STAYS[name])
    assert (preview.entry.outcome, preview.entry.body) == (Outcome.NO_OPEN_GRAPH, b"{}")
    assert paths == ["/a/from"]
    assert len(event.hops) == 1


@pytest.mark.parametrize("name", LEADS_NOWHERE)
async def test_a_page_whose_refresh_leads_nowhere_has_no_open_graph(name: str) -> None:
    answer, hops = LEADS_NOWHERE[name]
    preview, event, _ = await preview_of(answer)
    assert (preview.entry.outcome, preview.entry.body) == (Outcome.NO_OPEN_GRAPH, b"{}")
    assert preview.entry.fresh_until - preview.entry.stored <= FreshnessPolicy().negative
    assert len(event.hops) == hops


@pytest.mark.parametrize("name", FAILS)
async def test_a_refresh_fails_as_a_redirect_does(name: str) -> None:
    answer, reason = FAILS[name]
    preview, event, paths = await preview_of(answer)
    assert preview.entry.reason is reason
    assert len(event.hops) == len(paths)


async def test_a_page_with_open_graph_is_not_left() -> None:
    graph = b'<meta property="og:type" content="article">'
    for answer in (refresh(b"0;url=/to", graph), meta(b"0;url=/to", after=graph)):
        preview, _, paths = await preview_of(answer)
        assert orjson.loads(preview.entry.body)["type"] == "article"
        assert paths == ["/a/from"]


async def test_the_base_of_a_page_is_where_it_was_found() -> None:
    image = b'<head><meta property="og:image" content="i.png"></head>'
    async with serving(by_path({"/from": refresh(b"0;url=/far/to"), "/far/to": page(image)})) as origin:
        async with previewing() as make:
            preview = await make(origin.url("/from"))
        assert orjson.loads(preview.entry.body)["image"] == origin.url("/far/i.png")


async def test_a_header_that_says_nothing_does_not_move_the_base() -> None:
    silent = refresh(b"abc", b'<base href="/far/"><meta http-equiv="refresh" content="0;url=to">')
    async with serving(by_path({"/from": silent, "/far/to": page(CARD)})) as origin, previewing() as make:
        preview = await make(origin.url("/from"))
    assert preview.entry.location == origin.url("/far/to")


async def test_the_last_page_decides_how_long_its_preview_lives() -> None:
    answers = {
        "/from": refresh(b"0;url=/to", NOTHING, b"Cache-Control: max-age=9000"),
        "/to": page(CARD, b"Cache-Control: max-age=700"),
    }
    async with serving(by_path(answers)) as origin, previewing(clock=lambda: 1e9) as make:
        entry = (await make(origin.url("/from"))).entry
    assert entry.fresh_until == pytest.approx(entry.stored + 700, abs=20)


async def test_no_value_of_a_refresh_header_is_an_internal_error() -> None:
    """Values from pieces of the grammar and from bytes, end to end: a result each, and the page at /to or none."""
    chance = random.Random(20)  # noqa: S311 - made for the test
    pieces = [
        *(b"0", b"5", b"99999999999999999999", b".", b"0.5", b";", b",", b" ", b"\t", b"url", b"URL", b"=", b"'", b'"'),
        *(b"/to", b"//", b"http://", b"https:", b"[::1]", b"127.0.0.1", b"@", b":", b"%", b"\\", b"..", b"?", b"#"),
        *(b"javascript:", b"data:", b"\xe4", b"\xc3\xa4", b"\xff", b"xn--", b"\xc2\xa0", b"a" * 3000, b"\x7f", b"*"),
    ]
    values = [b"".join(chance.choices(pieces, k=chance.randrange(12))) for _ in range(300)]
    values += [bytes(chance.choices([*range(0x20, 0x100), 9], k=chance.randrange(40))) for _ in range(200)]
    values += [b"0;url=" + b"".join(chance.choices(pieces, k=chance.randrange(1, 6))) for _ in range(300)]
    allowed = {None, Reason.BLOCKED_ADDRESS, Reason.BLOCKED_NAME, Reason.BLOCKED_PORT, Reason.UPSTREAM_STATUS}
    allowed |= {Reason.REDIRECT_LOOP, Reason.PROTOCOL_ERROR, Reason.DNS_FAILED, Reason.CONNECT_FAILED}
    allowed |= {Reason.TLS_FAILED}
    by_number = {f"/from?{number}": value for number, value in enumerate(values)}

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await refresh(by_number.get(request.path, b""))(request, writer)

    async with serving(answer) as origin, previewing() as make:
        for path, value in by_number.items():
            assert (await make(origin.url(path))).entry.reason in allowed, value


async def test_long_values_take_no_longer_than_they_are() -> None:
    """CPU time of a dozen headers of 60,000 bytes, the origin's included."""
    pieces = (b"0;", b"0 ", b"9", b".", b" ", b";", b"0;url", b"0;url=", b"0;url='", b"0;url=%", b"0;url=/../", b"\xe4")
    async with previewing() as make:
        started = time.process_time()
        for piece in pieces:
            async with serving(by_path({"/from": refresh((piece * 60_000)[:60_000])})) as origin:
                assert (await make(origin.url("/from"))).entry.outcome in {
                    Outcome.NO_OPEN_GRAPH,
                    Outcome.UPSTREAM_ERROR,
                }
        assert time.process_time() - started < 2.0
