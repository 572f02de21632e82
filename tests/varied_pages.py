"""Sixty pages as varied as real ones, made from their numbers: the same each time, and no stored page is needed.

A pod of the story has this module alone, so it imports nothing of the repository.
"""

import random

PAGES = 60
_WORDS = ["a", "of", "page", "link", "text", "the", "café", "漢字", "&amp;", "&quot;so&quot;", "it's", "2026", "read"]


def has_open_graph(number: int) -> bool:
    """Has this page Open Graph? One in twelve has none."""
    return number % 12 != 0


def page(number: int) -> bytes:
    """One page: 10 to 300 KB, of which the head has 33 on average; see `has_open_graph`."""
    rng = random.Random(number)  # noqa: S311 - the same pages every time

    def text(words: int) -> str:
        return " ".join(rng.choices(_WORDS, k=words))

    def filler() -> str:
        name, words = f"n{rng.randrange(1000)}", text(rng.randrange(3, 12))
        return rng.choice(
            (
                f'<meta name="{name}" content="{words}">',
                f"<meta name={name} content='{words}'/>",
                f'<link rel="alternate" hreflang="en" href="/{name}?a=1&amp;b=2">',
                f'<script async src="/{name}.js"></script>',
                f"<script>var {name} = {{a: [1, 2, 3], b: '<p>' + \"{name}\"}}; if (1 < 2) {{ {name}.c = 1 }}</script>"
                * 3,
                f'<script type="application/ld+json">{{"@type": "Article", "name": "{name}", "a": "{words}"}}</script>',
                f"<style>.{name} > a {{ color: #123456; margin: 0 auto }}</style>" * 4,
                f"<!-- {words} -->",
            )
        )

    properties = {
        "title": text(6),
        "description": text(25),
        "type": "article",
        "image": f"/{number}.jpg?w=1200&amp;h=630",
    }
    metas = [f'<meta property="og:{name}" content="{value}">' for name, value in properties.items()]
    parts = [filler() for _ in range(int(rng.lognormvariate(5.1, 0.8)))]
    if has_open_graph(number):
        at = rng.randrange(len(parts) + 1)
        parts[at:at] = metas
    body = (
        f'<div class="c{n % 7}"><p>{text(40)}</p><a href="/{n}">{text(2)}</a></div>'
        for n in range(rng.randrange(10, 800))
    )
    return "\n".join(
        [
            "<!doctype html><html><head><meta charset=utf-8><title>x</title>",
            *parts,
            "</head><body>",
            *body,
            "</body></html>",
        ]
    ).encode()
