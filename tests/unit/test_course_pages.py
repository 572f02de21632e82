"""The pages of the course: each has its parts, both languages have the same commands, and each command exists."""

import re
from pathlib import Path

import pytest

from tests.documents import ROOT, commands
from tests.words import coined, without_code

ENGLISH = sorted((ROOT / "docs/course").glob("*.md"))
EXERCISES = [path for path in ENGLISH if path.name != "README.md"]
PARTS = {
    "course": ["Do", "What you see", "Questions", "Clean up"],
    "ko/course": ["할 일", "보이는 것", "질문", "정리"],
}
AIMS = {"course": "**Aim.** ", "ko/course": "**목표.** "}
PROGRAMS = {"make", "kubectl", "k8s/up", "k8s/down"}


def page(folder: str, path: Path) -> str:
    """A page in one of the languages."""
    return (ROOT / "docs" / folder / path.name).read_text()


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def test_there_are_seven_exercises_in_both_languages() -> None:
    assert [path.name[0] for path in EXERCISES] == list("1234567")
    assert [path.name for path in sorted((ROOT / "docs/ko/course").iterdir())] == [path.name for path in ENGLISH]


@pytest.mark.parametrize("folder", PARTS)
@pytest.mark.parametrize("path", EXERCISES, ids=names(EXERCISES))
def test_an_exercise_has_its_parts(path: Path, folder: str) -> None:
    text = page(folder, path)
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^## (.*)$", outside, re.MULTILINE) == PARTS[folder]
    assert AIMS[folder] in text
    questions = text.partition(f"\n## {PARTS[folder][2]}\n")[2].partition(f"\n## {PARTS[folder][3]}\n")[0]
    asked = re.findall(r"^\*\*.*", questions, re.MULTILINE)
    folded = re.findall(r'^<details markdown="1"><summary>\w+</summary>\n\n', questions, re.MULTILINE)
    assert 2 <= len(asked) == len(folded)


@pytest.mark.parametrize("path", ENGLISH, ids=names(ENGLISH))
def test_both_languages_have_the_same_commands(path: Path) -> None:
    assert commands(f"docs/ko/course/{path.name}") == commands(f"docs/course/{path.name}")


@pytest.mark.parametrize("path", ENGLISH, ids=names(ENGLISH))
def test_its_commands_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command, _ in commands(f"docs/course/{path.name}"):
        program, *arguments = command.split()
        assert program in PROGRAMS
        assert program != "make" or arguments[0] in targets
        assert "/" not in program or (ROOT / program).is_file()


@pytest.mark.parametrize("path", ENGLISH, ids=names(ENGLISH))
def test_its_words_are_the_fields(path: Path) -> None:
    assert coined(without_code(path.read_text())) == []


@pytest.mark.parametrize("folder", PARTS)
@pytest.mark.parametrize("path", ENGLISH, ids=names(ENGLISH))
def test_lines_wrap(path: Path, folder: str) -> None:
    """Korean letters are twice as wide; rows of tables and commands are lines however long they are."""
    prose = re.sub(r"^```.*?^```", "", page(folder, path), flags=re.MULTILINE | re.DOTALL)
    assert [line for line in prose.splitlines() if len(line) > 120 and not line.startswith("|")] == []


def test_the_chapters_own_questions_are_answered() -> None:
    text = " ".join(" ".join(path.read_text() for path in ENGLISH).split()).lower()
    for question in (
        "median or mean?",
        "which alarm wakes whom?",
        "is this disk urgent?",
        "how many servers are healthy right now?",
    ):
        assert question in text
