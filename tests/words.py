"""Coined words that public text must not have, each with the standard term to use."""

import re

# By pattern, in lower case: a plural or an inflection is spelled out only where it is a coined word as well.
COINED: dict[str, str] = {
    r"callers?": "client",
    r"hears?|heard": "receive; source available since",
    r"told": "receive, log",
    r"houses?": "service",
    r"doors?": "load shedder",
    r"places? (?:for work|taken|per|free)|(?:all|hold|a|few) places?": "slot",
    r"purses?": "memory budget",
    r"rooms?": "queue",
    r"we (?:are|were) full|(?:service|pod|instance|it) is full": "saturated",
    r"strained": "overloaded",
    r"lets? (?:\w+ )?in": "admit",
    r"turn(?:s|ed|ing)? (?:\w+ )?away": "reject",
    r"paces?": "rate limiter",
    r"manners": "per-host limits",
    r"crafts?": "component",
    r"aside": "executor",
    r"express(?: lane)?": "fast path",
    r"lanes?": "parser",
    r"laws?": "reference parser",
    r"doubts?": "fallback",
    r"unsure|not sure": "fallback reason",
    r"wonders?": "fallback",
    r"endings": "request summary",
    r"gather(?:ing|s|ed)?": "batch",
    r"tall(?:y|ies)": "counter",
    r"troubles?": "error kind",
    r"grades?|graded": "severity",
    r"mend(?:s|ed|ing)?": "fix",
    r"definitions?": "CRD",
    r"rivals?": "conflicting scalers",
    r"leanings?": "pending direction",
    r"wish(?:es|ed)?": "requested change",
    r"settl(?:e|es|ed|ing)": "warm-up",
    r"(?:not|cannot|could|to) be had": "fetched, available",
    r"of ours": "of the service; internal",
}
_ANY = re.compile(rf"\b(?:{'|'.join(COINED)})\b".replace(" ", r"\s+"), re.IGNORECASE)


def without_code(text: str) -> str:
    """Markdown without what is in code marks: fenced and indented blocks, and `identifiers`, which are stable."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ {4}\S.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", "", text)


def coined(text: str) -> list[str]:
    """The coined words of a text, in its order, in lower case."""
    return [re.sub(r"\s+", " ", word.lower()) for word in _ANY.findall(text)]
