"""The documents say what the code does: no more, no less."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scrap import explanation
from scrap.cli.get_result import EXIT_CODES
from scrap.errors import Outcome, Reason
from scrap.fetch import FetchLimits
from scrap.settings import SETTINGS
from scripts import problem_types, settings_table

ROOT = Path(__file__).parent.parent.parent


def rows(document: str) -> list[list[str]]:
    """The cells of every table row of a document, without code marks."""
    lines = (ROOT / document).read_text().splitlines()
    return [
        [cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("| `")
    ]


def test_every_problem_is_documented_as_the_service_has_it() -> None:
    page = (ROOT / "docs/problems.md").read_text()
    assert page == problem_types.written(page), "run `make docs`"
    assert sorted(rows("docs/problems.md")) == sorted([reason.value, reason.sentence] for reason in Reason)


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs/problems.md").read_text()
    documented = {
        outcome: int(code)
        for code, outcomes in re.findall(r"^\| (\d+) \| (`[^|]*`) \|", page, re.MULTILINE)
        for outcome in re.findall(r"`(\w+)`", outcomes)
    }
    assert documented == {outcome: EXIT_CODES.get(outcome, 0) for outcome in Outcome}


def test_the_table_of_settings_is_up_to_date() -> None:
    assert (ROOT / "docs/settings.md").read_text() == settings_table.render(), "run `make docs`"


def value_of(path: str) -> bool:
    """Whether the chart has a value, by its path."""
    node: Any = yaml.safe_load((ROOT / "charts/scrap/values.yaml").read_text())
    for part in path.split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


@pytest.mark.parametrize("page", ["start", "clients", "troubleshooting", "security-model", "glossary"])
def test_settings_values_and_reasons_that_a_guide_names_exist(page: str) -> None:
    text = (ROOT / f"docs/{page}.md").read_text()
    variables = {f"SCRAP_{setting.name.upper().replace('-', '_')}" for setting in SETTINGS}
    assert set(re.findall(r"SCRAP_\w+", text)) <= variables
    values = re.findall(r"`((?:config|monitoring|networkPolicy)(?:\.\w+)+)[^`]*`", text)
    assert [path for path in values if not value_of(path)] == []
    assert set(re.findall(r"`(blocked_\w+|full|exhausted|draining|upstream_status)`", text)) <= set(Reason)


# The documents that explain: DESIGN.md, the decisions, the figures, where to change what.

DESIGN = ROOT / "DESIGN.md"
DECISIONS = sorted((ROOT / "docs/decisions").iterdir())
WHERE = ROOT / "docs/where-to-change.md"
WRAPPED = [
    *ROOT.glob("*.md"),
    *(path for path in (ROOT / "docs").glob("*.md") if path.name != "faults.md"),  # `make faults` writes that
    *(ROOT / "k8s").glob("*.md"),
    ROOT / "charts/scrap/rules/README.md",
    *DECISIONS,
]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "charts").rglob("*.md"),
    *(ROOT / "k8s").glob("*.md"),
]


def names(paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def prose(path: Path) -> list[str]:
    """A page's lines but for those of code."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()


def paths_in(text: str) -> list[str]:
    """What is a path of this repository among the words in code marks."""
    return [word for word in re.findall(r"`([^`\s]+)`", text) if "/" in word or word in {"CHANGELOG.md", "Dockerfile"}]


def test_the_design_is_short() -> None:
    assert len(DESIGN.read_text().splitlines()) <= 200


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


def test_pictures_of_pages_are_small_and_shown() -> None:
    texts = "".join(path.read_text() for path in PAGES)
    pictures = [*(ROOT / "docs/images").glob("page-*.png"), ROOT / "docs/images/api-docs.png"]
    assert len(pictures) == 7
    for picture in pictures:
        assert f"images/{picture.name})" in texts
        assert picture.stat().st_size < 150 * 1024


def test_decisions_are_numbered_and_listed() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    listed = re.findall(r"^\| \[(\d{4})\]\((docs/decisions/[^)]+)\)", DESIGN.read_text(), re.MULTILINE)
    assert listed == [(path.name[:4], str(path.relative_to(ROOT))) for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=names(DECISIONS))
def test_a_decision_is_short_and_has_its_three_parts(path: Path) -> None:
    text = path.read_text()
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
    assert text.startswith(f"# {path.name[:4]}: ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert all(part.strip() for part in re.split(r"^## .*$", text, flags=re.MULTILINE))
    assert len(text.splitlines()) <= 40


@pytest.mark.parametrize("path", WRAPPED, ids=names(WRAPPED))
def test_lines_wrap_at_120_columns(path: Path) -> None:
    """Rows of tables are lines however long they are."""
    assert [line for line in prose(path) if len(line) > 120 and not line.startswith("|")] == []


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", "\n".join(prose(path))):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", "\n".join(prose(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_row_of_where_to_change_names_a_file_and_its_test() -> None:
    rows_of = [line.strip("| ").split(" | ") for line in WHERE.read_text().splitlines() if line.startswith("| ")]
    cells = [row for row in rows_of if row[0] not in ("what", "---")]
    assert len(cells) > 40
    for what, files, test in cells:
        assert paths_in(files), what
        assert [path.split("/")[0] for path in paths_in(test)] == ["tests"], what
        assert [path for path in paths_in(files + test) if not (ROOT / path).is_file()] == [], what


@pytest.mark.parametrize("what", ["metric", "alert", "setting"])
def test_five_steps_that_name_real_files(what: str) -> None:
    section = re.search(rf"^## Add an? {what}$(.*?)(?=^## |\Z)", WHERE.read_text(), re.MULTILINE | re.DOTALL)
    assert section
    steps = re.split(r"^\d\. ", section[1], flags=re.MULTILINE)[1:]
    assert len(steps) == 5
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for step in steps:
        assert paths_in(step), step
        assert [path for path in paths_in(step) if not (ROOT / path).is_file()] == [], step
        assert set(re.findall(r"`make ([a-z-]+)`", step)) <= targets, step


def test_private_names_of_libraries_are_listed() -> None:
    private = re.compile(r"^\s*from (?!\.)(\w+\.(?:\w+\.)*_\w+|uvicorn\.\S+)(?:\.\S+)? import", re.MULTILINE)
    using = [path for path in (ROOT / "service").rglob("*.py") if private.search(path.read_text())]
    table = DESIGN.read_text().partition("## Private names of libraries\n")[2].partition("\n## ")[0]
    assert len(using) >= 3
    assert {str(path.relative_to(ROOT)) for path in using} <= set(paths_in(table))
    assert [path for path in paths_in(table) if not (ROOT / path).is_file()] == []


def test_every_warning_of_an_explanation_is_documented() -> None:
    documented = [row for row in rows("docs/explain.md") if row[0] in explanation.WARNINGS]
    sentences = {code: text.format(bytes=FetchLimits().decoded_bytes) for code, text in explanation.WARNINGS.items()}
    assert documented == [list(row) for row in sentences.items()]
