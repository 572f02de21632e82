"""Texts of the chart, the dashboards and the runbooks use the standard terms of the field.

A folder joins by a glob in `PATHS`, a word by a line in `tests.words.COINED`.
"""

from functools import cache
from pathlib import Path

import pytest

from tests.words import ROOT, coined, without_exempt

# Globs from the root of the repository.
PATHS = (
    "charts/scrap/**/*",
    "docs/dashboards.md",
    "docs/faults.md",
    "docs/runbooks/*.md",
    "docs/slack.md",
    "k8s/*",
    "scripts/alert_test.py",
    "scripts/dashboards/*.py",
)


@cache
def files() -> tuple[Path, ...]:
    """Every file of `PATHS`, relative to the root."""
    found = {path.relative_to(ROOT) for glob in PATHS for path in ROOT.glob(glob) if path.is_file()}
    return tuple(sorted(path for path in found if "__pycache__" not in path.parts))


@pytest.mark.parametrize("path", files(), ids=str)
def test_no_coined_word_comes_back(path: Path) -> None:
    assert coined(without_exempt(path, (ROOT / path).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("glob", PATHS)
def test_every_path_has_files(glob: str) -> None:
    assert any(ROOT.glob(glob))
