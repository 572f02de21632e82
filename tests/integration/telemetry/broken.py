"""`scrap serve` with a bug in it: it fails on pages at /broken, and on those at /breaking from the second time on, in
words that give the target away.

python -m tests.integration.telemetry.broken serve
"""

from scrap import cli
from scrap.cache import Cache
from scrap.cache.entry import Entry

WORDS = "no {url}, no {end!r}, no ann:pw@example.org"  # not near their use: source lines are sent
_put = Cache.put
_kept: set[str] = set()


def put(cache: Cache, key: str, entry: Entry) -> None:
    """Fails as no known error does.

    Raises:
        RuntimeError: the page is at /broken, or at /breaking and was kept before.
    """
    _, is_broken, end = key.partition("/broken")
    if is_broken or ("/breaking" in key and key in _kept):
        raise RuntimeError(WORDS.format(url=key, end=end))
    _kept.add(key)
    _put(cache, key, entry)


if __name__ == "__main__":
    # The fault is put in where every page passes, in the real service.
    Cache.put = put  # type: ignore[method-assign, assignment]
    cli.main()
