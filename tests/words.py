"""Coined words, each with the standard term to use; what of a text they are looked for in, and what is exempt."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Regular expressions of whole words, in either case; an inflection is there only where it is a coined word as well.
COINED: dict[str, str] = {
    r"callers?|who(?:ever)? calls": "client",
    r"hears?|heard|heardSince": "receive; source available since",
    r"tells?(?! (?:\w+ )?apart)|told": "emit, log, receive",
    r"houses?": "service",
    r"doors?": "load shedder",
    r"places|(?:a|every|free) place|place (?:for work|taken|per)": "slot",
    r"purses?": "memory budget",
    r"rooms?": "queue",
    r"we (?:are|were) full|(?:service|pod|instance) is full|how full|full house|fullest pod": "saturated",
    r"strained": "overloaded",
    r"let(?:s|ting)? (?:\w+ )?in": "admit",
    r"turn(?:s|ed|ing)? (?:\w+ )?away": "reject",
    r"paces?": "rate limiter",
    r"manners": "per-host limits",
    r"crafts?": "component",
    r"aside": "executor",
    r"express(?: lane)?": "fast path",
    r"lanes?": "parser",
    r"laws?": "reference parser",
    r"doubts?|wonders?": "fallback",
    r"unsure|not sure": "fallback reason",
    r"endings": "request summary",
    r"gather(?:ing|s|ed)?": "batch",
    r"tall(?:y|ies)": "counter",
    r"troubles?": "error kind",
    r"(?<!carrier-)grades?|graded|grading|grave(?:r|st|ly)?": "severity",
    r"mend(?:s|ed|ing)?": "fix",
    r"(?:the|a|its|[a-z]+'s) definitions?": "CRD",
    r"NOT TAKEN|takes our": "select",
    r"rivals?": "conflicting scalers",
    r"lean(?:s|t|ings?)?": "pending direction",
    r"wish(?:es|ed)?": "requested change",
    r"settl(?:e|es|ed|ing)": "warm-up",
    r"since ever": "since installation",
    r"(?:not|cannot|could|to) be had": "fetched, available",
    r"of ours": "of the service; internal",
}
_PATTERNS = [
    (re.compile(rf"\b(?:{words})\b".replace(" ", r"\s+"), re.IGNORECASE), term) for words, term in COINED.items()
]
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # of an identifier, in snake_case or CamelCase


@dataclass(frozen=True)
class Exempt:
    """Text in which a coined word may stay.

    Attributes:
        paths: what `Path.match` takes.
        text: a regular expression of the text, `^` and `$` being those of a line.
        reason: why.
    """

    paths: str
    text: str
    reason: str


EXEMPT = (
    Exempt("*", r"""["`\\]caller[\\"`]|caller: an error of the""", "a value of the stable label `fault`"),
    Exempt("service/scrap/errors.py", r"\bcaller(?: error| left)?$", "named like their stable values"),
    Exempt("alertscalers.yaml", r"\bsettle(?=:$| must)|self\.settle\b|: \.settle$", "a field of the CRD"),
    Exempt("alertscalers.yaml", r"\bleaning:$", "a field of the CRD"),
    Exempt("alertscalers.yaml", r"\bheardSince:$", "a field of the CRD"),
)


def coined(text: str) -> list[str]:
    """The coined words of a text, each with its line and the standard term, in the text's order."""
    found = sorted((word.start(), word[0], term) for pattern, term in _PATTERNS for word in pattern.finditer(text))
    lines = [text.count("\n", 0, start) + 1 for start, _, _ in found]
    words = [" ".join(word.split()) for _, word, _ in found]
    return [f"{line}: {word!r}, use {term!r}" for line, word, (_, _, term) in zip(lines, words, found, strict=True)]


def without_exempt(path: Path, text: str) -> str:
    """The text of a file, relative to the root, without what is exempt; its lines keep their numbers."""
    for exempt in EXEMPT:
        if path.match(exempt.paths):
            text = re.sub(exempt.text, lambda found: "\n" * found[0].count("\n"), text, flags=re.MULTILINE)
    return text


def without_code(text: str) -> str:
    """Markdown without what is in code marks: fenced and indented blocks, and `identifiers`, which are stable."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ {4}\S.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", "", text)


def words_of_code(source: str) -> str:
    """What a module defines and documents: its identifiers, word by word, its comments and docstrings, on their lines.

    An identifier counts where it is defined: a library's names are not the repository's. In comments and docstrings,
    `identifiers` do not count, nor do other strings: they are public text, or values that are stable.
    """
    tree = ast.parse(source)
    lines: list[list[str]] = [[] for _ in range(source.count("\n") + 2)]
    for line, name in _defined(tree):
        lines[line].append(" ".join(_WORD.findall(name)).lower())
    prose = [""] * len(lines)
    for line, text in (*_docstrings(tree), *_comments(source)):
        prose[line] += re.sub(r"`[^`]*`", "", text)
    return "\n".join(". ".join(filter(None, [text.strip(), *names])) for text, names in zip(prose, lines, strict=True))[
        1:
    ]


def _defined(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant(value=str(text)) as docstring), *_])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str(text)) as docstring), *_])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str(text)) as docstring), *_])
                | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str(text)) as docstring), *_])
            ):
                yield from enumerate(text.split("\n"), docstring.lineno)


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")
