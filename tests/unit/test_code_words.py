"""Identifiers, comments and docstrings use the standard terms of the field, and each class has a name of its own."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests.words import ROOT, coined, without_exempt, words_of_code


def sources() -> list[Path]:
    """The modules of the service, the operator and the tests, relative to the root."""
    found = (path for folder in ("service", "tests") for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


@pytest.mark.parametrize("path", sources(), ids=str)
def test_code_has_no_coined_words(path: Path) -> None:
    words = words_of_code((ROOT / path).read_text(encoding="utf-8"))
    assert coined(without_exempt(path, words)) == []


def test_each_class_has_a_name_of_its_own() -> None:
    definitions = defaultdict(list)
    for path in sources():
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                definitions[node.name].append(f"{path}:{node.lineno}")
    assert {name: where for name, where in definitions.items() if len(where) > 1} == {}
