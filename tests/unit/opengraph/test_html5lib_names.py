"""The names of html5lib that are used and not public: where one disappears, this says which."""

import re
from pathlib import Path

import pytest
from html5lib import HTMLParser
from html5lib._inputstream import HTMLUnicodeInputStream
from html5lib._tokenizer import HTMLTokenizer
from html5lib.treebuilders import getTreeBuilder

import scrap

SOURCE = Path(scrap.__file__).parent
DESIGN = (SOURCE.parents[1] / "DESIGN.md").read_text(encoding="utf-8")
PARSER = ["innerHTMLMode", "scripting", "tokenizer", "reset", "mainLoop", "parseError"]
TREE_BUILDER = ["elementClass", "insertText", "insertComment", "openElements"]
STREAM = "reportCharacterErrors"


def test_html5lib_has_what_is_used_of_it() -> None:
    parser = HTMLParser(getTreeBuilder("etree"))
    parser.parse("<p>")
    assert [name for name in PARSER if not hasattr(parser, name)] == []
    assert [name for name in TREE_BUILDER if not hasattr(parser.tree, name)] == []
    stream = HTMLTokenizer("<p>", parser).stream
    assert isinstance(stream, HTMLUnicodeInputStream)
    assert hasattr(stream, STREAM)


@pytest.mark.parametrize("name", ["html5lib._tokenizer", "HTMLTokenizer", "stream", STREAM, *PARSER, *TREE_BUILDER])
def test_each_is_listed_in_the_design(name: str) -> None:
    section = DESIGN.partition("## Private names of libraries")[2].partition("\n## ")[0]
    assert f"`{name}`" in section


def test_no_other_file_uses_them() -> None:
    private = re.compile(r"^\s*(?:from|import) html5lib\._", re.MULTILINE)
    using = [path for path in SOURCE.rglob("*.py") if private.search(path.read_text(encoding="utf-8"))]
    assert [path.relative_to(SOURCE).as_posix() for path in using] == ["opengraph/tree.py"]
