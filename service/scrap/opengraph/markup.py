r"""The part of HTML's token grammar that finds metas, as regular expressions over bytes (HTML, section 13.2.5).

All are linear: quantifiers of bytes are possessive (`*+`) and repeated groups stand between `_MANY` and `_DONE`, so
what was matched is never tried another way. Bytes will do: the grammar is ASCII, and in every charset that is scanned
this way none of its bytes is part of another character.
"""

import re
import sys

from scrap.opengraph.document import NAMESPACES

RAW_TEXT = ("script", "style", "title", "textarea", "iframe", "noframes", "noembed", "xmp")
DECLARING = ("base", "html", "head")
DIVERGING = ("svg", "math", "select", "table", "template", "frameset", "plaintext")

# A group as often as it can be, for good. Before Python 3.11.5 a possessive group is read wrongly (gh-106052); an
# atomic one is right everywhere and makes the scanner a fifth slower.
_MANY, _DONE = ("(?:", ")*+") if sys.version_info >= (3, 11, 5) else ("(?>(?:", ")*)")


def _compile(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode(), re.VERBOSE)


def _any_case(*names: str) -> str:
    """One of some names, in any case: faster than re.IGNORECASE."""
    return f"(?:{'|'.join(re.sub('[a-z]', lambda a: f'[{a[0]}{a[0].upper()}]', name) for name in names)})"


def _names(*names: str) -> str:
    """A tag's name, whole."""
    return f"{_any_case(*names)}(?=[{_S}/>])"


_S = r"\t\n\f\r\x20"
_VALUE = rf"""(?: "[^"]*+" | '[^']*+' | [^{_S}>"'][^{_S}>]*+ )"""
_ATTRIBUTE_NAME = rf"[^{_S}/>][^{_S}/>=]*+"  # it may even begin with =

# What follows a tag's name, up to its >. A name that is followed by = has a value, or the tag is not complete. Most are
# written as in the first line, which costs less than the second to read.
_ATTRIBUTES = rf"""
    {_MANY} \x20[a-zA-Z-]++="[^"]*+" {_DONE}
    {_MANY} [{_S}/]*+ {_ATTRIBUTE_NAME} (?: ={_VALUE} | [{_S}]*+=[{_S}]*+(?:{_VALUE}|(?=>)) | (?![{_S}]*+=) ) {_DONE}
    [{_S}/]*+
"""
_KNOWN = f"{_any_case(*sorted(NAMESPACES))}:"
_NAMED = r'(?:property|name)="{}"'.format

# A meta does not count if none of its attributes does. Most do not, and this skips them at once.
_IRRELEVANT_ATTRIBUTE = rf"""
    [{_S}]++ (?:
        (?: content | data-[a-z-]++ | itemprop | id | class ) ="[^"]*+"
        | {_NAMED(rf'(?!{_KNOWN})[^"&{_S}]*+')}
        | http-equiv="(?!(?:{_any_case("content")}-{_any_case("type")}|{_any_case("refresh")})")[^"&]*+"
    )
"""
_IRRELEVANT_META = rf"""{_names("meta")} {_MANY} {_IRRELEVANT_ATTRIBUTE} {_DONE} [{_S}/]*+"""

# Short texts, read at once; most scripts and all titles are.
_SHORT_TEXT = "|".join(
    rf"{_names(name)} {_ATTRIBUTES} > [^<]{{0,1000}}+ </{_any_case(name)}>" for name in ("script", "style", "title")
)

_SPECIAL = _names("meta", *RAW_TEXT, *DECLARING, *DIVERGING)

# Of html and head, only prefix and xmlns: matter.
_IRRELEVANT_DECLARATION = rf"""{_names("html", "head")} {_MANY} \x20(?!prefix)[a-z-]++="[^"]*+" {_DONE} [{_S}/]*+"""

# Everything that neither counts nor changes how the rest is read.
_IRRELEVANT = rf"""{_MANY}
    [^<]*+ <(?:
        / (?!{_names("head")}) [a-zA-Z][^{_S}/>]*+ {_ATTRIBUTES} >
        | (?!{_SPECIAL}) [a-zA-Z][^{_S}/>]*+ {_ATTRIBUTES} >
        | (?: {_IRRELEVANT_META} | {_IRRELEVANT_DECLARATION} ) >
        | {_SHORT_TEXT}
        | !-- (?: -?+> | (?!-?+\0) {_MANY} [^-]++ | -(?!-) {_DONE} --> )    # comments with no -- inside
        | (?: !(?!--) | \? | /(?![a-zA-Z]) ) [^>]*+ >   # doctype and bogus comments
        | (?=[^a-zA-Z!/?])                      # text after all
    )
{_DONE} [^<]*+"""


# Most metas that may count. The key has no reference, and is not so long that it is slow to read.
_USUAL_META = rf"""
    {_names("meta")} [{_S}]++ (?> (?: (?:data-[a-z-]++|itemprop|id|class)="[^"]*+" [{_S}]++ )? )
    {_NAMED('([^"&]{0,1024}+)')} [{_S}]++ content="([^"]*+)" [{_S}/]*+ >
"""

# What matters, once all of it is there; else nothing. `lastindex` is its kind.
TOKEN = _compile(rf"""{_IRRELEVANT} (?> (?: <(?:
    {_USUAL_META}
    | (/{_names("head")} | {_SPECIAL}) ({_ATTRIBUTES}) >
    | (!--) (?= -?+[^\0-] | -- )
    | (!---?+\0)
) )? )""")
# Of a usual meta, the group before is its property or name; of a special tag, its name, and what follows that.
(_, USUAL_META, _, SPECIAL, COMMENT, COMMENT_WITH_NUL) = range(1, 7)

# A tag (or a comment that is none) of more than LONGEST bytes is not matched as a whole, for C code holds everything
# else up. It is read on from where it was left, in a state as the standard's tokenizer has them (HTML, section
# 13.2.5.8 following). TOKEN is given no more than LONGEST bytes, so that the same tags are long in whatever pieces they
# come; its slowest bytes take 0.1 µs each.
LONGEST = 24 * 1024
LONG_TAG = _compile(rf"<(?: ( /{_names('head')} | {_SPECIAL} ) | /?[a-zA-Z] | ([!?/]) )")
# A value that is not quoted, or a name, is known to be whole by what follows it; there may be no more than one that is
# not.
_WHOLE_ATTRIBUTE = rf"""
    [{_S}/]*+ {_ATTRIBUTE_NAME} (?:
        [{_S}]*+ = [{_S}]*+ (?: "[^"]*+" | '[^']*+' | [^{_S}>"'][^{_S}>]*+ (?=[{_S}>]) | (?=>) )
        | [{_S}]*+ (?=[^{_S}=])
    )
"""

# The states between tags, in text without tags and in long tags: the first byte of what ends it, if there is one (to
# get there fast); that; and for each group of that the next state (None: the text or the tag has ended).
State = tuple[bytes, re.Pattern[bytes], tuple[bytes | None, ...]]
END_TAG = b"end tag"  # is read again among tags, for its attributes
_SCRIPT = _any_case("script")


def _state(pattern: str, *nexts: bytes | None, first: bytes = b"") -> State:
    return first, _compile(pattern), nexts


STATES = {
    **{name.encode(): _state(rf"<(?=(/){_names(name)})", END_TAG, first=b"<") for name in RAW_TEXT},
    b"comment": _state(r"(--)!?>", None, first=b"-"),
    # The script data states (HTML, section 13.2.5.4 and 13.2.5.18 following): a comment hides the tags of a script.
    b"script": _state(rf"<(?: (?=(/){_names('script')}) | (!)(?=--) )", END_TAG, b"script escaped", first=b"<"),
    b"script escaped": _state(
        rf"(--)> | <(?: (?=(/){_names('script')}) | ({_SCRIPT})[{_S}/>] )", b"script", END_TAG, b"script in script"
    ),
    b"script in script": _state(rf"(--)> | <(/){_SCRIPT}[{_S}/>]", b"script", b"script escaped"),
    # Of a long tag: what belongs to the state as well. Where a name is left among the spaces behind it, the next name
    # is read as if it were part of that one.
    b"tag name": _state(rf"[^{_S}/>]*+ ((?=[{_S}/>]))?", b"attributes"),
    b"attributes": _state(
        rf"{_MANY} {_WHOLE_ATTRIBUTE} {_DONE} [{_S}/]*+ (?: (>) | ([^{_S}/>]) )?", None, b"attribute name"
    ),
    b"attribute name": _state(rf"[^{_S}/>=]*+ [{_S}]*+ (?: (=) | ((?=[^{_S}=])) )?", b"value", b"attributes"),
    b"value": _state(
        rf"""[{_S}]*+ (?: (>) | (") | (') | ([^{_S}>"']) )?""", None, b"double-quoted", b"single-quoted", b"unquoted"
    ),
    b"double-quoted": _state('[^"]*+ (")?', b"attributes"),
    b"single-quoted": _state("[^']*+ (')?", b"attributes"),
    b"unquoted": _state(rf"[^{_S}>]*+ (?: ([{_S}]) | (>) )?", b"attributes", None),
    b"bogus comment": _state("[^>]*+ (>)?", None),
}
LONGEST_END = len("</textarea ")  # so much of a text is looked at again when there is more of it

# The long metas that need no reading of attributes: (property or name, and content), or none, for they do not count.
LONG_META = _compile(rf"""
    < (?: {_USUAL_META} | {_names("meta")} (?> (?: {_IRRELEVANT_ATTRIBUTE} ){{1,16}} ) [{_S}/]*+ > )
""")

# What may count behind the head, wherever it stands: where nothing looks like this, be it tag, text or value, nothing
# counts. It is also how to look where the tree may differ from TOKEN's grammar.
APPARENT = _compile(rf"<(?=[mMbBhHfF]) ({_names('meta', *DECLARING, 'frameset')}) ([^<>]*+) (>?)")
LONGEST_NAME = len("<frameset")
IRRELEVANT_TAG = _compile(f"<(?: {_IRRELEVANT_META} | {_IRRELEVANT_DECLARATION} ) >")  # of these

COMPLETE = _compile(_ATTRIBUTES)  # all that may stand between a tag's name and its >: no quote is open
_ATTRIBUTE = _compile(rf"""
    [{_S}/]*+ ({_ATTRIBUTE_NAME})
    (?> (?: [{_S}]*+=[{_S}]*+ (?: "([^"]*+)" | '([^']*+)' | ([^{_S}>"'][^{_S}>]*+) | ) )? )
""")


def attributes(written: bytes) -> dict[bytes, bytes]:
    """Reads the attributes of a complete tag: names in lower case, the first of each counts, values as written."""
    found = _ATTRIBUTE.findall(written)
    return {name.lower(): double or single or bare for name, double, single, bare in reversed(found)}
