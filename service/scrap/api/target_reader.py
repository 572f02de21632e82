"""What a request asks for: the page of its query, in the languages of its client."""

from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from scrap import urls
from scrap.errors import InvalidURL, Reason
from scrap.fetch import accept_language

_LANGUAGES = b"accept-language"
_MOST = 4096  # requests that are remembered; the one that was not repeated for the longest is forgotten
_MEMORABLE = 512  # bytes of a query or a key: few are longer; 10 MiB at most are remembered


class TargetReader:
    """Reads targets, and remembers them: links that are shared are asked for again and again.

    `languages` is the Accept-Language of fetches for clients that name none, or the same.
    """

    def __init__(self, languages: str) -> None:
        self._languages = accept_language.normalized(languages)
        self._known: OrderedDict[tuple[bytes, bytes], urls.Target] = OrderedDict()

    def remembered(self, query: bytes, fields: Mapping[bytes, bytes]) -> urls.Target | None:
        """What `read` returned for the same not long ago."""
        return self._known.get((query, fields.get(_LANGUAGES, b"")))

    def read(self, query: bytes, fields: Mapping[bytes, bytes]) -> urls.Target:
        """Reads the `url` parameter, percent-decoded once (RFC 3986, section 2.1): a plus sign is a plus sign.

        Any other parameter is refused: it is almost always the rest of a URL that was not percent-encoded.

        Raises:
            InvalidURL: there is no such parameter, there are several, or it is no URL.
        """
        languages = fields.get(_LANGUAGES, b"")
        asked = query, languages
        if target := self._known.get(asked):
            self._known.move_to_end(asked)
            return target
        preferred = accept_language.normalized(languages.decode("latin-1")) if languages else ""
        target = _target_of(query)
        if preferred and preferred != self._languages:
            target = target.in_languages(preferred)
        if len(query) + len(languages) <= _MEMORABLE and len(target.key) <= _MEMORABLE:
            self._known[asked] = target
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return target


def _target_of(query: bytes) -> urls.Target:
    given: list[bytes] = []
    for field in query.split(b"&"):
        name, _, value = field.partition(b"=")
        if name == b"url":
            given.append(value)
        elif field:
            raise InvalidURL(Reason.QUERY_UNKNOWN)
    if not given or not given[0]:
        raise InvalidURL(Reason.URL_MISSING)
    if len(given) > 1:
        raise InvalidURL(Reason.URL_REPEATED)
    return urls.parse(urls.decode(unquote_to_bytes(given[0])))
