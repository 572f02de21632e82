"""html5lib's own test vectors (MIT), from its source distribution; uv.lock says where it is and what its hash is.

`python -m tests.vectors` fetches it into .cache, once; so does the first test that needs it.
"""

import hashlib
import json
import os
import re
import tarfile
import tomllib
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_DATA = re.compile(r"^#data\n(.*?)\n?^#errors", re.MULTILINE | re.DOTALL)
_ENCODING = re.compile(rb"^#data\n(.*?)\n#encoding\n(\S+)", re.MULTILINE | re.DOTALL)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_FOLDER = "html5lib-1.1/html5lib/tests/testdata/"


@cache
def _archive() -> Path:
    """Fetches the source distribution, unless it is there already.

    Raises:
        OSError: it cannot be read.
    """
    lock = tomllib.loads((_ROOT / "uv.lock").read_text())
    source = next(package["sdist"] for package in lock["package"] if package["name"] == "html5lib")
    path: Path = _ROOT / ".cache" / source["url"].rpartition("/")[2]
    if not path.exists():
        with urllib.request.urlopen(source["url"], timeout=20) as response:
            data = response.read()
        if "sha256:" + hashlib.sha256(data).hexdigest() != source["hash"]:
            raise OSError(f"{path.name} is not what uv.lock says")
        path.parent.mkdir(exist_ok=True)
        # Whole or not at all: the tests' other processes look for it, too.
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(data)
        part.replace(path)
    return path


def _files(folder: str, suffix: str) -> Iterator[bytes]:
    with tarfile.open(_archive()) as archive:
        for member in archive.getmembers():
            if member.name.startswith(_FOLDER + folder) and member.name.endswith(suffix):
                file = archive.extractfile(member)
                assert file
                yield file.read()


def tokenizer_inputs() -> list[str]:
    """The inputs of the tokenizer's vectors."""
    found = []
    for text in _files("tokenizer/", ".test"):
        cases: Any = json.loads(text.decode())
        for case in cases.get("tests") or cases.get("xmlViolationTests", ()):
            escaped: str = case["input"]
            found.append(_ESCAPE.sub(_unescaped, escaped) if case.get("doubleEscaped") else escaped)
    return found


def tree_construction_inputs() -> list[str]:
    """The inputs of the tree construction's vectors."""
    return [case for text in _files("tree-construction/", ".dat") for case in _DATA.findall(text.decode())]


def encodings() -> list[tuple[bytes, str]]:
    """The inputs of the encoding's vectors, and what they are encoded in."""
    return [
        (data, encoding.decode().lower())
        for text in _files("encoding/tests", ".dat")
        for data, encoding in _ENCODING.findall(text)
    ]


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


if __name__ == "__main__":
    print(len(tokenizer_inputs()), "tokenizer vectors,", len(tree_construction_inputs()), "of tree construction")
